"""The steps: each creates what it says with its mode, replaces nothing unplanned, and can be repeated."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from amiproxy.config import Unfit
from amiproxy.tools.setup.doing import do
from amiproxy.tools.setup.facts import found
from amiproxy.tools.setup.steps import (
    Access,
    IssueCertificate,
    Link,
    MakeAccount,
    MakeCa,
    MakeFolder,
    Run,
    SetAccess,
    WriteFile,
)
from amiproxy.x509.issuing.authority import CaFiles, load_ca
from amiproxy.x509.pem import load_certificates, load_key
from tests.support.requirements import need_root


def no_command(_: Sequence[str]) -> tuple[int, str]:
    raise AssertionError("nothing is to be run")


@pytest.fixture
def mine(tmp_path: Path) -> Access:
    access = found(tmp_path).access
    assert access is not None
    return access._replace(mode=0o600)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_and_its_parents_are_created(tmp_path: Path, mine: Access) -> None:
    do(MakeFolder(tmp_path / "a/b", mine._replace(mode=0o750)), no_command)
    assert mode(tmp_path / "a/b") == 0o750


def test_a_new_file_has_its_mode_whatever_the_umask(tmp_path: Path, mine: Access) -> None:
    before = os.umask(0)
    try:
        do(WriteFile(tmp_path / "f", b"secret", mine._replace(mode=0o640), ""), no_command)
    finally:
        os.umask(before)
    assert ((tmp_path / "f").read_bytes(), mode(tmp_path / "f")) == (b"secret", 0o640)
    assert names(tmp_path) == ["f"]


def test_a_new_file_has_its_owner_and_group(tmp_path: Path) -> None:
    need_root("only root can give a file away")
    do(WriteFile(tmp_path / "f", b"x", Access("nobody", "nogroup", 0o640), ""), no_command)
    do(MakeFolder(tmp_path / "d", Access("root", "nogroup", 0o750)), no_command)
    assert found(tmp_path / "f").access == Access("nobody", "nogroup", 0o640)
    assert found(tmp_path / "d").access == Access("root", "nogroup", 0o750)
    # An account without a name is known by its number.
    do(SetAccess(tmp_path / "f", Access("", "", 0), Access("54321", "54322", 0o600)), no_command)
    assert found(tmp_path / "f").access == Access("54321", "54322", 0o600)


def test_a_file_that_is_replaced_keeps_its_mode_and_a_copy(tmp_path: Path, mine: Access) -> None:
    file, copy = tmp_path / "manager.conf", tmp_path / "manager.conf.before"
    file.write_bytes(b"old")
    file.chmod(0o604)
    step = WriteFile(file, b"new", mine, "", before=b"old", backup=copy)
    do(step, no_command)
    assert (file.read_bytes(), mode(file)) == (b"new", 0o604)
    assert (copy.read_bytes(), mode(copy)) == (b"old", 0o604)
    # A copy of an earlier run is never replaced.
    do(WriteFile(file, b"newest", mine, "", before=b"new", backup=copy), no_command)
    assert (copy.read_bytes(), (tmp_path / "manager.conf.before.2").read_bytes()) == (b"old", b"new")


@pytest.mark.parametrize("before", [None, b"planned"])
def test_a_file_that_has_changed_since_the_plan_is_kept(
    before: bytes | None, tmp_path: Path, mine: Access
) -> None:
    file = tmp_path / "users.yaml"
    file.write_bytes(b"theirs")
    with pytest.raises(Unfit):
        do(WriteFile(file, b"ours", mine, "", before=before), no_command)
    assert file.read_bytes() == b"theirs"


def test_a_ca_is_made_as_a_whole(tmp_path: Path) -> None:
    do(MakeCa(tmp_path / "ca", "Test CA"), no_command)
    load_ca(CaFiles.within(tmp_path / "ca"))
    assert mode(tmp_path / "ca") == 0o700
    assert mode(tmp_path / "ca/ca.key") == 0o600
    assert names(tmp_path) == ["ca"]
    with pytest.raises(OSError, match="not empty"):
        do(MakeCa(tmp_path / "ca", "Test CA"), no_command)
    assert names(tmp_path) == ["ca"]


def issue(folder: Path, mine: Access) -> IssueCertificate:
    chain, key = folder / "certs/server.crt", folder / "certs/server.key"
    names = ("pbx.example.org", "192.0.2.1")
    return IssueCertificate(folder / "ca", names, chain, key, mine._replace(mode=0o644), mine)


@pytest.fixture
def with_ca(tmp_path: Path) -> Path:
    do(MakeCa(tmp_path / "ca", "Test CA"), no_command)
    (tmp_path / "certs").mkdir()
    return tmp_path


def test_a_certificate_and_its_key_are_issued(with_ca: Path, mine: Access) -> None:
    step = issue(with_ca, mine)
    do(step, no_command)
    [leaf] = load_certificates(step.chain.read_bytes(), "chain")
    assert leaf.public_key() == load_key(step.key.read_bytes(), "key").public_key()
    assert (mode(step.chain), mode(step.key)) == (0o644, 0o600)
    assert names(with_ca / "certs") == ["server.crt", "server.key"]


def test_a_key_that_is_there_gets_its_certificate(with_ca: Path, mine: Access) -> None:
    step = issue(with_ca, mine)
    do(step, no_command)
    key = step.key.read_bytes()
    step.chain.unlink()
    do(step, no_command)
    assert step.key.read_bytes() == key
    [leaf] = load_certificates(step.chain.read_bytes(), "chain")
    assert leaf.public_key() == load_key(key, "key").public_key()


def test_a_certificate_that_is_there_is_not_replaced(with_ca: Path, mine: Access) -> None:
    step = issue(with_ca, mine)
    step.chain.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        do(step, no_command)
    assert step.chain.read_bytes() == b"theirs"


def test_a_link_is_made(tmp_path: Path) -> None:
    do(Link(tmp_path / "hook", Path("/usr/share/x"), ""), no_command)
    assert (tmp_path / "hook").readlink() == Path("/usr/share/x")


@pytest.mark.parametrize("step", [Run(("asterisk", "-rx", "manager reload"), "", "remedy"), MakeAccount("x")])
def test_a_command_that_fails_is_reported_with_what_it_said(step: Run | MakeAccount) -> None:
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> tuple[int, str]:
        commands.append(command)
        return 1, "it said no"

    with pytest.raises(Unfit, match="it said no") as refused:
        do(step, run)
    assert refused.value.remedy
    assert commands == [step.command]


def test_a_copy_does_not_go_where_a_link_leads(tmp_path: Path, mine: Access) -> None:
    file, copy = tmp_path / "manager.conf", tmp_path / "manager.conf.before"
    file.write_bytes(b"old")
    copy.symlink_to(tmp_path / "elsewhere")
    do(WriteFile(file, b"new", mine, "", before=b"old", backup=copy), no_command)
    assert names(tmp_path) == ["manager.conf", "manager.conf.before", "manager.conf.before.2"]
