"""One link for each server, with tasks of its own; a change of one leaves the others alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from amiproxy.config import Config
from amiproxy.config.address import Address
from amiproxy.config.schema import Certificate, ListenerSettings, ServerSettings, UpstreamSettings
from amiproxy.core.hub import Hub
from amiproxy.core.model.limits import Limits, ServerLimits
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Servers
from amiproxy.net.upstream.link import LinkState
from amiproxy.service.upstreams import Upstreams
from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.live_hub import live_hub
from tests.support.ports import free_port
from tests.support.waiting import until

BOTH_LOOPS = True
SECRET = "the link's secret"
FAST = Limits(reconnect_min=0.02, reconnect_max=0.1)
PATIENT = Limits(reconnect_min=3600, reconnect_max=3600)


def to(port: int, **more: object) -> ServerSettings:
    return ServerSettings(port=port, username="proxy", secret_file=Path("unused"), **more)


def configured(servers: Mapping[str, ServerSettings]) -> Config:
    listener = ListenerSettings(
        address=Address("127.0.0.1", 5039), certificates=(Certificate(chain=Path("c"), key=Path("k")),)
    )
    return Config(servers=dict(servers), listeners=(listener,), users_file=Path("users.yaml"))


class Made:
    """The servers of a hub, and the links to them."""

    def __init__(self, limits: Limits, servers: Mapping[str, ServerSettings]) -> None:
        self.hub: Hub = live_hub(limits=limits)
        self.servers = Servers(*map(self._server, servers), named=True)
        self.hub.servers = self.servers
        self.upstreams = Upstreams(self.servers, configured(servers), dict.fromkeys(servers, SECRET.encode()))

    def _server(self, name: str) -> Server:
        hub = self.hub
        return Server(name, hub.subscriptions.add(name), hub, hub.limit_state, hub.stats, hub.scheduler)

    def adopt(self, servers: Mapping[str, ServerSettings], secret: str = SECRET) -> None:
        kept = {server.name: server for server in self.servers}
        chosen = {name.encode(): kept.get(name) or self._server(name) for name in servers}
        self.servers._by_name = chosen
        self.servers.all = list(chosen.values())
        self.upstreams.adopt(configured(servers), dict.fromkeys(servers, secret.encode()))

    def state(self, name: str) -> LinkState:
        return self.upstreams.links[name].state

    async def up(self, *names: str) -> None:
        await until(
            lambda: all(self.state(name) is LinkState.UP for name in names), lambda: self.upstreams.summary
        )


@asynccontextmanager
async def running(servers: Mapping[str, ServerSettings], limits: Limits = FAST) -> AsyncIterator[Made]:
    made = Made(limits, servers)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(made.upstreams.run())
        try:
            yield made
        finally:
            task.cancel()


@pytest.fixture
async def simulators() -> AsyncIterator[list[Simulator]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Simulator([User("proxy", SECRET)], Settings(login_delay=0.0)))
            for _ in range(3)
        ]


async def test_each_server_has_its_link(simulators: list[Simulator]) -> None:
    servers = {f"pbx{n}": to(simulator.port) for n, simulator in enumerate(simulators)}
    async with running(servers) as made:
        assert list(made.upstreams.links) == list(servers)
        await made.up(*servers)
        assert made.upstreams.summary == "3 of 3 links up"
        assert [len(simulator.sessions) for simulator in simulators] == [1, 1, 1]
    await until(lambda: not any(simulator.sessions for simulator in simulators))


async def test_a_server_that_is_down_leaves_the_others_alone(simulators: list[Simulator]) -> None:
    async with running({"pbx0": to(simulators[0].port), "gone": to(free_port())}) as made:
        await made.up("pbx0")
        await until(lambda: made.state("gone") is LinkState.DOWN)
        await until(lambda: made.upstreams.serves)
        assert made.upstreams.summary.startswith("1 of 2 links up, gone down (")


async def test_nothing_serves_before_one_is_up() -> None:
    async with running({"one": to(free_port()), "two": to(free_port())}) as made:
        await until(lambda: made.state("one") is LinkState.DOWN)
        assert not made.upstreams.serves


async def test_the_summary_names_only_a_few(simulators: list[Simulator]) -> None:
    async with running({f"pbx{n}": to(free_port()) for n in range(8)}) as made:
        assert made.upstreams.summary.startswith("0 of 8 links up, pbx0 ")
        assert made.upstreams.summary.endswith(", 3 more are not")


async def test_servers_are_added_and_removed_beside_the_others(simulators: list[Simulator]) -> None:
    one, two, three = ({f"pbx{n}": to(simulators[n].port)} for n in range(3))
    async with running({**one, **two}) as made:
        await made.up("pbx0", "pbx1")
        kept = made.upstreams.links["pbx0"]
        made.adopt({**one, **three})
        assert list(made.upstreams.links) == ["pbx0", "pbx2"]
        assert made.upstreams.links["pbx0"] is kept
        await made.up("pbx2")
        await until(lambda: not simulators[1].sessions)
        assert kept.state is LinkState.UP
        assert made.servers.first.ups == 1
        made.adopt({**three, **one})
        assert list(made.upstreams.links) == ["pbx2", "pbx0"]
        assert made.servers.find(b"pbx0").ups == 1


async def test_a_changed_server_reconnects_alone(simulators: list[Simulator]) -> None:
    before = {"pbx0": to(simulators[0].port), "pbx1": to(simulators[1].port)}
    async with running(before, PATIENT) as made:
        await made.up(*before)
        made.adopt({**before, "pbx1": to(simulators[2].port)})
        await until(lambda: len(simulators[2].sessions) == 1 and not simulators[1].sessions)
        await made.up("pbx1")
        assert [server.ups for server in made.servers] == [1, 2]


async def test_limits_of_a_server_do_not_reconnect_it(simulators: list[Simulator]) -> None:
    async with running({"pbx0": to(simulators[0].port)}) as made:
        await made.up("pbx0")
        made.adopt({"pbx0": to(simulators[0].port, limits=ServerLimits(ping_interval=3.0))})
        for _ in range(10):
            await asyncio.sleep(0)
        assert made.servers.first.ups == 1
        assert made.state("pbx0") is LinkState.UP


async def test_a_name_that_comes_back_is_another_server(simulators: list[Simulator]) -> None:
    one, two = ({f"pbx{n}": to(simulators[n].port)} for n in range(2))
    async with running({**one, **two}) as made:
        await made.up("pbx0", "pbx1")
        made.adopt(one)
        made.adopt({**one, "pbx1": to(simulators[2].port)})
        await made.up("pbx1")
        await until(lambda: not simulators[1].sessions)
        assert made.servers.find(b"pbx1").ups == 1


async def test_the_log_names_the_server(simulators: list[Simulator], log_text: Callable[[], str]) -> None:
    async with running({"pbx0": to(simulators[0].port), "gone": to(free_port())}) as made:
        await made.up("pbx0")
        await until(lambda: made.state("gone") is LinkState.DOWN)
        await until(lambda: " upstream-up server=pbx0 " in log_text())
        assert " upstream-down server=gone " in log_text()


async def test_a_stuck_link_is_replaced_alone(
    simulators: list[Simulator], monkeypatch: pytest.MonkeyPatch, log_text: Callable[[], str]
) -> None:
    servers = {"pbx0": to(simulators[0].port), "pbx1": to(simulators[1].port)}
    async with running(servers) as made:
        await made.up(*servers)
        stuck, now = made.upstreams.links["pbx1"], asyncio.get_running_loop().time()
        monkeypatch.setattr(stuck, "stuck", lambda now: True)
        made.upstreams.tick(now)
        assert not made.upstreams.stuck(now), "the service is not restarted"
        assert made.upstreams.links["pbx1"] is not stuck
        assert " link-stuck server=pbx1" in log_text()
        await made.up("pbx1")
        await until(lambda: len(simulators[1].sessions) == 1)
        assert made.servers.first.ups == 1


async def test_the_only_link_that_is_stuck_takes_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running({"pbx0": to(free_port())}) as made:
        now = asyncio.get_running_loop().time()
        assert not made.upstreams.stuck(now)
        monkeypatch.setattr(made.upstreams.links["pbx0"], "stuck", lambda now: True)
        made.upstreams.tick(now)
        assert made.upstreams.stuck(now)


async def test_links_of_one_nameless_server_are_shown_as_before(simulators: list[Simulator]) -> None:
    hub = live_hub(limits=FAST)
    settings = UpstreamSettings(port=simulators[0].port, username="proxy", secret_file=Path("unused"))
    listener = configured({"x": to(1)}).listeners
    config = Config(upstream=settings, listeners=listener, users_file=Path("users.yaml"))
    upstreams = Upstreams(hub.servers, config, {"asterisk": SECRET.encode()})
    assert upstreams.summary == "link connecting"
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(upstreams.run())
        await until(lambda: upstreams.serves)
        assert upstreams.summary == "link up"
        names = {one.get_name() for one in asyncio.all_tasks()}
        assert {"link", "side link", "lists link"} <= names
        task.cancel()


async def test_only_servers_that_change_have_no_link_meanwhile(simulators: list[Simulator]) -> None:
    before = {f"pbx{n}": to(simulator.port) for n, simulator in enumerate(simulators)}
    async with running(before) as made:
        await made.up(*before)
        # The first two change places, the third goes.
        after = {"pbx0": before["pbx1"], "pbx1": before["pbx0"]}
        with made.upstreams.leaving(configured(after), dict.fromkeys(after, SECRET.encode())):
            linked = {server.name: server.exchange.linked for server in made.servers}
            assert linked == {"pbx0": False, "pbx1": False, "pbx2": True}
            await until(lambda: not simulators[0].sessions and not simulators[1].sessions)
            made.adopt(after)
        await made.up("pbx0", "pbx1")
        assert [link.settings.port for link in made.upstreams.links.values()] == [
            simulators[1].port,
            simulators[0].port,
        ]


async def test_a_change_that_fails_brings_the_links_back(simulators: list[Simulator]) -> None:
    async with running({"pbx0": to(simulators[0].port)}) as made:
        await made.up("pbx0")
        changed = configured({"pbx0": to(simulators[1].port)})
        with pytest.raises(RuntimeError), made.upstreams.leaving(changed, {"pbx0": SECRET.encode()}):
            raise RuntimeError
        await until(lambda: made.servers.first.ups == 2)
        assert len(simulators[0].sessions) == 1
