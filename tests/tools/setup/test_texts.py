"""proxy.yaml and the manager account's section: what is written is what is read."""

import re
from pathlib import Path

import pytest

from amiproxy.config import draft_config
from amiproxy.tools.importers.asteriskconf import parse
from amiproxy.tools.setup.texts import ServiceText, proxy_yaml, section
from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress

TOP = Path(__file__).parents[3]


def test_by_default_it_is_the_packages_own_file() -> None:
    assert proxy_yaml() == (TOP / "deploy/debian/proxy.yaml").read_text()


@pytest.mark.parametrize("username", ["amiproxy", "yes", "007", "a.b", "null", "x@y"])
@pytest.mark.parametrize("address", [AsteriskAddress(), AsteriskAddress("::1", 5040)])
def test_the_configuration_says_what_was_wanted(
    username: str, address: AsteriskAddress, tmp_path: Path
) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text(
        proxy_yaml(ServiceText(username, address, "0.0.0.0:6000", "127.0.0.1:9539", "0"), tmp_path)
    )
    config = draft_config(file)
    assert config.upstream.username == username
    assert (config.upstream.host, config.upstream.port) == address
    assert config.upstream.expect_user == "0"
    assert str(config.listeners[0].address) == "0.0.0.0:6000"
    assert config.metrics is not None
    assert str(config.metrics.address) == "127.0.0.1:9539"
    assert config.control is not None
    assert config.control.socket.path == tmp_path / "control.sock"


def test_the_systems_control_socket_is_the_one_that_ctl_and_the_units_use(tmp_path: Path) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text(proxy_yaml(directory=SYSTEM))
    control = draft_config(file).control
    assert control is not None
    assert control.socket.path == Path("/run/ami-proxy/control.sock")


@pytest.mark.parametrize("secret", ["plain", "a;b", "has = and > signs", "ends in \\;"])
def test_asterisk_reads_the_secret_that_was_written(secret: str) -> None:
    [found] = parse("manager.conf", section("link", secret, "127.0.0.1"), lambda _: []).sections
    assert found.name == "link"
    values = [setting.value for setting in found.settings if setting.name == "secret"]
    assert values == [secret] or "\\;" in secret


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("127.0.0.1", ["127.0.0.1/255.255.255.255"]),
        ("::1", ["::1/128"]),
        ("localhost", ["127.0.0.1/255.255.255.255", "::1/128"]),
    ],
)
def test_only_the_address_that_the_proxy_comes_from_is_permitted(host: str, permitted: list[str]) -> None:
    [found] = parse("manager.conf", section("link", "s", host), lambda _: []).sections
    assert [setting.value for setting in found.settings if setting.name == "permit"] == permitted
    assert [setting.value for setting in found.settings if setting.name == "deny"] == [
        "0.0.0.0/0.0.0.0",
        "::/0",
    ]


def test_the_section_has_what_the_guide_says() -> None:
    guide = (TOP / "deploy/README.md").read_text()
    block = re.search(r"\[amiproxy\]\n(.*?)(?:END|```)", guide, re.DOTALL)
    assert block is not None
    written = set(section("amiproxy", "s", "127.0.0.1").splitlines())
    for line in block[1].strip().splitlines():
        assert line in written or line.startswith("secret = "), line
