import fcntl
import logging
import struct
import termios
from typing import Any

import pytest

from amiproxy import log
from tests.net.admin.control.asking import Asker, Control
from tests.support.waiting import until

ANY = {"kinds": "", "user": "", "session": "", "server": "", "last": "0"}


@pytest.fixture(autouse=True)
def audible(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amiproxy")


async def tailing(control: Control, **arguments: str) -> Asker:
    reader = await control.connect()
    await reader.result("tail", **{**ANY, **arguments})
    return reader


async def heard(reader: Asker) -> dict[str, Any]:
    line: dict[str, Any] = (await reader.hear())["result"]
    return line


async def test_tail_shows_logins_denials_and_the_end_of_a_session(control: Control) -> None:
    reader = await tailing(control, user="wall")
    transport = control.login("wall", "hunter2")
    (session,) = control.service.hub.sessions
    session.receive(b"Action: Originate\r\nChannel: Local/1@x\r\nApplication: System\r\n\r\n")
    session.close("kicked")
    lines = [await heard(reader) for _ in range(3)]
    assert [(line["kind"], line["event"]) for line in lines] == [
        ("login", "login"),
        ("denial", "action-denied"),
        ("session", "session-close"),
    ]
    assert {line["session"] for line in lines} == {session.id}
    assert (lines[1]["action"], lines[2]["reason"]) == ("Originate", "kicked")
    assert transport.sent
    assert "hunter2" not in str(lines)


async def test_tail_of_one_session_leaves_out_the_others(control: Control) -> None:
    control.login("wall", "hunter2")
    (wall,) = control.service.hub.sessions
    reader = await tailing(control, session=wall.id)
    control.login("boss", "hunter2hunter2")
    wall.close("kicked")
    assert (await heard(reader))["event"] == "session-close"


async def test_reading_the_log_is_not_logged(control: Control) -> None:
    reader = await tailing(control, kinds="all")
    log.say(log.INFO, "reloaded")
    assert (await heard(reader))["event"] == "reloaded"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kinds": "denial,colour"}, "unknown kind colour; known: denial, login"),
        ({"last": "-1"}, "number of lines"),
        ({"last": "9" * 30}, "number of lines"),
    ],
)
async def test_a_choice_that_does_not_exist_is_refused(
    control: Control, arguments: dict[str, str], says: str
) -> None:
    assert says in (await control.asker.ask("tail", **{**ANY, **arguments}))["error"]
    assert (await control.asker.ask("status"))["ok"]


async def test_a_reader_that_is_stuck_costs_a_bounded_queue_and_delays_nobody(control: Control) -> None:
    reader = await tailing(control)
    reader.writer.transport.pause_reading()
    lines = 5000
    for number in range(lines):
        log.say(log.INFO, "login", number=number, user="x" * 200)
    # The service still answers, and logs without waiting.
    assert (await control.asker.ask("status"))["ok"]
    reader.writer.transport.resume_reading()
    seen, dropped = 0, 0
    while seen + dropped < lines:
        line = await heard(reader)
        dropped += line.get("dropped", 0)
        seen += "event" in line
    assert dropped > 0
    assert seen + dropped == lines


async def test_a_reader_that_leaves_is_forgotten(control: Control) -> None:
    reader = await tailing(control)
    journal = control.service.journal
    assert len(journal._tails) == 1
    reader.writer.close()
    await until(lambda: not journal._tails)
    reader = await tailing(control)
    # Unread data in the kernel resets the connection when it is closed.
    reader.writer.transport.pause_reading()
    log.say(log.INFO, "login")
    sock = reader.writer.get_extra_info("socket")
    await until(lambda: struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0] > 0)
    reader.writer.transport.abort()
    await until(lambda: not journal._tails)


async def test_a_tail_ends_when_the_control_socket_closes(control: Control) -> None:
    reader = await tailing(control)
    await control.server.close()
    await reader.ended()
    assert not control.service.journal._tails
