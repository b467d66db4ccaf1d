import io

import pytest
from rich.console import Console

from amiproxy.cli.ctl import top
from tests.cli.ctl.answering import SESSION, STATUS, STRANGER, Answering, ctl, reply


def test_ctrl_c_ends_top_without_failure(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(top.time, "sleep", interrupt)
    assert ctl(answering, "top") == 0
    assert "events in" in capsys.readouterr().out
    assert ctl(answering, "top", "--json") == 1
    assert "status --json" in capsys.readouterr().err


def test_top_polls_until_the_proxy_stops_answering(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([reply(STATUS), reply([SESSION])] * 3)
    answering.answer = lambda _: [next(looks, b"{")]
    monkeypatch.setattr(top.time, "sleep", lambda _: None)
    assert ctl(answering, "top") == 3
    assert len(answering.asked) == 7


def drawn(before: top.Look, now: top.Look, width: int, height: int) -> str:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(top.screen(before, now, height))
    return console.export_text()


def test_the_screen_shows_rates_and_the_busiest_sessions_first() -> None:
    before = top.Look(0.0, STATUS, [SESSION])
    counters = {**STATUS["counters"], "events_in": 1100, "deliveries": 5000}
    busy = {**SESSION, "id": "bbbbbbbbbbbb", "outbox": 0, "bytes_out": 9000}
    now = top.Look(
        2.0,
        {**STATUS, "counters": counters},
        [STRANGER, busy, {**SESSION, "bytes_out": SESSION["bytes_out"] + 4096}],
    )
    text = drawn(before, now, 100, 24)
    assert "events in 500/s" in text
    assert "delivered 2,000/s" in text
    rows = [line.split() for line in text.splitlines() if "192.0.2.1" in line]
    assert [row[0] for row in rows] == ["5f1e09c2ab34", "000000000001", "bbbbbbbbbbbb"]
    assert "2.0 KiB" in text
    assert "Ctrl-C to quit" in text


def test_the_screen_fits_its_terminal() -> None:
    sessions = [{**SESSION, "id": f"{number:012x}"} for number in range(200)]
    look = top.Look(1.0, STATUS, sessions)
    for width, height in ((80, 24), (120, 50), (200, 12)):
        lines = drawn(look, look, width, height).splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert "more" in lines[-1]
    assert "-" in drawn(look, look, 80, 24), "without elapsed time there is no rate"
