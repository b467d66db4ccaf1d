import fcntl
import logging
import socket
import struct
import termios

import pytest

from tests.net.admin.control.asking import USERS, Control
from tests.support.waiting import until


async def test_trace_shows_one_user_live(control: Control) -> None:
    session = control.service.hub
    transport = control.login("boss", "hunter2hunter2")
    assert (await control.asker.result("trace", user="boss"))["user"] == "boss"
    (boss,) = session.sessions_of(USERS[1])
    boss.receive(b"Action: Events\r\nEventMask: off\r\n\r\n")
    for _ in range(2):
        await control.asker.hear()
    control.login("wall", "hunter2")
    boss.receive(b"Action: Challenge\r\nAuthType: MD5\r\nSecret: hunter2\r\n\r\n")
    received = (await control.asker.hear())["result"]
    assert (received["direction"], received["session"], received["missed"]) == ("received", boss.id, 0)
    assert received["message"] == "Action: Challenge\r\nAuthType: MD5\r\nSecret: ***\r\n\r\n"
    sent = (await control.asker.hear())["result"]
    while "Challenge" not in sent["message"]:
        sent = (await control.asker.hear())["result"]
    assert sent["direction"] == "sent"
    assert "Challenge: ***" in sent["message"]
    challenge = boss.challenge.decode()
    assert challenge in b"".join(transport.sent).decode()
    assert challenge not in sent["message"]


async def test_trace_ends_when_its_reader_leaves_and_then_costs_nothing(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    (boss,) = control.service.hub.sessions
    streams = boss.streams
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    assert boss.streams != streams
    tracer.writer.close()
    await until(lambda: boss.streams == streams)
    assert (await control.asker.ask("status"))["ok"]


async def test_trace_ends_when_its_reader_sends_anything(control: Control) -> None:
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    await tracer.say(b"\n")
    await tracer.ended()


async def test_a_slow_reader_misses_messages_and_is_told_how_many(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    (boss,) = control.service.hub.sessions
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    for _ in range(1500):
        boss.receive(b"Action: Ping\r\n\r\n")
    missed = shown = 0
    while missed == 0:
        item = (await tracer.hear())["result"]
        missed, shown = item["missed"], shown + 1
        if shown >= 900:
            boss.receive(b"Action: Ping\r\n\r\n")
    assert missed > 0
    tracer.writer.close()


async def test_trace_of_an_unknown_user_is_refused(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await control.asker.ask("trace", user="nobody")
    assert "unknown user 'nobody'" in answer["error"]
    assert (await control.asker.ask("status"))["ok"]
    assert not [record for record in caplog.records if record.getMessage() == "fault"]


async def test_a_trace_reader_that_leaves_without_reading_logs_no_error(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "amiproxy")
    control.login("boss", "hunter2hunter2")
    (boss,) = control.service.hub.sessions
    streams = boss.streams
    tracer = await control.connect()
    await tracer.result("trace", user="boss")
    # Unread data in the kernel resets the connection when it is closed.
    tracer.writer.transport.pause_reading()
    boss.receive(b"Action: Ping\r\n\r\n")
    sock: socket.socket = tracer.writer.get_extra_info("socket")
    await until(lambda: struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0] > 0)
    tracer.writer.transport.abort()
    await until(lambda: boss.streams == streams)
    await until(lambda: {"control-lost", "fault"} & {record.getMessage() for record in caplog.records})
    assert "fault" not in {record.getMessage() for record in caplog.records}
