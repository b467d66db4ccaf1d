"""Everything on disk is read as a whole, compared by name, and shows no secret."""

import json
from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.service.loadedconfig import prepare
from tests.service.running import change
from tests.support.proxy_process import ProxyProcess, hashed

SECRET = "the secret of the link"
USERS = {"anna": {"secret": hashed("s"), "md5_secret": "recoverable-and-long-enough", "read": "all"}}


@pytest.fixture
def files(tmp_path: Path) -> ProxyProcess:
    tmp_path.chmod(0o700)
    return ProxyProcess(tmp_path, ("127.0.0.1", 5038, "proxy", SECRET), USERS)


def test_all_files_are_read_before_anything_is_built(files: ProxyProcess) -> None:
    prepared = prepare(files.config)
    assert prepared.secrets == {"asterisk": SECRET.encode()}
    assert len(prepared.users) == 1
    assert SECRET not in repr(prepared.config)


def test_all_problems_are_reported_at_once(files: ProxyProcess) -> None:
    change(files, colour="blue", tls={"policy": "none"})
    with pytest.raises(ConfigErrors) as caught:
        prepare(files.config)
    assert len(caught.value.problems) == 2


def test_its_repr_shows_no_secret(files: ProxyProcess) -> None:
    shown = repr(prepare(files.config))
    for secret in (SECRET, USERS["anna"]["secret"], "recoverable"):
        assert secret not in shown


def test_a_secret_that_cannot_be_read_is_reported_with_a_remedy(files: ProxyProcess) -> None:
    (files.directory / "upstream.secret").write_text("\n")
    with pytest.raises(ConfigErrors, match=r"upstream\.secret.* is empty.*put the secret into it"):
        prepare(files.config)


def test_a_changed_secret_in_the_same_file_is_a_difference(files: ProxyProcess) -> None:
    old = prepare(files.config)
    assert not prepare(files.config).differences_from(old)
    (files.directory / "upstream.secret").write_text("another\n")
    found = prepare(files.config).differences_from(old)
    assert found.keys == ("upstream.secret_file",)


def test_a_changed_secret_file_is_named_once(files: ProxyProcess) -> None:
    old = prepare(files.config)
    other = files.directory / "other.secret"
    other.write_text("another\n")
    other.chmod(0o600)
    text = files.config.read_text().replace("upstream.secret", "other.secret")
    files.config.write_text(text)
    assert prepare(files.config).differences_from(old).keys == ("upstream.secret_file",)
    (files.directory / "users.yaml").write_text(json.dumps({"users": {**USERS, "bert": USERS["anna"]}}))
    assert prepare(files.config).differences_from(old).users_added == ("bert",)


def of_an_agent(files: ProxyProcess) -> None:
    folder = files.directory
    for name, text in (("ca.pem", ""), ("a.seed", seed_of(bytes(32)).decode()), ("token.key", "1" * 32)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    keys = {"ca": "ca.pem", "seed_file": "a.seed", "token_key_file": "token.key", "server": "berlin"}
    change(files, fleet={"role": "agent", "name": "a", "engines": ["nats1"], **keys})


def test_the_secrets_of_a_fleet_are_read_and_not_shown(files: ProxyProcess) -> None:
    assert (prepare(files.config).fleet_seed, prepare(files.config).token_keys) == (b"", ())
    of_an_agent(files)
    prepared = prepare(files.config)
    assert (prepared.fleet_seed, prepared.token_keys) == (seed_of(bytes(32)), (b"\x11" * 16,))
    for secret in (prepared.fleet_seed.decode(), "1" * 32, "\\x11"):
        assert secret not in repr(prepared)


def test_a_changed_seed_or_key_of_positions_is_a_difference(files: ProxyProcess) -> None:
    of_an_agent(files)
    old = prepare(files.config)
    (files.directory / "a.seed").write_bytes(seed_of(bytes(31) + b"1"))
    assert prepare(files.config).differences_from(old).keys == ("fleet.seed_file",)
    (files.directory / "token.key").write_text(f"{'2' * 32}\n{'1' * 32}\n")
    assert prepare(files.config).differences_from(old).keys == ("fleet.seed_file", "fleet.token_key_file")


def test_an_edge_has_the_servers_of_its_fleet_and_no_secret_of_theirs(files: ProxyProcess) -> None:
    of_an_agent(files)
    text = json.loads(files.config.read_text())
    del text["upstream"], text["fleet"]["server"]
    text["fleet"] |= {"role": "edge", "servers": {"berlin": {"agents": ["b"], "limits": {"in_flight": 99}}}}
    files.config.write_text(json.dumps(text))
    (files.directory / "users.yaml").write_text('{"users": {}}')
    prepared = prepare(files.config)
    assert prepared.secrets == {}
    assert prepared.servers == (("berlin",), True, "")
    assert prepared.server_limits["berlin"].in_flight == 99
