"""``ami-proxy setup`` with a real Asterisk: it accepts the account that was added to its manager.conf."""

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.tools.doctor.probe import Probe
from amiproxy.tools.setup import facts as state
from tests.asterisk.lab.asterisk import Asterisk


@pytest.fixture
def conf(asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Asterisk's own manager.conf; the command reaches this Asterisk's console."""

    def run(command: Sequence[str]) -> tuple[int, str]:
        assert command[:2] == ("asterisk", "-rx")
        return 0, asterisk.cli(command[2])

    monkeypatch.setattr(state, "run", run)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    yield asterisk.directory / "etc/manager.conf"
    for added in asterisk.directory.glob("etc/**/*ami-proxy*"):
        added.unlink()
    asterisk.reload_manager("")


def setup(folder: Path, conf: Path) -> int:
    given = ("--yes", "--host", "localhost", "--no-user", "--no-start")
    return main(["setup", "--directory", str(folder), "--manager-conf", str(conf), *given])


def shown(asterisk: Asterisk, user: str) -> dict[str, str]:
    rows = (line.partition(":") for line in asterisk.cli(f"manager show user {user}").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in rows}


def log_in(asterisk: Asterisk, user: str, secret: str) -> None:
    with Probe(asterisk.host, asterisk.port, 10) as probe:
        probe.greet()
        probe.log_in(user, secret.encode())


def test_asterisk_accepts_the_account_that_was_added(
    asterisk: Asterisk, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {user: shown(asterisk, user) for user in asterisk.users}
    assert setup(tmp_path / "try", conf) == 0
    log_in(asterisk, "amiproxy", (tmp_path / "try/upstream.secret").read_text().strip())
    account = shown(asterisk, "amiproxy")
    assert "all" in account["read perm"].split(",")
    assert "all" in account["write perm"].split(",")
    assert account["acl"] != "no"
    assert account["displayconnects"] == "no"
    assert {user: shown(asterisk, user) for user in asterisk.users} == before
    # The doctor has no advice about this account.
    assert "for [amiproxy]" not in capsys.readouterr().out


def test_an_included_folder_gets_a_file_that_asterisk_reads(
    asterisk: Asterisk, conf: Path, tmp_path: Path
) -> None:
    folder = conf.parent / "manager.d"
    folder.mkdir(exist_ok=True)
    (folder / "README.conf").write_text("; nothing\n")
    asterisk.reload_manager('#include "manager.d/*.conf"\n')
    text = conf.read_text()
    assert setup(tmp_path / "try", conf) == 0
    assert (folder / "ami-proxy.conf").exists()
    assert conf.read_text() == text
    log_in(asterisk, "amiproxy", (tmp_path / "try/upstream.secret").read_text().strip())


def test_an_account_that_is_there_lends_its_secret(asterisk: Asterisk, conf: Path, tmp_path: Path) -> None:
    asterisk.reload_manager("[amiproxy]\nsecret = theirs;comment\nread = all\nwrite = all\n")
    text = conf.read_text()
    assert setup(tmp_path / "try", conf) == 0
    assert (tmp_path / "try/upstream.secret").read_text() == "theirs\n"
    assert conf.read_text() == text


def test_an_account_with_another_secret_is_named_with_the_remedy(
    asterisk: Asterisk, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup(tmp_path / "try", conf) == 0
    (tmp_path / "try/upstream.secret").write_text("x" * 48)
    capsys.readouterr()
    assert setup(tmp_path / "try", conf) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "[amiproxy] has another secret than" in told
    assert "Asterisk has the account [amiproxy], but refused its login" in told
    assert "x" * 48 not in told


def test_a_manager_that_was_off_is_on_afterwards(asterisk: Asterisk, conf: Path, tmp_path: Path) -> None:
    conf.write_text(conf.read_text().replace("enabled = yes", "enabled = no", 1))
    # Off from its start, as on a fresh Debian.  If a reload has just ended its listener, the next one of
    # Asterisk 16 may stop at once: "TCP/TLS accept failed: Bad file descriptor" in tcptls.c.
    asterisk.restart()
    assert setup(tmp_path / "try", conf) == 0
    log_in(asterisk, "amiproxy", (tmp_path / "try/upstream.secret").read_text().strip())
