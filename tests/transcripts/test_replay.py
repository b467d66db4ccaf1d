"""Every recorded session, replayed to a client that sends the recorded bytes."""

import asyncio
import re
from pathlib import Path

import pytest

from amiproxy.tools.simulator.recorded.replay import Replay
from amiproxy.tools.simulator.recorded.transcript import load_transcript, read_transcript
from tests.transcripts.recordings import DATA, STEMS, received, sent


async def everything(reader: asyncio.StreamReader, length: int) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(length)


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)
async def test_the_recorded_client_gets_the_recorded_bytes(stem: Path) -> None:
    async with Replay(load_transcript(stem)) as replay:
        reader, writer = await asyncio.open_connection("127.0.0.1", replay.port)
        writer.write(sent(stem))
        assert await everything(reader, len(received(stem))) == received(stem)
        assert replay.mismatches == []
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)
def test_cutting_loses_no_byte(stem: Path) -> None:
    transcript = load_transcript(stem)
    assert transcript.greeting + b"".join(part.answer for part in transcript.exchanges) == received(stem)


def test_each_answer_belongs_to_its_action() -> None:
    transcript = load_transcript(DATA / "22-05-coreshowchannels")
    for exchange in transcript.exchanges:
        assert (
            re.search(rb"\AResponse: \w+\r\nActionID: (\w+)", exchange.answer)[1]
            == exchange.request.action_id
        )
    lists = [exchange.answer.count(b"\r\nEventList: Complete\r\n") for exchange in transcript.exchanges]
    assert lists == [0, 1, 1, 0, 1]


async def replayed(stem: str, sent: bytes, end: bytes) -> tuple[bytes, list[str]]:
    async with Replay(load_transcript(DATA / stem)) as replay:
        reader, writer = await asyncio.open_connection("127.0.0.1", replay.port)
        writer.write(sent)
        async with asyncio.timeout(10):
            got = await reader.readuntil(end)
        writer.close()
        await writer.wait_closed()
        return got, replay.mismatches


async def test_the_client_gets_its_own_action_ids_also_in_later_events() -> None:
    original = sent(DATA / "22-08-originate-async-ok")
    mine = original.replace(b"ActionID: oa1", b"ActionID: my own").replace(b"ActionID: login1\r\n", b"")
    got, mismatches = await replayed("22-08-originate-async-ok", mine, b"Event: DialEnd")
    assert mismatches == []
    assert b"oa1" not in got
    assert b"login1" not in got
    assert re.search(rb"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: my own\r\n", got)


async def test_the_user_and_secret_of_the_login_do_not_matter() -> None:
    mine = (
        sent(DATA / "22-04-ping")
        .replace(b"Username: proxy", b"Username: me")
        .replace(b"Secret: proxys", b"Secret: ")
    )
    got, mismatches = await replayed("22-04-ping", mine, b"ActionID: lf\r\n")
    assert mismatches == []
    assert b"Authentication accepted" in got


async def test_a_deviating_action_is_an_error_that_names_the_recorded_one() -> None:
    got, mismatches = await replayed("22-04-ping", b"Action: Ping\r\nActionID: 9\r\n\r\n", b"\r\n\r\n")
    assert got.endswith(
        b"Response: Error\r\nActionID: 9\r\nMessage: the transcript has another action here: Login\r\n\r\n"
    )
    assert mismatches == ["Ping: the transcript has another action here: Login"]


async def test_after_the_last_action_the_transcript_is_over() -> None:
    more = sent(DATA / "22-04-ping") + b"Action: Ping\r\nActionID: more\r\n\r\n"
    _, mismatches = await replayed("22-04-ping", more, b"Message: the transcript is over\r\n\r\n")
    assert mismatches == ["Ping: the transcript is over"]


@pytest.mark.parametrize("stem", ["22-01-login-ok", "22-02-login-fail-secret", "16-02f-login-already-in-use"])
async def test_the_connection_ends_where_asterisk_ended_it(stem: str) -> None:
    async with Replay(load_transcript(DATA / stem)) as replay:
        reader, writer = await asyncio.open_connection("127.0.0.1", replay.port)
        writer.write(sent(DATA / stem))
        async with asyncio.timeout(10):
            assert await reader.read() == received(DATA / stem)
        writer.close()
        await writer.wait_closed()


def test_an_action_without_a_response_has_an_empty_answer() -> None:
    banner = b"Asterisk Call Manager/11.0.0\r\n"
    answer = b"Response: Success\r\nActionID: 2\r\nPing: Pong\r\n\r\n"
    transcript = read_transcript(
        b"Action: IAXnetstats\r\nActionID: 1\r\n\r\nAction: Ping\r\nActionID: 2\r\n\r\n", banner + answer
    )
    assert transcript.greeting == banner
    assert [exchange.answer for exchange in transcript.exchanges] == [b"", answer]
    assert not transcript.is_closed_by_asterisk


def test_a_client_that_sent_nothing_gives_a_transcript_too() -> None:
    transcript = read_transcript(b"", b"Asterisk Call Manager/11.0.0\r\n")
    assert transcript.greeting == b"Asterisk Call Manager/11.0.0\r\n"
    assert transcript.exchanges == ()


def test_a_response_header_inside_an_event_starts_no_answer() -> None:
    answer = b"Response: Success\r\nActionID: 1\r\nMessage: Event Sent\r\n\r\n"
    event = b"Event: UserEvent\r\nPrivilege: user,all\r\nResponse: Success\r\nActionID: 2\r\n\r\n"
    pong = b"Response: Success\r\nActionID: 2\r\nPing: Pong\r\n\r\n"
    sent_bytes = b"Action: UserEvent\r\nActionID: 1\r\n\r\nAction: Ping\r\nActionID: 2\r\n\r\n"
    transcript = read_transcript(sent_bytes, b"Asterisk Call Manager/11.0.0\r\n" + answer + event + pong)
    assert [exchange.answer for exchange in transcript.exchanges] == [answer + event, pong]
