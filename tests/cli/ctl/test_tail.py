import json
from typing import Any

import pytest
from rich.console import Console

from amiproxy.cli.ctl import _KINDS, tail
from amiproxy.net.admin.logkinds import KINDS
from amiproxy.tools import terminal
from tests.cli.ctl.answering import Answering, ctl, reply

BEGUN = {"kinds": ["denial"], "kept": 200}
DENIED: dict[str, Any] = {
    "time": "2026-11-30T10:00:01.250Z",
    "level": "warning",
    "event": "action-denied",
    "kind": "denial",
    "user": "dialer",
    "peer": "192.0.2.7",
    "session": "5f1e09c2ab34",
    "action": "Originate",
    "target": "application=System",
    "rule": "application",
    "why": "it needs class system",
    "generation": 3,
}
CLOSED = {
    "time": "2026-11-30T10:00:02.000Z",
    "level": "info",
    "event": "session-close",
    "kind": "session",
    "peer": "192.0.2.7",
    "session": "5f1e09c2ab34",
    "user": "dialer",
    "reason": "slow consumer",
    "seconds": 302.5,
    "bytes_in": 2048,
    "bytes_out": 400_000,
}
DOWN = {
    "time": "2026-11-30T10:00:03.000Z",
    "level": "error",
    "event": "upstream-down",
    "kind": "link",
    "reason": "[Errno 111] Connection refused",
    "retry_in": 1.5,
}


def test_the_service_is_asked_for_what_was_chosen(answering: Answering) -> None:
    answering.answer = lambda _: [reply(BEGUN), b"{"]
    ctl(
        answering,
        "tail",
        "--user",
        "wall",
        "--kind",
        "denial,limit",
        "--session",
        "x",
        "--server",
        "pbx2",
        "-n",
        "50",
    )
    ctl(answering, "tail")
    chosen = {"kinds": "denial,limit", "user": "wall", "session": "x", "server": "pbx2", "last": "50"}
    usual = {"kinds": "", "user": "", "session": "", "server": "", "last": "10"}
    assert [asked["arguments"] for asked in answering.asked] == [chosen, usual]


def test_an_unknown_kind_is_wrong_usage(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ctl(answering, "tail", "--kind", "denial,logn")
    assert ended.value.code == 2
    assert "logn" in capsys.readouterr().err
    assert not answering.asked


def test_lines_say_who_what_and_why(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering.answer = lambda _: [*map(reply, (BEGUN, DENIED, CLOSED, {"dropped": 12}, DOWN)), b"{"]
    assert ctl(answering, "tail") == 3
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert first.split()[:4] == ["10:00:01", "action-denied", "dialer", "Originate"]
    assert "rule application: it needs class system" in first
    assert "session=5f1e09c2ab34" in first
    assert "generation" not in first
    assert "slow consumer after 5 m 02 s, 2.0 KiB in, 391 KiB out" in second
    assert third.startswith("12 lines dropped")
    assert fourth.split()[:3] == ["10:00:03", "upstream-down", "-"]
    assert "[Errno 111] Connection refused retry_in=1.5" in fourth


def test_json_has_one_object_per_line_and_nothing_else(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.answer = lambda _: [*map(reply, (BEGUN, DENIED, {"dropped": 12})), b"{"]
    assert ctl(answering, "tail", "--json") == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == DENIED
    assert lines[1] == {
        "time": DENIED["time"],
        "level": "warning",
        "event": "dropped",
        "kind": "dropped",
        "dropped": 12,
    }


def test_ctrl_c_ends_it_without_failure(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    answering.answer = lambda _: [reply(BEGUN), reply(DENIED), b"{"]
    monkeypatch.setattr(tail.terminal, "show", interrupted)
    assert ctl(answering, "tail") == 0


def test_with_retry_it_goes_on_after_a_restart_and_repeats_no_line(
    answering: Answering, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = {**DENIED, "session": "aaaaaaaaaaaa"}
    answers = iter(
        [
            [*map(reply, (BEGUN, CLOSED, DENIED)), b"{"],
            [*map(reply, (BEGUN, earlier, CLOSED, DOWN, DOWN)), b"{"],
            [b'{"ok": false, "error": "too many connections"}\n'],
        ]
    )
    answering.answer = lambda _: next(answers)
    monkeypatch.setattr(tail.time, "sleep", lambda _: None)
    assert ctl(answering, "tail", "--retry", "--json") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # What the first connection has shown is left out; equal lines of one connection are not.
    assert lines == [CLOSED, DENIED, DOWN, DOWN]
    assert [asked["arguments"]["last"] for asked in answering.asked] == ["10", "9999", "9999"]


@pytest.mark.parametrize("width", [60, 80])
def test_a_long_line_goes_on_below_its_event(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    out = Console(force_terminal=True, color_system=None, width=width, markup=False, highlight=False)
    terminal.show(tail.shown({**DENIED, "action": "Ori\x1bginate"}), to=out)
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("10:00:01  action-denied   dialer")
    assert rest
    assert all(line.startswith(" " * 10) and len(line) <= width for line in (" " * 10 + first, *rest)[1:])
    assert "Ori\\x1bginate" in " ".join([first, *rest])


def test_the_help_names_the_kinds_of_the_service() -> None:
    assert _KINDS == KINDS
