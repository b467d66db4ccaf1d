import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from amiproxy.config import Tls
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.halfwritten import may_pass
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.x509.expiry import Expiry
from tests.net.certs.storing import NOW, Site, expired, shown
from tests.support.certificates import DAY, forge, install
from tests.support.unprivileged import unprivileged


# The failure table: the files on disk, the finding, and whether a writer still at work would explain it.
def wrong_key(site: Site) -> None:
    install(site.directory, forge().pem, site.first.key_pem)


def cut_off_chain(site: Site) -> None:
    site.put(forge())
    site.chain.write_bytes(site.chain.read_bytes()[:-60])


def cut_off_key(site: Site) -> None:
    site.put(forge())
    site.key.write_bytes(site.key.read_bytes()[:-60])


def empty(site: Site) -> None:
    site.chain.write_bytes(b"")


def not_pem(site: Site) -> None:
    site.chain.write_bytes(b"<html>404</html>\n")


def malformed_names(site: Site) -> None:
    broken = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\xff\xff")
    site.put(forge(names=(), extensions=[broken]))


def not_yet_valid(site: Site) -> None:
    site.put(forge(not_before=NOW + DAY))


def missing(site: Site) -> None:
    site.key.unlink()


def dangling(site: Site) -> None:
    site.chain.unlink()
    site.chain.symlink_to(site.directory / "gone.crt")


def world_writable_key(site: Site) -> None:
    site.put(forge())
    site.key.chmod(0o666)


def readable_key(site: Site) -> None:
    site.put(forge())
    site.key.chmod(0o644)


def directory_of_others(site: Site) -> None:
    site.put(forge())
    site.directory.chmod(0o775)


def directory_in_the_way(site: Site) -> None:
    site.chain.unlink()
    site.chain.mkdir()


def fifo_in_the_way(site: Site) -> None:
    site.chain.unlink()
    os.mkfifo(site.chain)


def directory_gone(site: Site) -> None:
    shutil.move(site.directory, site.directory.with_name("elsewhere"))


FAILURES: list[tuple[Callable[[Site], None], str, str, bool]] = [
    (wrong_key, "key-mismatch", "does not belong to certificate CN=pbx.example", True),
    (cut_off_chain, "not-pem", "server.crt: the file ends inside a certificate", True),
    (cut_off_key, "not-pem", "server.key: the file ends inside a private key", True),
    (empty, "not-pem", "server.crt: the file is empty", True),
    (not_pem, "not-pem", "no certificate in PEM form", True),
    (malformed_names, "not-pem", "server.crt: certificate 1 of 1 in it cannot be read", False),
    (expired, "expired", "expired on", False),
    (not_yet_valid, "not-yet-valid", "valid only from", False),
    (missing, "unreadable", "server.key: there is no such file", True),
    (dangling, "unreadable", "is a symbolic link to", True),
    (world_writable_key, "key-open", "mode 0666", False),
    (readable_key, "key-open", "mode 0644: readable by all users", False),
    (directory_of_others, "directory-open", "mode 0775: others could replace server.crt in it", False),
    (directory_in_the_way, "unreadable", "not a regular file", False),
    (fifo_in_the_way, "unreadable", "not a regular file", False),
    (directory_gone, "unreadable", "there is no such file", True),
]


@pytest.mark.parametrize(
    ("spoil", "code", "text", "passing"), FAILURES, ids=[row[0].__name__ for row in FAILURES]
)
def test_bad_set_keeps_the_old_generation(
    site: Site, spoil: Callable[[Site], None], code: str, text: str, passing: bool
) -> None:
    before = site.store.context
    spoil(site)
    result = site.store.reload("watch")
    assert (result.outcome, result.generation, result.succeeded) == ("failed", 1, False)
    assert code in [finding.code for finding in result.findings if finding.level == "error"]
    assert text in str(result)
    assert may_pass(result.findings) is passing
    assert site.store.context is before
    assert shown(site.store) == site.first.der
    assert site.store.last_result is result
    if site.directory.exists() and not site.chain.is_dir():
        shutil.rmtree(site.directory)
    elif site.chain.is_dir():
        site.chain.rmdir()
    mended = forge()
    site.put(mended)
    assert site.store.reload("watch").outcome == "swapped"
    assert shown(site.store) == mended.der


@pytest.mark.parametrize(
    ("spoil", "text"), [(row[0], row[2]) for row in FAILURES], ids=[row[0].__name__ for row in FAILURES]
)
def test_bad_set_refuses_the_start(site: Site, spoil: Callable[[Site], None], text: str) -> None:
    spoil(site)
    with pytest.raises(CertificatesRefused) as refused:
        CertStore(site.listener, Tls())
    assert text in str(refused.value)
    assert refused.value.findings


def test_expired_certificate_can_be_forced(tmp_path: Path) -> None:
    old = forge(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    site = Site(tmp_path / "tls", first=old, tls=Tls(allow_expired=True))
    assert shown(site.store) == old.der
    assert [finding.level for finding in site.store.last_result.findings] == ["warning"]
    assert site.store.expiry() is Expiry.EXPIRED


def test_lost_name_refuses_if_configured(tmp_path: Path) -> None:
    site = Site(tmp_path / "tls", tls=Tls(lost_names="refuse"))
    site.put(forge(names=[x509.DNSName("other.example")]))
    assert "no longer covers dns:pbx.example" in str(site.store.reload("x"))
    assert site.store.generation == 1


@pytest.fixture
def open_site() -> Iterator[Site]:
    """A site on a path that other users may enter; pytest's own paths are private to us."""
    directory = Path("/tmp") / f"ami-proxy-certs-{os.getpid()}-{os.urandom(4).hex()}"
    directory.mkdir(mode=0o755)
    try:
        yield Site(directory / "tls")
    finally:
        shutil.rmtree(directory)


def test_unreadable_key_names_owner_mode_ids_and_remedy(open_site: Site) -> None:
    open_site.key.chmod(0o000)
    with unprivileged():
        result = open_site.store.reload("SIGHUP")
        text = str(result)
        us = f"uid {os.geteuid()}"
    assert result.outcome == "failed"
    assert not may_pass(result.findings)
    assert f"{open_site.key}: permission denied: it is " in text
    assert "mode 0000" in text
    assert us in text
    assert "chmod 0640" in text
    assert "certs/hooks/" in text
    assert shown(open_site.store) == open_site.first.der


def test_unreadable_key_is_a_failure_though_nothing_changed(open_site: Site) -> None:
    open_site.key.chmod(0o000)
    with unprivileged():
        assert open_site.store.reload("SIGHUP").outcome == "failed"
    open_site.key.chmod(0o600)
    assert open_site.store.reload("SIGHUP").outcome == "unchanged"


def test_directory_that_may_not_be_entered_is_named(open_site: Site) -> None:
    open_site.directory.chmod(0o000)
    with unprivileged():
        text = str(open_site.store.reload("SIGHUP"))
    assert f"permission denied: directory {open_site.directory} is " in text
    assert "mode 0000" in text
    open_site.directory.chmod(0o755)
