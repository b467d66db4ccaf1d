"""The shell's own commands."""

import pytest

from amiproxy.tools.shell.language.commands import Typed, read_command, read_watch, switched
from amiproxy.tools.shell.language.words import UsageError


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        (r"\q", Typed("q", (), "")),
        (r"\?", Typed("h", (), "")),
        (r"\h Originate", Typed("h", ("Originate",), "Originate")),
        (
            r"\filter Channel='PJSIP/a b*' -x",
            Typed("filter", ("Channel=PJSIP/a b*", "-x"), "Channel='PJSIP/a b*' -x"),
        ),
        (r"\watch 5 Command a 'b", Typed("watch", ("5 Command a 'b",), "5 Command a 'b")),
    ],
)
def test_a_command_has_words(line: str, typed: Typed) -> None:
    assert read_command(line) == typed


def test_an_unknown_command_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean \\filter"):
        read_command(r"\fliter x")


@pytest.mark.parametrize(
    ("words", "now", "then"), [((), True, False), (("on",), True, True), (("off",), True, False)]
)
def test_a_switch_is_set_or_changed(words: tuple[str, ...], now: bool, then: bool) -> None:
    assert switched(Typed("json", words, ""), now) is then


def test_a_switch_takes_no_other_word() -> None:
    with pytest.raises(UsageError, match=r"\\json \[on\|off\]"):
        switched(Typed("json", ("maybe",), ""), False)


def test_watch_takes_seconds_and_an_action() -> None:
    assert read_watch(read_command(r"\watch 0.5 CoreShowChannels")) == (0.5, "CoreShowChannels")


@pytest.mark.parametrize(
    "line", [r"\watch", r"\watch 5", r"\watch x Ping", r"\watch 0 Ping", r"\watch nan Ping"]
)
def test_watch_refuses_anything_else(line: str) -> None:
    with pytest.raises(UsageError):
        read_watch(read_command(line))
