"""The doctor at real nats-servers: it finds what is right right, and permissions that are too wide."""

import signal
from collections.abc import Callable, Iterator

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


def config_of(engines: Engines, name: str) -> Config:
    """The section that ``ami-proxy fleet config`` made, in a proxy.yaml with the first node alone."""
    folder = engines.cafile.parent
    section = yaml.safe_load((engines.keys / f"{name}.yaml").read_text())
    section["fleet"] |= {
        "engines": [f"127.0.0.1:{engines.nodes[0].port}"],
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


def examined(engines: Engines, name: str) -> list[DoctorFinding]:
    return list(doctor.examine(config_of(engines, name)))


def failures(engines: Engines, name: str) -> list[str]:
    return [finding.text for finding in examined(engines, name) if finding.level == "fail"]


@pytest.mark.parametrize("name", list(_PATHS))
def test_the_accounts_of_fleet_config_are_right(engines: Engines, name: str) -> None:
    found = examined(engines, name)
    assert [finding.level for finding in found] == ["ok"] * 4
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


def test_nothing_that_a_process_understands_is_published(engines: Engines) -> None:
    with RawClient(engines.nodes[0].port, engines.cafile, engines.key("edge2")) as edge:
        edge.subscribe("ami.v1.ev.berlin.berlin-a")
        assert edge.until_pong() == []
        for name in _PATHS:
            examined(engines, name)
        assert edge.until_pong() == []
