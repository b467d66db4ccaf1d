"""The section ``fleet``: what does not make sense is named with its place and a remedy."""

from pathlib import Path

import pytest

from amiproxy.ami.privilege import AGENT as AGENTS
from amiproxy.ami.privilege import CALL
from amiproxy.config import Config, ConfigErrors, UserEntry, UsersFile, load, load_config, warnings_of
from amiproxy.config.checking import fleet
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.config.loading import draft_config, server_names
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.usertable import table_of
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.phc import dummy_hash
from amiproxy.core.model.users import LONE_SERVER, User

UPSTREAM = "upstream: {username: amiproxy, secret_file: upstream.secret}"
PBX1 = "servers: {pbx1: {username: amiproxy, secret_file: upstream.secret}}"
COMMON = "name: one, engines: [nats1:4222], ca: ca.pem, seed_file: one.seed, token_key_file: token.key"
AGENT = f"role: agent, {COMMON}"
EDGE = f"role: edge, {COMMON}"
MIN_60 = "limits: {reconnect_min: 60}"
BERLIN = "servers: {berlin: {agents: [berlin-a, berlin-b]}}"


@pytest.fixture
def fleet_folder(folder: Path) -> Path:
    for name, text in (
        ("ca.pem", "(a CA)"),
        ("one.seed", seed_of(bytes(32)).decode()),
        ("token.key", "0" * 32),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return folder


def written(folder: Path, server: str, section: str, more: str = "") -> Path:
    file = folder / "proxy.yaml"
    rest = file.read_text().partition("\n")[2]
    file.write_text(f"{server}\n{rest}fleet: {{{section}}}\n{more}")
    return file


def loaded(folder: Path, server: str, section: str, more: str = "") -> Config:
    return load_config(written(folder, server, section, more))


def places(folder: Path, server: str, section: str, more: str = "") -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        load_config(written(folder, server, section, more))
    return [problem.key_path for problem in errors.value.problems]


def test_an_agent_has_ceilings_for_its_edges(fleet_folder: Path) -> None:
    edges = "edges: {e1: {users: [Board], read: [call]}, e2: {users: all, write: originate}}"
    config = loaded(fleet_folder, UPSTREAM, f"{AGENT}, server: berlin, {edges}")
    assert config.fleet is not None
    assert not config.fleet.is_edge
    assert config.fleet.ceilings == {"e1": Ceiling(frozenset({"Board"}), 2, 0), "e2": Ceiling(None, 0, 4096)}
    assert config.every_name == tuple(config.every_server)


def test_an_edge_needs_no_asterisk_of_its_own(fleet_folder: Path) -> None:
    config = loaded(fleet_folder, "", f"{EDGE}, {BERLIN}", "default_server: berlin\n")
    assert config.every_server == {}
    assert list(config.fleet_servers) == ["berlin"]
    assert config.server_names == ServerNames(("berlin",), "berlin", named=True)


def test_the_servers_of_an_edge_come_behind_its_own(fleet_folder: Path) -> None:
    limits = "servers: {berlin: {agents: [a], limits: {in_flight: 300}}}"
    config = loaded(fleet_folder, PBX1, f"{EDGE}, {limits}")
    assert config.every_name == ("pbx1", "berlin")
    assert (config.limits_of("berlin").in_flight, config.limits_of("pbx1").in_flight) == (300, 512)


@pytest.mark.parametrize(
    ("server", "section", "found"),
    [
        (UPSTREAM, AGENT, ["fleet"]),
        (PBX1, f"{AGENT}, server: berlin", ["fleet.server"]),
        (UPSTREAM, f"{AGENT}, server: Berlin", ["fleet.server"]),
        (UPSTREAM, f"{AGENT}, server: berlin, max_lag: 3, {BERLIN}", ["fleet.max_lag", "fleet.servers"]),
        ("", AGENT, [""]),
        (UPSTREAM, f"{EDGE}, {BERLIN}", ["upstream"]),
        (PBX1, f"{EDGE}, servers: {{pbx1: {{agents: [a]}}}}", ["fleet.servers.pbx1"]),
        ("", EDGE, ["fleet.servers"]),
        ("", f"{EDGE}, {BERLIN}, server: b, edges: {{e: {{users: all}}}}", ["fleet.server", "fleet.edges"]),
        ("", f"{EDGE}, servers: {{Berlin: {{agents: [a]}}}}", ["fleet.servers.Berlin"]),
        ("", f"{EDGE}, servers: {{b: {{agents: []}}}}", ["fleet.servers.b.agents"]),
        ("", f"{EDGE}, servers: {{b: {{agents: [a, a]}}}}", ["fleet.servers.b.agents[1]"]),
        ("", f"{EDGE}, servers: {{b: {{agents: [A]}}}}", ["fleet.servers.b.agents[0]"]),
        ("", f"{EDGE}, servers: {{b: {{agents: [a], {MIN_60}}}}}", ["fleet.servers.b.limits.reconnect_min"]),
        (UPSTREAM, f"{AGENT}, server: b, edges: {{e: {{read: [call]}}}}", ["fleet.edges.e"]),
        (UPSTREAM, f"{AGENT}, server: b, edges: {{e: {{users: []}}}}", ["fleet.edges.e.users"]),
        (UPSTREAM, f"{AGENT}, server: b, edges: {{e: {{users: [a, a]}}}}", ["fleet.edges.e.users[1]"]),
        (UPSTREAM, f"{AGENT}, server: b, edges: {{e: {{users: any}}}}", ["fleet.edges.e.users"]),
        (UPSTREAM, f"{AGENT}, server: b, edges: {{e: {{users: all, read: [cal]}}}}", ["fleet.edges.e.read"]),
        (UPSTREAM, f"{AGENT}, server: b, edges: {{E: {{users: all}}}}", ["fleet.edges.E"]),
        ("", f"{EDGE}, {BERLIN}, prefix: a.b", ["fleet.prefix"]),
        ("", f"{EDGE}, {BERLIN}, max_lag: 0", ["fleet.max_lag"]),
        ("", f"{EDGE}, {BERLIN}".replace("[nats1:4222]", "[]"), ["fleet.engines"]),
        ("", f"{EDGE}, {BERLIN}".replace("[nats1:4222]", "[n, 'n:4222']"), ["fleet.engines[1]"]),
        ("", f"{EDGE}, {BERLIN}".replace("nats1:", "tls://nats1:"), ["fleet.engines[0]"]),
        ("", f"{EDGE}, {BERLIN}".replace("one.seed", "token.key"), ["fleet.seed_file"]),
        ("", f"{EDGE}, {BERLIN}".replace("ca.pem", "gone.pem"), ["fleet.ca"]),
        ("", f"{EDGE}, {BERLIN}".replace("name: one", "name: One"), ["fleet.name"]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_reported(
    fleet_folder: Path, server: str, section: str, found: list[str]
) -> None:
    assert places(fleet_folder, server, section) == found


def test_all_problems_are_reported_at_once(fleet_folder: Path) -> None:
    (fleet_folder / "one.seed").chmod(0o644)
    (fleet_folder / "token.key").write_text("hunter2")
    section = f"{EDGE}, servers: {{b: {{agents: []}}, c: {{}}}}".replace("name: one", "name: One")
    assert places(fleet_folder, "", section) == [
        *("fleet.name", "fleet.seed_file", "fleet.token_key_file"),
        *("fleet.servers.b.agents", "fleet.servers.c"),
    ]


def test_a_draft_does_not_read_the_secrets(fleet_folder: Path) -> None:
    for name in ("one.seed", "token.key", "ca.pem"):
        (fleet_folder / name).unlink()
    assert draft_config(written(fleet_folder, "", f"{EDGE}, {BERLIN}")).fleet is not None


def test_the_servers_of_an_edge_with_problems_are_known(fleet_folder: Path) -> None:
    file = written(fleet_folder, PBX1, f"{EDGE}, {BERLIN}, colour: blue")
    assert server_names(file) == ServerNames(("pbx1", "berlin"), named=True)


def test_an_agent_has_no_servers_of_the_fleet(fleet_folder: Path) -> None:
    assert server_names(written(fleet_folder, "", f"{AGENT}, {BERLIN}")) is None


def test_users_name_the_servers_of_a_fleet(fleet_folder: Path, cheap_hash: str) -> None:
    users = fleet_folder / "users.yaml"
    users.write_text(f'users: {{a: {{secret: "{cheap_hash}", servers: [berlin], default_server: berlin}}}}')
    file = written(fleet_folder, PBX1, f"{EDGE}, {BERLIN}")
    assert list(load(file).users.users) == ["a"]
    users.write_text(f'users: {{a: {{secret: "{cheap_hash}", servers: [paris]}}}}')
    with pytest.raises(ConfigErrors, match=r"users\.a\.servers"):
        load(file)


def agents_users(folder: Path, server: str, section: str) -> dict[str, User]:
    (folder / "users.yaml").write_text(f"users: {{{EDGES_USERS}}}")
    loaded = load(written(folder, server, section))
    return {user.name: user for user in table_of(loaded.users, loaded.config.server_names)}


EDGES_USERS = """
  a: {servers: [berlin], read: [call, agent], on: {berlin: {read: [call]}, paris: {read: []}}},
  b: {servers: ["*"], default_server: paris},
  c: {servers: [paris], read: [call]},
  d: {read: [agent]}
"""


def test_an_agent_with_upstream_reads_the_users_of_its_edges(fleet_folder: Path) -> None:
    users = agents_users(fleet_folder, UPSTREAM, f"{AGENT}, server: berlin")
    assert [user.servers for user in users.values()] == [(LONE_SERVER,), (LONE_SERVER,), (), (LONE_SERVER,)]
    assert (users["a"].at(LONE_SERVER).read, users["a"].read) == (CALL, CALL | AGENTS)
    assert users["c"].at(LONE_SERVER).read == 0


def test_an_agent_with_servers_reads_the_users_of_its_edges(fleet_folder: Path) -> None:
    server = "servers: {berlin: {username: a, secret_file: upstream.secret}}"
    users = agents_users(fleet_folder, server, AGENT)
    assert [user.servers for user in users.values()] == [("berlin",), ("berlin",), (), ("berlin",)]
    assert users["a"].at("berlin").read == CALL


def test_a_user_of_an_agent_with_several_servers_names_its_own(fleet_folder: Path) -> None:
    settings = "{username: a, secret_file: upstream.secret}"
    with pytest.raises(ConfigErrors, match=r"users\.d: "):
        agents_users(fleet_folder, f"servers: {{berlin: {settings}, rome: {settings}}}", AGENT)


def test_a_python_without_the_extra_is_reported(fleet_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "find_spec", lambda name: None)
    with pytest.raises(ConfigErrors, match=r"fleet\.role: .*amiproxy\[fleet\]"):
        load_config(written(fleet_folder, UPSTREAM, f"{AGENT}, server: berlin"))


def test_a_user_that_comes_by_edges_alone_needs_no_door(fleet_folder: Path) -> None:
    config = loaded(fleet_folder, UPSTREAM, f"{AGENT}, server: berlin, edges: {{e1: {{users: all}}}}")
    doors = ("ami", "ws", "page")
    users = {"board": UserEntry(doors=doors), "home": UserEntry(doors=doors, secret=dummy_hash())}
    found = [line for line in warnings_of(config, UsersFile(users=users)) if "(doors)" in line]
    assert [line.partition(":")[0] for line in found] == ["user home"]
