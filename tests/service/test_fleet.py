"""Processes of a fleet: an agent and an edge in this process, with real nats-servers between them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.service.app import App
from amiproxy.tools.simulator import Settings, Simulator, User
from tests.asterisk.lab.cache import Unavailable
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.service.running import SECRET, USERS, change, running
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess
from tests.support.requirements import give_up
from tests.support.waiting import until

_KEYS = ("0" * 32, "1" * 32)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    plan = Plan({"berlin": ["berlin-a", "berlin-b"]}, {"edge1": ["berlin"]})
    try:
        found = Cluster(tmp_path_factory.mktemp("cluster"), plan)
    except Unavailable as reason:
        give_up("NATS", reason)
    found.start()
    yield found
    found.stop()


def _member(folder: Path, cluster: Cluster, name: str, port: int = 0, **fleet: Any) -> ProxyProcess:
    """The files of one process of the fleet."""
    directory = folder / name
    directory.mkdir(mode=0o700)
    (directory / "engine-ca.pem").write_bytes(cluster.cafile.read_bytes())
    for file, text in (("process.seed", cluster.plan.keys[name].seed), ("token.key", _KEYS[0])):
        (directory / file).write_text(f"{text}\n")
        (directory / file).chmod(0o600)
    users = {"anna": {**USERS["anna"], "history": True, **({} if port else {"servers": ["*"]})}}
    files = ProxyProcess(directory, ("127.0.0.1", port, "proxy", SECRET), users)
    section = {
        "name": name,
        "engines": cluster.addresses,
        "ca": "engine-ca.pem",
        "seed_file": "process.seed",
        "token_key_file": "token.key",
        **fleet,
    }
    change(files, fleet=section)
    if not port:
        # An edge needs no Asterisk of its own.
        settings = yaml.safe_load(files.config.read_text())
        del settings["upstream"]
        files.config.write_text(yaml.safe_dump(settings))
    return files


def _agent(folder: Path, cluster: Cluster, port: int, name: str = "berlin-a", **fleet: Any) -> ProxyProcess:
    edges = {"edge1": {"users": "all", "read": ["all"], "write": ["all"]}}
    return _member(
        folder, cluster, name, port, **{"role": "agent", "server": "berlin", "edges": edges, **fleet}
    )


def _edge(folder: Path, cluster: Cluster, *agents: str) -> ProxyProcess:
    return _member(folder, cluster, "edge1", role="edge", servers={"berlin": {"agents": list(agents)}})


def _simulator() -> Simulator:
    return Simulator([User("proxy", SECRET)], Settings(login_delay=0.0))


async def _up(app: App) -> None:
    await until(lambda: app.links["berlin"].serves, lambda: app.links["berlin"].reason)


async def _login(files: ProxyProcess) -> AmiClient:
    client = await files.connect()
    assert (await client.login("anna", "s")).get("Response") == "Success"
    return client


async def test_a_client_of_an_edge_reaches_asterisk(tmp_path: Path, cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(_simulator())
        agent = await stack.enter_async_context(running(_agent(tmp_path, cluster, simulator.port)))
        files = _edge(tmp_path, cluster, "berlin-a")
        edge = await stack.enter_async_context(running(files))
        await _up(edge)
        client = await stack.enter_async_context(await _login(files))
        answer = await client.action("Getvar", Variable="x")
        assert answer.get("Variable") == "x"
        _, _, end = await client.event_list("ProxySnapshot", Kinds="channels")
        assert end.get("EventList") == "Complete"
        assert edge.fleet is not None
        status = edge.fleet.status
        await until(lambda: not status()["actions"]["pending"], status)  # its own lists
        found = status()
        assert (found["role"], found["name"], found["prefix"]) == ("edge", "edge1", "ami")
        assert {engine["state"] for engine in found["engines"].values()} == {"connected"}
        [server] = found["servers"]
        assert (server["server"], server["agent"], server["state"]) == ("berlin", "berlin-a", "up")
        assert found["actions"]["answered"] > 0
        assert "engines connected" in edge.lifecycle.status()
        # Before both connections are there, something may not have been sent.
        for engine in found["engines"].values():
            assert {kind for kind, count in engine["failures"].items() if count} <= {"not_sent"}
        assert agent.fleet is not None
        found = agent.fleet.status()
        assert found["role"] == "agent"
        assert [row["server"] for row in found["servers"]] == ["berlin"]
        [row] = found["edges"]
        assert (row["edge"], row["users"]) == ("edge1", None)
        assert row["actions"] == 1


async def test_an_edge_follows_other_agents_after_a_reload(tmp_path: Path, cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(_simulator())
        for name in ("berlin-a", "berlin-b"):
            await stack.enter_async_context(running(_agent(tmp_path, cluster, simulator.port, name)))
        files = _edge(tmp_path, cluster, "berlin-a")
        edge = await stack.enter_async_context(running(files))
        await _up(edge)
        assert edge.fleet is not None
        section = _section(files)
        change(files, fleet={**section, "servers": {"berlin": {"agents": ["berlin-b"]}}, "max_lag": 9.0})
        assert (await edge.reload("test")).succeeded
        await _up(edge)
        assert edge.fleet.status()["servers"][0]["agent"] == "berlin-b"
        link = edge.links["berlin"]
        assert link.max_lag == 9.0


async def test_an_edge_follows_another_agent_at_once_if_one_is_stopped(
    tmp_path: Path, cluster: Cluster
) -> None:
    """It need not miss beats first, which takes 3.5 s."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(_simulator())
        agents = {
            name: await stack.enter_async_context(running(_agent(tmp_path, cluster, simulator.port, name)))
            for name in ("berlin-a", "berlin-b")
        }
        files = _edge(tmp_path, cluster, "berlin-a", "berlin-b")
        edge = await stack.enter_async_context(running(files))
        await _up(edge)
        assert edge.fleet is not None
        status = edge.fleet.status
        await until(
            lambda: {one["state"] for one in status()["servers"][0]["agents"]} == {"up"}, status, within=5
        )
        followed = status()["servers"][0]["agent"]
        agents.pop(followed).stop()
        [other] = agents
        await until(lambda: status()["servers"][0]["agent"] == other, status, within=2.5)
        await _up(edge)


async def test_an_agent_lets_no_edge_act_that_a_reload_has_removed(tmp_path: Path, cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(_simulator())
        agent_files = _agent(tmp_path, cluster, simulator.port)
        agent = await stack.enter_async_context(running(agent_files))
        files = _edge(tmp_path, cluster, "berlin-a")
        edge = await stack.enter_async_context(running(files))
        await _up(edge)
        client = await stack.enter_async_context(await _login(files))
        assert (await client.action("Getvar", Variable="x")).get("Response") == "Success"
        change(agent_files, fleet={**_section(agent_files), "edges": {}})
        assert (await agent.reload("test")).succeeded
        answer = await client.action("Getvar", Variable="x")
        assert answer.get("Response") == "Error"
        assert "not executed" in (answer.get("Message") or "")


async def test_a_reload_applies_keys_of_positions_and_of_the_engine(tmp_path: Path, cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(_simulator())
        files = _agent(tmp_path, cluster, simulator.port)
        app = await stack.enter_async_context(running(files))
        fleet = app.fleet
        assert fleet is not None
        await until(lambda: _connects(app) == [1, 1])
        old = app.hub.sealer.seal(1, 2)
        (files.directory / "token.key").write_text(f"{_KEYS[1]}\n{_KEYS[0]}\n")
        assert (await app.reload("test")).succeeded
        assert app.hub.sealer.seal(1, 2) != old
        assert (1, 2) in app.hub.sealer.open(old)
        assert _connects(app) == [1, 1]
        (files.directory / "process.seed").write_text(f"{cluster.plan.keys['berlin-b'].seed}\n")
        assert (await app.reload("test")).succeeded
        await until(lambda: _connects(app) == [2, 2], lambda: fleet.status()["engines"])


async def test_clients_of_an_agent_are_served_without_an_engine(tmp_path: Path, cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(_simulator())
        files = _agent(tmp_path, cluster, simulator.port, engines=["127.0.0.1:1"])
        app = await stack.enter_async_context(running(files))
        await until(lambda: app.link.serves)
        client = await stack.enter_async_context(await _login(files))
        assert (await client.action("Getvar", Variable="x")).get("Response") == "Success"
        assert "no connection to an engine" in app.lifecycle.status()


async def test_a_client_of_an_edge_is_told_that_its_action_was_not_sent(
    tmp_path: Path, cluster: Cluster
) -> None:
    """There is no agent: nothing waits, and nothing is done later."""
    files = _edge(tmp_path, cluster, "berlin-a")
    async with running(files) as edge, await _login(files) as client:
        assert not edge.links["berlin"].serves
        answer = await client.action("Getvar", Variable="x")
        assert answer.get("Response") == "Error"
        assert "not connected" in (answer.get("Message") or "")


def test_a_proxy_without_a_fleet_imports_no_client_of_engines() -> None:
    code = "import amiproxy.service.process, sys; sys.exit(bool({'nats', 'nkeys', 'nacl'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def _section(files: ProxyProcess) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files.config.read_text())["fleet"]
    return found


def _connects(app: App) -> list[int]:
    assert app.fleet is not None
    return [engine["connects"] for engine in app.fleet.status()["engines"].values()]
