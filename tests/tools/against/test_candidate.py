"""The files on disk as the service would read them, with the rights of its account."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec import structs

from amiproxy.config import Config, Unfit, load
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.config.plain import fingerprints
from amiproxy.net.certs.certstore import CertStore
from amiproxy.tools.against import candidate
from amiproxy.tools.against.comparing import compare
from amiproxy.tools.against.state import Account
from tests.service.running import change
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import need_root
from tests.support.unprivileged import NOBODY
from tests.tools.against.states import running

KEY = b"k" * 32
AS_NOBODY = Account(NOBODY, NOBODY, ())


@pytest.fixture
def root() -> None:
    need_root("only root can act as another account")


@pytest.fixture
def files(tmp_path: Path) -> ProxyProcess:
    tmp_path.chmod(0o700)
    return ProxyProcess(tmp_path, ("127.0.0.1", 5038, "proxy", "hunter2"), {"u": {"secret": hashed("s")}})


def test_the_secrets_of_a_fleet_are_fingerprints_and_its_files_are_among_those_it_reads(
    files: ProxyProcess,
) -> None:
    seed, folder = seed_of(bytes(32)), files.directory
    for name, text in (("ca.pem", ""), ("a.seed", seed.decode()), ("token.key", f"{'1' * 32}\n{'2' * 32}\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    keys = {"ca": "ca.pem", "seed_file": "a.seed", "token_key_file": "token.key", "server": "berlin"}
    change(files, fleet={"role": "agent", "name": "a", "engines": ["nats1"], **keys})
    loaded = load(files.config)
    stores = [CertStore(one, loaded.config.tls) for one in loaded.config.listeners]
    found = candidate.candidate(loaded, stores, KEY)
    assert found.fleet_secrets["fleet.seed_file"] == fingerprints(KEY)(seed.decode())
    assert seed.decode() not in repr(found)
    (folder / "token.key").write_text(f"{'2' * 32}\n{'1' * 32}\n")
    again = candidate.candidate(loaded, stores, KEY)
    assert [key for key in found.fleet_secrets if found.fleet_secrets[key] != again.fleet_secrets[key]] == [
        "fleet.token_key_file"
    ]
    named = {folder / name for name in ("ca.pem", "a.seed", "token.key")}
    assert named < set(candidate.files_of(loaded.config))
    (folder / "a.seed").unlink()
    with pytest.raises(Unfit, match="fleet: "):
        candidate.candidate(loaded, stores, KEY)


def test_it_has_the_form_of_the_running_service(files: ProxyProcess) -> None:
    loaded = load(files.config)
    stores = [CertStore(one, loaded.config.tls) for one in loaded.config.listeners]
    found = candidate.candidate(loaded, stores, KEY)
    assert found.upstream_secrets == {"asterisk": fingerprints(KEY)("hunter2")}
    assert set(found.users) == {"u"}
    assert [set(one) for one in found.files] == [
        {str(files.directory / name) for name in ("server.crt", "server.key")}
    ]
    service = running(loaded.config, files.config, users=found.users, files=found.files)
    service = type(service)(**{**vars(service), **vars(found)})
    assert compare(service, found, loaded.config, files.config, ()).result == "same"


@pytest.mark.parametrize("section", ["upstream", "servers.pbx2"])
def test_a_secret_that_cannot_be_read_names_its_key(files: ProxyProcess, section: str) -> None:
    loaded = load(files.config)
    assert loaded.config.upstream is not None
    missing = files.directory / "gone.secret"
    lone = structs.replace(loaded.config.upstream, secret_file=missing)
    named = structs.replace(loaded.config.first_server, secret_file=missing)
    of_one = structs.replace(loaded.config, upstream=lone)
    of_several = structs.replace(loaded.config, upstream=None, servers={"pbx2": named})
    config = of_one if section == "upstream" else of_several
    stores = [CertStore(one, config.tls) for one in config.listeners]
    with pytest.raises(Unfit, match=rf"^{section}\.secret_file: .*gone\.secret"):
        candidate.candidate(loaded._replace(config=config), stores, KEY)


def test_all_files_that_the_service_reads_are_named(files: ProxyProcess) -> None:
    names = {path.name for path in candidate.files_of(load(files.config).config)}
    assert names == {"users.yaml", "upstream.secret", "server.crt", "server.key"}


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder that every account may enter, unlike pytest's."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.mark.usefixtures("root")
def test_files_that_the_services_account_cannot_read_are_named(passable: Path) -> None:
    mine, open_to_all, group = (passable / name for name in ("mine", "open", "group"))
    for path, mode in ((mine, 0o600), (open_to_all, 0o644), (group, 0o640)):
        path.touch()
        path.chmod(mode)
    os.chown(group, 0, 4711)
    before = os.geteuid(), os.getegid(), os.getgroups()
    found = candidate.unreadable([mine, open_to_all, group, passable / "none", mine], AS_NOBODY)
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    assert [str(mine) in line for line in found] == [True, False]
    assert str(group) in found[1]
    assert candidate.unreadable([mine, group], Account(NOBODY, NOBODY, (4711,))) == found[:1]
    assert candidate.unreadable([mine], Account(0, 0, ())) == []
    assert "4712" in candidate.unreadable([mine], Account(4712, 4713, ()))[0]


@pytest.mark.usefixtures("root")
def test_they_are_looked_for_unless_the_service_has_tried_them_itself(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: Config = load(files.config).config
    tried = running(config, files.config, account=AS_NOBODY)
    monkeypatch.setattr(candidate, "__version__", tried.interpreter["version"])
    assert candidate.unreadable_by(tried, config, files.config) == []
    service = running(config, files.config, account=AS_NOBODY, rehearsal=None)
    assert len(candidate.unreadable_by(service, config, files.config)) == 4
    # Those beside another proxy.yaml are put elsewhere before the service reads them.
    other = running(config, Path("/etc/ami-proxy/proxy.yaml"), account=AS_NOBODY, rehearsal=None)
    assert candidate.unreadable_by(other, config, files.config) == []
    unknown = running(config, files.config, account=None, rehearsal=None)
    assert candidate.unreadable_by(unknown, config, files.config) == []
