"""deploy/compose: the file is consistent with the image, and the configuration in it is valid."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.cli import ctl, parser_for
from amiproxy.config import load_config

FOLDER = Path(__file__).parents[2] / "deploy/compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
PROXY, ASTERISK = COMPOSE["services"]["ami-proxy"], COMPOSE["services"]["asterisk"]
README = (FOLDER / "README.md").read_text()
CONTAINERFILE = (FOLDER.parent / "Containerfile").read_text()
MANAGER = (FOLDER / "asterisk/manager.conf").read_text()


def test_only_known_keys_are_used() -> None:
    # Of the Compose specification; a key that is misspelt would be ignored or refused.
    known = {
        *("image", "restart", "ports", "volumes", "secrets", "healthcheck", "network_mode", "user"),
        *("read_only", "cap_drop", "security_opt", "stop_grace_period"),
    }
    assert set(COMPOSE) == {"services", "volumes", "secrets"}
    for service in COMPOSE["services"].values():
        assert set(service) <= known
        assert set(service["healthcheck"]) <= {"test", "interval", "timeout", "start_period"}
        assert service["healthcheck"]["test"][0] == "CMD"


def test_what_a_service_names_is_defined_or_a_file() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        for source in (volume.partition(":")[0] for volume in service["volumes"]):
            assert source in COMPOSE["volumes"] or (FOLDER / source).exists(), source
    assert PROXY["network_mode"].removeprefix("service:") in COMPOSE["services"]
    # The steps make the secrets, under these names.
    for secret in COMPOSE["secrets"].values():
        assert f"> {secret['file'].removeprefix('./')}\n" in README
    ignored = (FOLDER / ".gitignore").read_text().split()
    assert {"secrets/", "ami-proxy/certs/", "ami-proxy/users.yaml"} <= set(ignored)


def test_the_proxy_has_no_more_rights_than_its_image_needs() -> None:
    [user] = re.findall(r"^USER (\S+)", CONTAINERFILE, re.MULTILINE)
    assert PROXY["user"] == user
    assert PROXY["read_only"] is True
    assert PROXY["cap_drop"] == ["all"]
    assert PROXY["security_opt"] == ["no-new-privileges"]
    assert "./ami-proxy:/etc/ami-proxy:ro" in PROXY["volumes"]
    uid, _, gid = user.partition(":")
    assert COMPOSE["volumes"]["ami-proxy-run"]["driver_opts"]["o"] == f"uid={uid},gid={gid},mode=0700"
    assert f"ami-proxy-run:{ctl.DEFAULT_SOCKET.parent}" in PROXY["volumes"]
    assert f"chown -R {user}" in README


def test_the_health_check_is_a_command_of_the_proxy() -> None:
    program, *arguments = PROXY["healthcheck"]["test"][1:]
    assert program == "ami-proxy"
    parser_for(arguments).parse_args(arguments)


def test_the_proxy_stops_before_it_is_killed() -> None:
    from amiproxy.config import Limits

    assert int(PROXY["stop_grace_period"].removesuffix("s")) > Limits().stop_timeout


def test_the_configuration_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    (tmp_path / "certs").mkdir()
    for name in ("certs/server.crt", "certs/server.key", "users.yaml", "upstream.secret"):
        (tmp_path / name).write_text("users: {}\n")
        (tmp_path / name).chmod(0o600)
    text = (FOLDER / "ami-proxy/proxy.yaml").read_text()
    assert "/run/secrets/upstream.secret" in text
    # The only path outside the folder is that of the secret.
    (tmp_path / "proxy.yaml").write_text(text.replace("/run/secrets/", f"{tmp_path}/"))
    (tmp_path / "proxy.yaml").chmod(0o600)
    config = load_config(tmp_path / "proxy.yaml")
    assert config.control is not None
    assert str(config.control.socket) == str(ctl.DEFAULT_SOCKET)
    published = [port.rpartition(":")[2] for port in ASTERISK["ports"]]
    assert [str(listener.address).rpartition(":")[2] for listener in config.listeners] == published


def test_the_link_stays_in_the_network_that_only_these_two_share() -> None:
    assert re.search(r"^bindaddr = 127\.0\.0\.1$", MANAGER, re.MULTILINE)
    [port] = re.findall(r"^port = (\d+)$", MANAGER, re.MULTILINE)
    assert port not in str(ASTERISK["ports"])
    assert '#include "/run/secrets/manager-user.conf"' in MANAGER
    # The user that the steps make is the one that the proxy logs in as.
    assert "[amiproxy]" in README
    assert yaml.safe_load((FOLDER / "ami-proxy/proxy.yaml").read_text())["upstream"]["username"] == "amiproxy"
