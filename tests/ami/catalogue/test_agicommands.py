"""The table of AGI commands: how a verb is found in it."""

import pytest

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.agicommands import COMMANDS, MOST_WORDS, as_markdown, crash, find


def test_the_longest_verb_is_found() -> None:
    assert find([b"get", b"full", b"variable", b"x"]) == (b"get", b"full", b"variable")
    assert find([b"exec", b"noop"]) == (b"exec",)
    assert find([b"get", b"nothing"]) is None
    assert find([b"answer"]) == (b"answer",)


def test_commands_that_reach_the_database_or_any_file_are_closed() -> None:
    assert {b" ".join(verb) for verb, command in COMMANDS.items() if command.closed} == {
        b"database del",
        b"database deltree",
        b"database get",
        b"database put",
        b"speech load grammar",
    }
    assert COMMANDS[(b"set", b"variable")].kinds == (Kind.VARIABLE_SET, Kind.VARIABLE_VALUE)


@pytest.mark.parametrize(
    ("said", "crashes"),
    [
        ([b"noop", *[b""] * (MOST_WORDS - 1)], False),
        ([b"noop", *[b""] * MOST_WORDS], True),
        ([b"nothing", *[b""] * MOST_WORDS], True),
        ([b"GET", b"OPTION", b"beep", b"#"], True),
        ([b"get", b"option", b"beep", b"#", b""], False),
        ([b"get", b"data", b"beep"], False),
        ([b"nothing"], False),
        ([], False),
    ],
)
def test_command_lines_that_crash_asterisk_are_recognised(said: list[bytes], crashes: bool) -> None:
    assert bool(crash(said)) == crashes


def test_the_markdown_table_has_kinds_and_required_arguments() -> None:
    text = as_markdown()
    assert "`ANSWER` -; " in text
    assert "`GET OPTION` sounds! digits! milliseconds!; " in text
    assert "`DATABASE PUT` (class `system`)" in text
