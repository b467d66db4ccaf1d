"""The journal on the running loop, with lines that the test logs."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from amiproxy import log
from amiproxy.net.admin import journal as module
from amiproxy.net.admin.journal import KEPT, Choice, Journal, Line, Tail
from amiproxy.net.admin.logkinds import KINDS
from tests.support.waiting import DEADLINE

ALL = Choice(frozenset(KINDS))


pytestmark = pytest.mark.usefixtures("log_restored")


@pytest.fixture
def output() -> io.StringIO:
    stream = io.StringIO()
    log.configure("json", "info", stream)
    return stream


@pytest.fixture
def journal(output: io.StringIO) -> Iterator[Journal]:
    made = Journal()
    made.open()
    yield made
    made.close()


async def taken(lines: AsyncIterator[Line], number: int) -> list[Line]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(lines) for _ in range(number)]


async def test_a_line_has_the_names_and_values_of_the_json_log(journal: Journal, output: io.StringIO) -> None:
    with Tail(journal, ALL, 0) as tail:
        log.say(
            log.WARNING, "action-denied", user="dialer", action=b"Orig\x1binate", why=None, ok=True, count=7
        )
        (line,) = await taken(tail.lines(), 1)
    logged = json.loads(output.getvalue())
    assert line.pop("kind") == "denial"
    assert line == logged
    assert line["action"] == "Orig\\x1binate"


async def test_a_reader_gets_only_what_it_chose(journal: Journal) -> None:
    choice = Choice(frozenset({"login", "denial"}), user="Dialer", session="s1")
    with Tail(journal, choice, 0) as tail:
        log.say(log.INFO, "login", session="s1", user="dialer", place=1)
        log.say(log.INFO, "session-close", session="s1", user="dialer")
        log.say(log.INFO, "login", session="s2", user="dialer")
        log.say(log.INFO, "login", session="s1", user="boss")
        log.say(log.INFO, "login", session="s1")
        log.say(log.WARNING, "login-failed", session="s1", user=b"DIALER", place=2)
        assert [line["place"] for line in await taken(tail.lines(), 2)] == [1, 2]


async def test_the_last_lines_come_first(journal: Journal) -> None:
    for number in range(KEPT + 50):
        log.say(log.INFO, "login", user="a" if number % 2 else "b", number=number)
    with Tail(journal, Choice(frozenset(KINDS), user="a"), 3) as tail:
        log.say(log.INFO, "login", user="a", number=1000)
        numbers = [line["number"] for line in await taken(tail.lines(), 4)]
    assert numbers == [KEPT + 45, KEPT + 47, KEPT + 49, 1000]


async def test_a_slow_reader_loses_lines_and_gets_their_number(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROOM", 5)
    with Tail(journal, ALL, 0) as tail:
        for number in range(17):
            log.say(log.INFO, "login", number=number)
        lines = tail.lines()
        first = await taken(lines, 6)
        assert [line.get("number") for line in first] == [0, 1, 2, 3, 4, None]
        assert first[-1] == {"dropped": 12}
        log.say(log.INFO, "login", number=17)
        assert [line["number"] for line in await taken(lines, 1)] == [17]


async def test_readers_get_info_while_the_log_shows_only_errors(
    journal: Journal, output: io.StringIO
) -> None:
    log.configure("json", "error", output)
    with Tail(journal, ALL, 0) as tail:
        log.say(log.INFO, "login", user="a")
        log.configure("json", "error", output)  # as a reload does
        log.say(log.DEBUG, "control-lost")
        log.say(log.WARNING, "limit-hit", limit="x")
        assert [line["event"] for line in await taken(tail.lines(), 2)] == ["login", "limit-hit"]
    assert output.getvalue() == ""
    assert not logging.getLogger("amiproxy").isEnabledFor(log.WARNING), "nobody reads any more"


async def test_without_a_reader_no_line_becomes_text(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.configure("json", "error", io.StringIO())
    monkeypatch.setattr(module.Fact, "line", property(lambda _: pytest.fail("made text")))
    log.say(log.INFO, "login", target=lambda: pytest.fail("made text"))
    log.say(log.ERROR, "fault", where="here")


async def test_kept_lines_hold_no_large_values(journal: Journal) -> None:
    log.say(log.INFO, "action-denied", action=b"x" * 100_000)
    log.exception("fault", ValueError("y" * 100_000), where="here")
    with Tail(journal, ALL, 9) as tail:
        assert max(len(value) for fact in journal._kept for value in map(str, fact.fields.values())) < 400
        denied, fault = await taken(tail.lines(), 2)
    assert str(denied["action"]).endswith("x…")
    assert str(fault["error"]).startswith("ValueError: yyy")


async def test_lines_of_other_threads_wake_the_reader(journal: Journal) -> None:
    with Tail(journal, ALL, 0) as tail:
        lines = tail.lines()
        waiting = asyncio.get_running_loop().create_task(taken(lines, 1))
        await asyncio.sleep(0)
        thread = threading.Thread(target=log.say, args=(log.WARNING, "log-lost"), kwargs={"lines": 3})
        thread.start()
        assert (await waiting)[0]["lines"] == 3
        thread.join()


async def test_a_closed_journal_does_not_listen(output: io.StringIO) -> None:
    made = Journal()
    made.open()
    made.close()
    assert made not in logging.getLogger("amiproxy").handlers
    log.say(log.INFO, "login")
    with Tail(made, ALL, 9) as tail:
        log.say(log.INFO, "login", number=2)
        assert [line["number"] for line in await taken(tail.lines(), 1)] == [2]
    assert made not in logging.getLogger("amiproxy").handlers


def test_the_last_refusals_are_kept_however_much_else_is_logged(journal: Journal) -> None:
    log.say(log.WARNING, "action-denied", user="dialer", rule="classes")
    log.say(log.WARNING, "login-failed", user="dialer")
    for _ in range(KEPT + 1):
        log.say(log.INFO, "session-open")
    log.say(log.WARNING, "penalty-start", network="192.0.2.0/24")
    assert [line["event"] for line in journal.refusals(9)] == [
        "action-denied",
        "login-failed",
        "penalty-start",
    ]
    assert [line["event"] for line in journal.refusals(1)] == ["penalty-start"]
    assert journal.refusals(0) == []
