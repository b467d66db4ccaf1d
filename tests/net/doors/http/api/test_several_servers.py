"""The JSON interface with several servers: whose items and events they are, and which servers are missing."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.limits import Limits
from amiproxy.core.servers.servers import Configured
from amiproxy.net.doors.http.api import api
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.tlsconnection import TlsAcceptor
from tests.net.doors.http.api.conftest import USERS, ApiHouse, body_of
from tests.net.doors.http.api.test_events import CALL, data_of, following
from tests.support.answering import AnsweringUpstream
from tests.support.live_hub import live_hub
from tests.support.tls_door import Contexts
from tests.support.waiting import until

NAMES = ("pbx1", "pbx2")


class Several(ApiHouse):
    """A house in front of two servers; both users may use both."""

    def __init__(self, both: Contexts, limits: Limits) -> None:
        super().__init__(both, limits)
        users = [replace(user, servers=NAMES, default_server="pbx1") for user in USERS]
        self.hub = live_hub(*users, limits=limits, servers=Configured(NAMES, named=True, default="pbx1"))
        self.pool = ConnectionPool(self.hub.limit_state, self.hub.ctx.shares)
        self.acceptor = TlsAcceptor(self.pool, self._context, self._object)
        self.accept = self.accept.__class__(self.accept.func, self.site, self.acceptor)
        api.routes(self.site, self.hub, Entrance("", "api"), self.operator)
        self.asterisks = {server.name: AnsweringUpstream(server) for server in self.hub.servers}


@pytest.fixture
async def several(both: Contexts) -> AsyncIterator[Several]:
    house = Several(both, Limits())
    house.listen()
    for asterisk in house.asterisks.values():
        asterisk.connect()
        await until(lambda asterisk=asterisk: len(asterisk.asked) > 1)
    yield house
    house.close()


async def test_items_and_events_say_whose_they_are(several: Several) -> None:
    async with following(several, "?kinds=channels") as reader:
        assert data_of(await reader.event())["data"] == {"channels": []}
        several.asterisks["pbx2"].feed(CALL % (1, 1))
        told = data_of(await reader.event())
        assert (told["server"], told["data"]["Channel"]) == ("pbx2", "PJSIP/1-1")
    async with several.visitor() as peer:
        found = body_of(await peer.call("GET", "/channels", user="board"))
        assert [one["Server"] for one in found["data"]["channels"]] == ["pbx2"]
        one = body_of(await peer.call("GET", "/channels?server=pbx1", user="board"))
        assert one["data"]["channels"] == []
        assert (await peer.call("GET", "/channels?server=pbx9", user="board")).status == 400


async def test_a_server_that_is_not_connected_is_named(several: Several) -> None:
    server = several.hub.servers.find(b"pbx2")
    assert server is not None
    async with following(several, "?kinds=channels") as reader:
        await reader.event()
        server.link_down("gone")
        told = await reader.event()
        assert (told["event"], data_of(told)["server"], data_of(told)["state"]) == ("link", "pbx2", "down")
    async with several.visitor() as peer:
        found = body_of(await peer.call("GET", "/channels", user="board"))
        assert found["serversMissing"] == ["pbx2"]
        reply = await peer.call("GET", "/channels?server=pbx2", user="board")
        assert reply.status == 503
        me = body_of(await peer.call("GET", "/me", user="board"))
        assert [(one["name"], one["up"]) for one in me["servers"]] == [("pbx1", True), ("pbx2", False)]


async def test_a_stream_that_begins_while_a_server_is_not_connected_says_so(several: Several) -> None:
    server = several.hub.servers.find(b"pbx2")
    assert server is not None
    server.link_down("gone")
    async with following(several, "?kinds=none") as reader:
        told = await reader.event()
        assert (told["event"], data_of(told)) == ("link", {"type": "link", "server": "pbx2", "state": "down"})
        several.asterisks["pbx2"].connect()
        told = data_of(await reader.event())
        assert (told["server"], told["state"]) == ("pbx2", "up")


async def test_positions_of_all_servers_joined_resume_all_of_them(several: Several) -> None:
    async with several.visitor() as peer:
        seq = body_of(await peer.call("GET", "/snapshot?kinds=channels", user="board"))["seq"]
    assert "." in seq
    several.asterisks["pbx1"].feed(CALL % (1, 1))
    several.asterisks["pbx2"].feed(CALL % (2, 2))
    async with following(several, f"?last={seq}") as reader:
        assert (await reader.event())["event"] == "resumed"
        found = [data_of(await reader.event()) for _ in range(2)]
    assert {(one["server"], one["data"]["Uniqueid"]) for one in found} == {("pbx1", "1.1"), ("pbx2", "2.1")}
