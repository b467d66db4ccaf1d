"""The doctor at real nats-servers: it finds what is right right, and permissions that are too wide."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import yaml

from amiproxy.config import Config, load_config
from amiproxy.tools.doctor import engines as doctor
from amiproxy.tools.doctor.finding import DoctorFinding
from tests.asterisk.lab.cache import Unavailable
from tests.fleet.example import Engines, running_example
from tests.fleet.lab.nkeys import user_key
from tests.fleet.lab.rawclient import RawClient
from tests.support.requirements import give_up
from tests.support.waiting import wait_until
from tests.tools.fleet.test_plan import WHOLE

#: The agents of the plan, with their servers.
AGENTS = {"berlin-a": ("berlin",), "berlin-b": ("berlin", "paris"), "paris-a": ("paris",)}
_PATHS = {"berlin-a": "upstream: {username: a, secret_file: link.secret}\n", "edge2": ""}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    try:
        with running_example(tmp_path_factory.mktemp("nats"), WHOLE) as found:
            yield found
    except Unavailable as reason:
        give_up("NATS", reason)


@pytest.fixture
def accounts(engines: Engines) -> Iterator[Callable[[str, str], None]]:
    """Replaces a part of the nats-servers' accounts; at the end they are as before."""
    file = engines.cafile.parent / "accounts.conf"
    before = file.read_text()

    def replace(old: str, new: str) -> None:
        text = file.read_text()
        assert old in text
        _reload(engines, text.replace(old, new))

    yield replace
    _reload(engines, before)


def _reload(engines: Engines, text: str) -> None:
    node = engines.nodes[0]
    loaded = node.log.read_text().count("Reloaded server configuration")
    (engines.cafile.parent / "accounts.conf").write_text(text)
    node.signal(signal.SIGHUP)
    wait_until(lambda: node.log.read_text().count("Reloaded server configuration") > loaded)


@contextmanager
def beating(engines: Engines, *agents: str) -> Iterator[None]:
    """These agents publish something on each of their subjects, all the time, at the first node."""
    over = threading.Event()

    def beat(agent: str) -> None:
        with engines.client(agent) as client:
            while not over.wait(0.1):
                for server in AGENTS[agent]:
                    client.publish(f"ami.v1.ev.{server}.{agent}", b"beat")
                assert client.until_pong() == []

    with ThreadPoolExecutor() as pool:
        beats = [pool.submit(beat, agent) for agent in agents]
        try:
            yield
        finally:
            over.set()
    for one in beats:
        one.result()


@contextmanager
def without_routes(engines: Engines, node: int) -> Iterator[None]:
    """This node is not connected to the others meanwhile."""
    alone = engines.nodes[node]
    file = alone.log.with_suffix(".conf")
    before = file.read_text()
    alone.kill()
    file.write_text(before.partition("cluster:")[0])
    alone.start()
    try:
        yield
    finally:
        alone.kill()
        file.write_text(before)
        alone.start()
        wait_until(lambda: len(alone.peers()) == 2, within=30)


def config_of(engines: Engines, name: str, nodes: int = 1) -> Config:
    """The section that ``ami-proxy fleet config`` made, in a proxy.yaml with the first nodes."""
    folder = engines.cafile.parent
    section = yaml.safe_load((engines.keys / f"{name}.yaml").read_text())
    section["fleet"] |= {
        "engines": [f"127.0.0.1:{node.port}" for node in engines.nodes[:nodes]],
        "ca": str(engines.cafile),
        "seed_file": str(engines.keys / f"{name}.seed"),
        "token_key_file": str(engines.keys / "token.key"),
    }
    for file in ("link.secret", "server.crt", "server.key", "users.yaml"):
        (folder / file).write_text("placeholder\n")
        (folder / file).chmod(0o600)
    listener = 'listeners: [{address: "127.0.0.1:0", certificates: [{chain: server.crt, key: server.key}]}]'
    path = folder / f"{name}-proxy.yaml"
    path.write_text(f"{_PATHS[name]}{listener}\nusers_file: users.yaml\n{yaml.safe_dump(section)}")
    return load_config(path)


def examined(engines: Engines, name: str, nodes: int = 1) -> list[DoctorFinding]:
    return list(doctor.examine(config_of(engines, name, nodes)))


def failures(engines: Engines, name: str) -> list[str]:
    return [finding.text for finding in examined(engines, name) if finding.level == "fail"]


@pytest.mark.parametrize("name", list(_PATHS))
def test_the_accounts_of_fleet_config_are_right(engines: Engines, name: str) -> None:
    with beating(engines, *AGENTS):
        found = examined(engines, name)
    assert [finding.level for finding in found] == ["ok"] * (5 if name == "edge2" else 4)
    seed = (engines.keys / f"{name}.seed").read_text().strip()
    assert seed not in str(found)


@pytest.mark.parametrize(
    ("name", "old", "new", "subject"),
    [
        ("edge2", '"_INBOX.edge2.>"', '"_INBOX.>"', "_INBOX.>"),
        ("edge2", '"ami.v1.ev.paris.berlin-b", "_INBOX.edge2.>"', '">"', "$SYS.>"),
        ("edge2", '"ami.v1.act.paris.paris-a.edge2"', '"ami.v1.act.>"', "ami.v1.act.paris.paris-a."),
        ("edge2", '"ami.v1.act.paris.paris-a.edge2"', '"ami.v1.ev.paris.paris-a"', "ami.v1.ev.paris.paris-a"),
        ("edge2", '"ami.v1.act.paris.paris-a.edge2"', '"_INBOX.*.*"', "_INBOX.edge2."),
        ("berlin-a", '"ami.v1.act.berlin.berlin-a.*"', '"ami.v1.act.berlin.*.*"', "ami.v1.act.berlin."),
        ("berlin-a", '"ami.v1.ev.berlin.berlin-a"]', '"ami.v1.ev.berlin.*"]', "ami.v1.ev.berlin."),
        ("berlin-a", '"ami.v1.ev.berlin.berlin-a"]', '"_INBOX.>"]', "_INBOX.edge1."),
    ],
)  # fmt: skip
def test_a_permission_that_is_too_wide_is_found(
    engines: Engines, accounts: Callable[[str, str], None], name: str, old: str, new: str, subject: str
) -> None:
    accounts(old, new)
    assert any(f" to {subject}" in text and "not need" in text for text in failures(engines, name))


def test_a_permission_that_is_missing_is_found(
    engines: Engines, accounts: Callable[[str, str], None]
) -> None:
    accounts('"ami.v1.ev.paris.berlin-b", "_INBOX.edge2.>"', '"_INBOX.edge2.>"')
    [text] = failures(engines, "edge2")
    assert "may not subscribe to ami.v1.ev.paris.berlin-b" in text


def test_a_seed_that_is_not_in_the_accounts_is_found(
    engines: Engines, accounts: Callable[[str, str], None]
) -> None:
    accounts(engines.key("edge2").public, user_key().public)
    [text] = failures(engines, "edge2")
    assert "does not accept the seed" in text


def test_a_server_that_lets_anybody_in_is_found(engines: Engines) -> None:
    node, file = engines.nodes[0], engines.cafile.parent / "accounts.conf"
    before = file.read_text()
    # No reload changes this key.
    node.kill()
    file.write_text(f"no_auth_user: {engines.key('edge1').public}\n{before}")
    node.start()
    try:
        assert any("without a key" in text for text in failures(engines, "edge2"))
    finally:
        node.kill()
        file.write_text(before)
        node.start()


def test_engines_that_are_not_connected_to_each_other_are_found(engines: Engines) -> None:
    with beating(engines, *AGENTS):
        assert all(finding.level == "ok" for finding in examined(engines, "edge2", 3))
        with without_routes(engines, 1):
            wrong = [finding.text for finding in examined(engines, "edge2", 3) if finding.level != "ok"]
    assert len(wrong) == 4
    assert all(str(engines.nodes[1].port) in text for text in wrong)
    assert not any(str(node.port) in text for text in wrong for node in (engines.nodes[0], engines.nodes[2]))


def test_an_agent_that_does_not_run_is_found(engines: Engines) -> None:
    with beating(engines, "berlin-a", "berlin-b"):
        wrong = [finding for finding in examined(engines, "edge2") if finding.level != "ok"]
    assert [(finding.level, "paris-a" in finding.text) for finding in wrong] == [("warn", True)]


def test_nothing_that_a_process_understands_is_published(engines: Engines) -> None:
    with RawClient(engines.nodes[0].port, engines.cafile, engines.key("edge2")) as edge:
        edge.subscribe("ami.v1.ev.berlin.berlin-a")
        assert edge.until_pong() == []
        for name in _PATHS:
            examined(engines, name)
        assert edge.until_pong() == []
