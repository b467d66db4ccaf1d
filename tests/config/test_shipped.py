"""deploy/proxy.yaml and deploy/users.yaml load, and explain every key."""

import re
import shutil
import textwrap
from pathlib import Path

import msgspec
import pytest

from amiproxy.ami.privilege import AGENT, CALL, ORIGINATE, SYSTEM
from amiproxy.config import Config, EdgeEntry, FleetServer, FleetSettings, Limits, UsersFile, load
from amiproxy.config.actions import ActionEntry
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.config.schema import (
    AjamSettings,
    Certificate,
    Control,
    FanOut,
    History,
    ListenerSettings,
    Log,
    Metrics,
    ServerSettings,
    Tls,
    UpstreamSettings,
    UpstreamTls,
)
from amiproxy.config.users.user import UserEntry
from amiproxy.config.users.usertable import table_of
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.limits import ServerLimits
from amiproxy.core.model.users import LONE_SERVER

DEPLOY = Path(__file__).parents[2] / "deploy"
#: Files that are read when the configuration is loaded.
CONTENTS = {
    "fleet/berlin-a.seed": seed_of(bytes(32)).decode() + "\n",
    "fleet/token.key": f"{'0' * 32}\n",
}
#: Lines of the section fleet that one role does not have.
ONLY_EDGES = (
    "  max_lag: 5\n",
    "  servers:\n    berlin: {agents: [berlin-a, berlin-b], limits: {action_timeout: 30}}\n",
)
ONLY_AGENTS = (
    "  server: berlin\n",
    "  edges:\n    edge1: {users: [wallboard, dialer], read: [call, agent, system], write: [originate]}\n",
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    for folder in ("certs", "fleet"):
        (tmp_path / folder).mkdir(mode=0o700)
    for name in (
        "upstream.secret",
        "certs/server.crt",
        "certs/server.key",
        "certs/clients-ca.crt",
        "certs/clients.crl",
        "certs/pbx-ca.crt",
        "certs/proxy.crt",
        "certs/proxy.key",
        "fleet/ca.pem",
        "fleet/berlin-a.seed",
        "fleet/token.key",
    ):
        (tmp_path / name).write_text(CONTENTS.get(name, "placeholder\n"))
        (tmp_path / name).chmod(0o640)
    for name in ("proxy.yaml", "users.yaml", "modules.yaml"):
        shutil.copyfile(DEPLOY / name, tmp_path / name)
        (tmp_path / name).chmod(0o640)
    return tmp_path


def uncomment(file: Path, **changes: str) -> None:
    """Activate the optional keys: those behind a hash without a blank."""
    text = re.sub(r"^( *)#(?=\S)", r"\1", file.read_text(), flags=re.MULTILINE)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def move_upstream_to_servers(file: Path) -> None:
    """Make one more server out of upstream, which cannot be there together with servers."""
    before, upstream, rest = file.read_text().partition("upstream:\n")
    block, servers, after = rest.partition("\nservers:\n")
    assert upstream
    assert servers
    file.write_text(f"{before}servers:\n  pbx0:\n{textwrap.indent(block, '  ')}\n{after}")


def play(file: Path, role: str) -> None:
    """Leave only the keys in the section fleet that this role has."""
    text = file.read_text()
    for line in ONLY_EDGES if role == "agent" else ONLY_AGENTS:
        assert line in text
        text = text.replace(line, "")
    file.write_text(text.replace("role: agent", f"role: {role}"))


def load_both(folder: Path) -> tuple[Config, UsersFile]:
    return load(folder / "proxy.yaml")[:2]


def test_the_files_load_as_shipped(installed: Path) -> None:
    config, users = load_both(installed)
    assert str(config.listeners[0].address) == "[::]:5039"
    assert (config.control, config.metrics) == (None, None)
    assert config.limits == Limits()
    assert config.fan_out == FanOut()
    assert set(users.users) == {"wallboard", "dialer"}


def test_the_files_load_with_every_optional_key(installed: Path) -> None:
    uncomment(installed / "users.yaml")
    uncomment(
        installed / "proxy.yaml",
        **{
            "expect_user: asterisk": "expect_user: root",
            "client_auth: none": "client_auth: required",
            "users_files: [users.d/*.yaml]": "users_files: []",  # in place of users_file, not with it
        },
    )
    move_upstream_to_servers(installed / "proxy.yaml")
    play(installed / "proxy.yaml", "edge")
    config, users = load_both(installed)
    assert list(config.servers) == ["pbx0", "pbx1", "pbx2"]
    assert config.every_name == ("pbx0", "pbx1", "pbx2", "berlin")
    assert config.limits_of("berlin").action_timeout == 30
    assert config.servers["pbx0"].tls is not None
    assert config.limits_of("pbx2").action_timeout == 30
    assert (config.default_server, config.listeners[0].server) == ("pbx1", "pbx2")
    assert config.limits == Limits()
    ami, http = config.listeners
    assert (ami.door, http.door, http.doors) == ("ami", "http", ("ajam", "api", "page", "ws"))
    assert http.ajam == AjamSettings()
    assert config.fan_out == FanOut()
    assert config.history == History()
    assert config.log == Log()
    assert msgspec.structs.replace(config.tls, minimum_version=None, suites=()) == Tls()
    assert config.tls.minimum_version == "TLSv1.2"
    assert len(config.tls.suites) == 2
    assert {"RptStatus", "DongleSendSMS", "QuectelReset", "SCCPShowDevices"} < set(config.actions)
    assert config.control is not None
    assert config.metrics is not None
    dialer = users.users["dialer"]
    assert len(dialer.compiled_filters()) == 2
    assert dialer.scope is not None
    user = table_of(users, config.server_names).find(b"dialer")
    assert user is not None
    assert (user.servers, user.default_server) == (("pbx1", "pbx2"), "pbx1")
    assert user.at("pbx2").write == 0 != user.at("pbx1").write
    assert dialer.md5_secret is not None
    assert dialer.history


def test_the_fleet_of_an_agent_loads(installed: Path) -> None:
    before, start, rest = (DEPLOY / "proxy.yaml").read_text().partition("#fleet:\n")
    section, end, after = rest.partition("\n\n")
    file = installed / "proxy.yaml"
    file.write_text(start + section)
    uncomment(file)
    file.write_text(before + file.read_text() + end + after)
    play(file, "agent")
    config, _ = load_both(installed)
    assert config.fleet is not None
    assert (config.fleet.server, config.every_name, config.fleet_servers) == ("berlin", (LONE_SERVER,), {})
    assert config.fleet.ceilings["edge1"] == Ceiling(
        frozenset({"wallboard", "dialer"}), CALL | AGENT | SYSTEM, ORIGINATE
    )
    assert [engine.port for engine in config.fleet.engines] == [4222, 4222, 4222]


@pytest.mark.parametrize(
    "kind",
    [
        Config,
        ActionEntry,
        AjamSettings,
        UpstreamSettings,
        UpstreamTls,
        ServerSettings,
        ListenerSettings,
        Certificate,
        Tls,
        FanOut,
        Limits,
        Control,
        Metrics,
        Log,
        FleetSettings,
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_key_of_proxy_yaml_is_explained(kind: type[msgspec.Struct]) -> None:
    assert not missing(kind, (DEPLOY / "proxy.yaml").read_text())


@pytest.mark.parametrize("kind", [EdgeEntry, FleetServer], ids=lambda kind: kind.__name__)
def test_every_key_inside_the_fleet_is_shown(kind: type[msgspec.Struct]) -> None:
    text = (DEPLOY / "proxy.yaml").read_text()
    for field in msgspec.structs.fields(kind):
        assert re.search(rf"#[a-z0-9]+: {{.*\b{field.name}: ", text), field.name


def test_every_limit_of_a_server_is_named() -> None:
    text = " ".join((DEPLOY / "proxy.yaml").read_text().replace("#", " ").split())
    assert ", ".join(ServerLimits.__struct_fields__) in text


def test_every_key_of_a_user_is_explained() -> None:
    assert not missing(UserEntry, (DEPLOY / "users.yaml").read_text())


def missing(kind: type[msgspec.Struct], text: str) -> list[str]:
    keys = [field.encode_name for field in msgspec.structs.fields(kind)]
    return [key for key in keys if not re.search(rf"^[ #-]*{key}:", text, re.MULTILINE)]


def test_the_shipped_hashes_match_no_secret(installed: Path) -> None:
    _, users = load_both(installed)
    text = (DEPLOY / "users.yaml").read_text()
    assert "fit no secret at all" in text
    assert all(entry.md5_secret is None for entry in users.users.values())
