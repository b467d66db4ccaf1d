"""deploy/proxy.yaml and deploy/users.yaml load, and explain every key."""

import re
import shutil
import textwrap
from pathlib import Path

import msgspec
import pytest

from amiproxy.config import Config, Limits, UsersFile, load
from amiproxy.config.actions import ActionEntry
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
from amiproxy.core.model.limits import ServerLimits

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    (tmp_path / "certs").mkdir()
    for name in (
        "upstream.secret",
        "certs/server.crt",
        "certs/server.key",
        "certs/clients-ca.crt",
        "certs/clients.crl",
        "certs/pbx-ca.crt",
        "certs/proxy.crt",
        "certs/proxy.key",
    ):
        (tmp_path / name).write_text("placeholder\n")
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
    config, users = load_both(installed)
    assert list(config.servers) == ["pbx0", "pbx1", "pbx2"]
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
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_key_of_proxy_yaml_is_explained(kind: type[msgspec.Struct]) -> None:
    assert not missing(kind, (DEPLOY / "proxy.yaml").read_text())


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
