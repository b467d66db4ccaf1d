"""The stream of events, with an Asterisk that is a double."""

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from amiproxy.ami.encodings.jsonevents import event_message
from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.http.api.events import rendering
from amiproxy.net.doors.http.api.events.opening import UPSTREAM_LOST
from amiproxy.net.doors.http.api.events.stream import EventStream
from tests.net.doors.http.api.conftest import ApiHouse, ApiPeer
from tests.support.waiting import until

CALL = b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/%d-1\r\nUniqueid: %d.1\r\n\r\n"


class Reader:
    """Reads the blocks of a stream, in chunks or to its end."""

    def __init__(self, peer: ApiPeer, *, is_chunked: bool = True) -> None:
        self._peer = peer
        self._is_chunked = is_chunked
        self._text = b""

    async def block(self) -> dict[str, str]:
        """The fields of the next block; a comment has the name ""."""
        while b"\n\n" not in self._text:
            if self._is_chunked:
                self._text += await self._chunk()
            else:
                self._text += await self._peer.exactly(1)
        block, _, self._text = self._text.partition(b"\n\n")
        fields = {}
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        return fields

    async def event(self) -> dict[str, str]:
        """The next block with data."""
        while True:
            block = await self.block()
            if "data" in block:
                return block

    async def end(self) -> None:
        """Read to the end, before which there are only comments."""
        while chunk := await self._chunk():
            assert chunk.startswith(b":"), chunk

    async def _chunk(self) -> bytes:
        size = b""
        while not size.endswith(b"\r\n"):
            size += await self._peer.exactly(1)
        data = await self._peer.exactly(int(size, 16) + 2)
        return data[:-2]


@asynccontextmanager
async def following(
    house: ApiHouse, query: str = "", *lines: str, user: str = "board", version: str = "1.1"
) -> AsyncIterator[Reader]:
    async with house.visitor() as peer:
        basic = {"board": "Ym9hcmQ6c2VjcmV0", "oper": "b3BlcjpzZWNyZXQ="}[user]
        head = [
            f"GET /api/v1/events{query} HTTP/{version}",
            "Host: localhost",
            f"Authorization: Basic {basic}",
        ]
        await peer.send("\r\n".join([*head, *lines, "", ""]).encode())
        status, headers = await head_of(peer)
        assert status == 200
        assert headers["content-type"] == "text/event-stream"
        assert headers["x-accel-buffering"] == "no"
        assert ("transfer-encoding" in headers) == (version == "1.1")
        reader = Reader(peer, is_chunked=version == "1.1")
        assert await reader.block() == {"retry": "2000"}
        yield reader


async def head_of(peer: ApiPeer) -> tuple[int, dict[str, str]]:
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        text += await peer.exactly(1)
    line, *lines = text.decode().rstrip().split("\r\n")
    pairs = (one.partition(": ") for one in lines)
    return int(line.split()[1]), {name.lower(): value for name, _, value in pairs}


def data_of(block: dict[str, str]) -> Any:
    return json.loads(block["data"])


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_what_exists_comes_first_and_then_what_happens(api_house: ApiHouse, version: str) -> None:
    async with following(api_house, "?kinds=channels", version=version) as reader:
        first = await reader.event()
        assert (first["event"], data_of(first)["data"]) == ("snapshot", {"channels": []})
        assert (data_of(first)["kinds"], data_of(first)["seq"]) == (["channels"], first["id"])
        api_house.asterisk.feed(CALL % (1, 1))
        told = await reader.event()
        assert "event" not in told
        assert data_of(told)["data"]["Channel"] == "PJSIP/1-1"
        assert data_of(told)["seq"] == told["id"]


async def test_clients_of_one_view_are_sent_the_same_bytes(api_house: ApiHouse) -> None:
    async with following(api_house, "?kinds=none") as one, following(api_house, "?kinds=none") as other:
        await until(lambda: any(len(s.members) == 2 for s in api_house.hub.subscriptions.by_key.values()))
        api_house.asterisk.feed(CALL % (1, 1))
        rendered = [await one.event(), await other.event()]
    assert rendered[0] == rendered[1]


async def test_events_after_a_position_are_sent_once(api_house: ApiHouse) -> None:
    async with following(api_house) as reader:
        position = (await reader.event())["id"]
    api_house.asterisk.feed(CALL % (1, 1), CALL % (2, 2))
    async with following(api_house, "", f"Last-Event-ID: {position}") as reader:
        assert (await reader.event())["event"] == "resumed"
        found = [await reader.event() for _ in range(2)]
        assert [data_of(one)["data"]["Uniqueid"] for one in found] == ["1.1", "2.1"]
    async with following(api_house, f"?last={found[0]['id']}") as reader:
        assert (await reader.event())["event"] == "resumed"
        assert data_of(await reader.event())["data"]["Uniqueid"] == "2.1"


async def test_without_a_link_the_client_is_told_and_comes_again(api_house: ApiHouse) -> None:
    api_house.hub.servers.first.link_down("gone")
    async with following(api_house) as reader:
        told = await reader.event()
        assert (told["event"], data_of(told)["state"]) == ("link", "down")
        await reader.end()


async def live(house: ApiHouse, number: int = 1) -> None:
    """Wait until so many streams are sent events."""
    await until(lambda: sum(session.view.numbered for session in house.hub.sessions) == number)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(("user", "query"), [("board", "?kinds=none"), ("oper", "?kinds=none&events=Hangup")])
async def test_a_client_that_stays_is_told_once_whatever_it_may_read(
    api_house: ApiHouse, user: str, query: str, version: str
) -> None:
    api_house.hub.link_loss.by_default = "stay"
    async with following(api_house, query, user=user, version=version) as reader:
        await live(api_house)
        api_house.hub.servers.first.link_down("gone")
        api_house.asterisk.connect()
        api_house.asterisk.feed(b"Event: Hangup\r\nPrivilege: call,all\r\nUniqueid: 1.1\r\n\r\n")
        down, up, last = [await reader.event() for _ in range(3)]
    assert (down["event"], data_of(down)["state"]) == ("link", "down")
    assert (up["event"], data_of(up)["state"]) == ("link", "up")
    assert data_of(last)["data"]["Event"] == "Hangup"


async def test_a_client_with_a_snapshot_that_stays_is_told_and_can_be_closed_later(
    api_house: ApiHouse,
) -> None:
    api_house.hub.link_loss.by_default = "stay"
    async with following(api_house) as reader:
        await reader.event()
        api_house.hub.servers.first.link_down("gone")
        assert data_of(await reader.event())["state"] == "down"
        for session in api_house.hub.sessions:
            session.close(UPSTREAM_LOST)
        await reader.end()


async def test_a_client_that_is_closed_for_the_loss_is_told_once(api_house: ApiHouse) -> None:
    async with following(api_house) as reader:
        await reader.event()
        api_house.hub.servers.first.link_down("gone")
        assert data_of(await reader.event())["state"] == "down"
        await reader.end()


async def test_a_client_that_comes_while_the_link_is_down_and_stays_is_told(api_house: ApiHouse) -> None:
    api_house.hub.servers.first.link_down("gone")
    async with following(api_house, "?kinds=none") as reader:
        assert await reader.event() == {"event": "link", "data": '{"type":"link","state":"down"}'}
        api_house.asterisk.connect()
        assert data_of(await reader.event())["state"] == "up"


async def test_a_user_who_may_not_ask_for_events_is_not_told_that_the_link_is_down(
    api_house: ApiHouse,
) -> None:
    async with following(api_house, "?kinds=nonsense") as reader:
        await reader.end()


async def test_a_silent_stream_shows_that_it_lives(api_house: ApiHouse, monkeypatch: Any) -> None:
    monkeypatch.setattr(EventStream.__init__, "__kwdefaults__", {"heartbeat": 0.01})
    async with following(api_house, "?kinds=none") as reader:
        assert await reader.block() == {"": ""}


async def test_a_stream_ends_when_its_session_is_kicked(api_house: ApiHouse) -> None:
    async with following(api_house, "?kinds=none") as reader:
        await until(lambda: len(api_house.hub.sessions) == 2)
        for session in api_house.hub.sessions:
            session.close("kicked")
        await reader.end()
    await until(lambda: not api_house.hub.sessions)


@pytest.mark.parametrize("api_house", [(Limits(http_answer_bytes=1024), {})], indirect=True, ids=[""])
async def test_a_snapshot_over_the_limit_ends_the_stream(api_house: ApiHouse) -> None:
    api_house.asterisk.feed(*(CALL % (number, number) for number in range(50)))
    async with following(api_house, "?kinds=channels") as reader:
        with contextlib.suppress(ConnectionError):  # it is cut off, like any client that is past its limit
            await reader.end()
    assert api_house.hub.stats.limits["http_answer_bytes"] == 1
    async with api_house.visitor() as peer:
        assert (await peer.call("GET", "/channels", user="board")).status != 200


async def test_a_client_that_talks_into_its_stream_is_closed(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        await peer.send(
            b"GET /api/v1/events?kinds=none HTTP/1.1\r\nHost: localhost\r\n"
            b"Authorization: Basic Ym9hcmQ6c2VjcmV0\r\n\r\n" + b"x" * 20_000
        )
        assert (await head_of(peer))[0] == 200
        reader = Reader(peer)
        assert await reader.block() == {"retry": "2000"}
        await reader.end()


async def test_streams_end_when_their_clients_leave(api_house: ApiHouse) -> None:
    async with following(api_house, "?kinds=none"):
        await until(lambda: any(session.view.numbered for session in api_house.hub.sessions))
    await until(lambda: api_house.pool.open == 0)
    assert not any(session.view.numbered for session in api_house.hub.sessions)


HEARTBEAT = b"Event: ProxyHeartbeat\r\nPrivilege: system,all\r\nSequence: T1-2\r\n\r\n"
LOST = b"Event: ProxyEventsDropped\r\nPrivilege: system,all\r\nCount: 7\r\n\r\n"
UP = b"Event: ProxyUpstream\r\nPrivilege: system,all\r\nStatus: Up\r\n\r\n"
NUMBERED = b"Event: Hangup\r\nPrivilege: call,all\r\nX: a\r\nProxySequence: T1-2\r\n\r\n"
FORGED = b'Event: X\r\nA: "type":"lost"\r\n\r\n'
PLAIN = b"Event: Hangup\r\nPrivilege: call,all\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (HEARTBEAT, b":\nid: T1-2\n\n"),
        (LOST, b"event: lost\ndata: " + event_message(LOST) + b"\n\n"),
        (UP, b"event: link\ndata: " + event_message(UP) + b"\n\n"),
        (NUMBERED, b"id: T1-2\ndata: " + event_message(NUMBERED) + b"\n\n"),
        (PLAIN, b"data: " + event_message(PLAIN) + b"\n\n"),
        (b"Event: ProxySessionEnd\r\nReason: kicked\r\n\r\n", b": session ended\n\n"),
        (
            b'Event: X\r\nA: "type":"lost"\r\n\r\n',
            b'data: {"type":"event","data":{"Event":"X","A":"\\"type\\":\\"lost\\""}}\n\n',
        ),
    ],
)
def test_each_event_has_its_form(raw: bytes, expected: bytes) -> None:
    assert rendering.block(raw) == expected


def test_events_that_were_not_sent_are_counted_by_class() -> None:
    render = rendering.CHUNKED.render
    assert render is not None
    data = render(NUMBERED) + render(PLAIN) + render(HEARTBEAT)
    assert rendering.CHUNKED.count(data) == 2
    assert rendering.CHUNKED.classes(data) == [b"call", b"call"]
