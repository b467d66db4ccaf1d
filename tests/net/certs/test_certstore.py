"""Rotation: the served certificates change as a whole or not at all, and the result says which."""

import os
import shutil
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.halfwritten import may_pass
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.net.tls.tlspolicy import PolicyError, presented_certificate
from amiproxy.steps import result_of
from amiproxy.x509.expiry import Expiry
from tests.support.certificates import DAY, Forged, forge, forge_crl, install, listener_of, pair_of

TLS13 = ssl.TLSVersion.TLSv1_3
NOW = datetime.now(UTC)
NOBODY = 65534


@dataclass
class Site:
    """A directory with one pair, and a store that serves it."""

    directory: Path
    first: Forged = field(default_factory=forge)
    tls: Tls = field(default_factory=Tls)

    def __post_init__(self) -> None:
        self.put(self.first)
        self.store = CertStore(self.listener, self.tls)

    @property
    def listener(self) -> ListenerSettings:
        return listener_of((pair_of(self.directory / "server.crt", self.directory / "server.key"),))

    @property
    def chain(self) -> Path:
        return self.directory / "server.crt"

    @property
    def key(self) -> Path:
        return self.directory / "server.key"

    def put(self, forged: Forged) -> None:
        install(self.directory, forged.pem, forged.key_pem)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "tls")


def shown(store: CertStore, name: str | None = None) -> bytes:
    return presented_certificate(store.context, TLS13, name)


def test_first_generation_serves_the_files(site: Site) -> None:
    assert shown(site.store) == site.first.der
    assert site.store.generation == 1
    assert site.store.last_result.outcome == "swapped"
    assert site.store.last_result.changes[0].old is None


def test_new_pair_is_swapped_in_and_reported(site: Site) -> None:
    second = forge()
    site.put(second)
    before = site.store.context
    result = site.store.reload("SIGHUP")
    assert result.succeeded
    assert (result.outcome, result.generation, result.trigger) == ("swapped", 2, "SIGHUP")
    assert shown(site.store) == second.der
    assert presented_certificate(before, TLS13) == site.first.der, "a handshake under way ends as it began"
    (change,) = result.changes
    assert change.old is not None
    assert (change.old.serial, change.new.serial) == (
        f"{site.first.certificate.serial_number:02X}",
        f"{second.certificate.serial_number:02X}",
    )


def test_same_bytes_are_unchanged(site: Site) -> None:
    site.put(site.first)
    before = site.store.context
    result = site.store.reload("watch")
    assert (result.outcome, result.generation, result.succeeded) == ("unchanged", 1, True)
    assert site.store.context is before


class TestLastResult:
    """The status keeps the last result with news: a check that found nothing new does not replace it."""

    @pytest.mark.parametrize("triggers", [("timer",), ("watch",), ("watch", "timer")])
    def test_an_unchanged_result_does_not_replace_the_last_one(
        self, site: Site, triggers: tuple[str, ...]
    ) -> None:
        site.put(forge())
        swapped = site.store.reload("SIGHUP")
        unchanged = site.store.reload(*triggers)
        assert (unchanged.outcome, unchanged.generation) == ("unchanged", 2)
        assert site.store.last_result is swapped
        assert site.store.last_success == unchanged.at

    def test_an_unchanged_result_that_was_requested_replaces_it(self, site: Site) -> None:
        asked = site.store.reload("control", "timer")
        assert site.store.last_result is asked

    def test_the_same_refusal_does_not_replace_it(self, site: Site) -> None:
        site.key.write_bytes(forge().key_pem)
        refused = site.store.reload("watch")
        assert site.store.reload("timer").outcome == "failed"
        assert site.store.last_result is refused
        assert site.store.last_success < refused.at

    def test_a_refusal_for_another_reason_replaces_it(self, site: Site) -> None:
        site.key.write_bytes(forge().key_pem)
        site.store.reload("watch")
        site.key.unlink()
        assert site.store.reload("timer") is site.store.last_result

    def test_a_fixed_set_replaces_it(self, site: Site) -> None:
        key = site.key.read_bytes()
        site.key.write_bytes(forge().key_pem)
        site.store.reload("watch")
        site.key.write_bytes(key)
        mended = site.store.reload("timer")
        assert site.store.last_result is mended
        assert mended.succeeded

    def test_doubts_stay_as_long_as_the_files_they_are_about(self, site: Site) -> None:
        site.put(forge())
        site.key.chmod(0o644)
        (doubt,) = site.store.reload("watch").findings
        assert site.store.reload("control").findings == (doubt,)
        assert site.store.last_result.findings == (doubt,)
        site.key.chmod(0o600)
        site.put(forge())
        assert site.store.reload("control").findings == ()


def test_doubts_about_a_pair_outlast_the_swap_of_another(tmp_path: Path) -> None:
    several = Several(tmp_path, named("one.example"), named("two.example"))
    several.put(0, named("one.example"))
    (tmp_path / "0.key").chmod(0o644)
    (doubt,) = several.store.reload("watch").findings
    several.put(1, named("two.example"))
    assert several.store.reload("watch").findings == (doubt,)


def test_rollback_counts_as_a_rotation(site: Site) -> None:
    site.put(forge())
    site.store.reload("x")
    site.put(site.first)
    assert site.store.reload("x").generation == 3
    assert shown(site.store) == site.first.der


def test_prepared_reload_changes_nothing_before_its_commit(site: Site) -> None:
    second = forge()
    site.put(second)
    candidate = site.store.prepare("x")
    assert shown(site.store) == site.first.der
    site.store.commit(candidate)
    assert shown(site.store) == second.der


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


def expired(site: Site) -> None:
    site.put(forge(not_before=NOW - 9 * DAY, not_after=NOW - DAY))


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


class Unprivileged:
    """Run as the user nobody while inside; without root we are unprivileged already."""

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            os.setegid(NOBODY)
            os.seteuid(NOBODY)

    def __exit__(self, *_: object) -> None:
        if os.getuid() == 0:
            os.seteuid(0)
            os.setegid(0)


def test_unreadable_key_names_owner_mode_ids_and_remedy(open_site: Site) -> None:
    open_site.key.chmod(0o000)
    with Unprivileged():
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
    with Unprivileged():
        assert open_site.store.reload("SIGHUP").outcome == "failed"
    open_site.key.chmod(0o600)
    assert open_site.store.reload("SIGHUP").outcome == "unchanged"


def test_directory_that_may_not_be_entered_is_named(open_site: Site) -> None:
    open_site.directory.chmod(0o000)
    with Unprivileged():
        text = str(open_site.store.reload("SIGHUP"))
    assert f"permission denied: directory {open_site.directory} is " in text
    assert "mode 0000" in text
    open_site.directory.chmod(0o755)


def certbot(live: Path, archive: Path, number: int, forged: Forged) -> None:
    """Re-point ``live/`` one link at a time, as certbot does."""
    chain, key = install(archive, forged.pem, forged.key_pem, f"pem{number}")
    live.mkdir(exist_ok=True)
    for name, target in (("server.crt", chain), ("server.key", key)):
        link = live / f"{name}.new"
        link.symlink_to(os.path.relpath(target, live))
        link.replace(live / name)


def test_re_pointed_live_links_are_followed(tmp_path: Path) -> None:
    live, archive = tmp_path / "live", tmp_path / "archive"
    first, second = forge(), forge()
    certbot(live, archive, 1, first)
    store = CertStore(listener_of((pair_of(live / "server.crt", live / "server.key"),)), Tls())
    certbot(live, archive, 2, second)
    assert store.reload("watch").outcome == "swapped"
    assert shown(store) == second.der


def test_data_link_of_kubernetes_is_swapped(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    first, second = forge(), forge()

    def publish(name: str, forged: Forged) -> None:
        install(volume / name, forged.pem, forged.key_pem)
        (volume / "..data_tmp").symlink_to(name)
        (volume / "..data_tmp").replace(volume / "..data")

    publish("..2026_01", first)
    for file in ("server.crt", "server.key"):
        (volume / file).symlink_to(f"..data/{file}")
    store = CertStore(listener_of((pair_of(volume / "server.crt", volume / "server.key"),)), Tls())
    publish("..2026_02", second)
    shutil.rmtree(volume / "..2026_01")
    assert store.reload("watch").outcome == "swapped"
    assert shown(store) == second.der


def test_waiting_files_are_those_that_differ(site: Site) -> None:
    assert result_of(site.store.waiting()) == ()
    install(site.directory, forge().pem, site.first.key_pem)
    assert result_of(site.store.waiting()) == (site.chain,)
    site.key.unlink()
    assert result_of(site.store.waiting()) == (site.chain, site.key)


def test_expiry_follows_the_clock(tmp_path: Path) -> None:
    clock = [NOW.timestamp()]
    leaf = forge(not_after=NOW + 90 * DAY)
    install(tmp_path, leaf.pem, leaf.key_pem)
    listener = listener_of((pair_of(tmp_path / "server.crt", tmp_path / "server.key"),))
    store = CertStore(listener, Tls(), wall=lambda: clock[0])
    assert store.expiry() is Expiry.FINE
    clock[0] += 84 * DAY.total_seconds()
    assert store.expiry() is Expiry.URGENT
    clock[0] -= 84 * DAY.total_seconds()
    assert store.expiry() is Expiry.FINE


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(PolicyError, match="'old'"):
        CertStore(listener_of(()), Tls(policy="old"))


def test_configured_minimum_version_and_suites_apply(tmp_path: Path) -> None:
    suite = "ECDHE-ECDSA-AES256-GCM-SHA384"
    site = Site(tmp_path / "tls", tls=Tls(suites=(suite,)))
    offered = [
        cipher["name"] for cipher in site.store.context.get_ciphers() if cipher["protocol"] == "TLSv1.2"
    ]
    assert offered == [suite]
    strict = Site(tmp_path / "strict", tls=Tls(minimum_version="TLSv1.3"))
    assert strict.store.context.minimum_version is TLS13


class TestNewSettings:
    """A reload of the configuration reaches the listener through the same store."""

    def test_other_files_and_policy_are_swapped_in(self, site: Site, tmp_path: Path) -> None:
        other = forge()
        chain, key = install(tmp_path / "elsewhere", other.pem, other.key_pem)
        candidate = site.store.prepare("reload", listener_of((pair_of(chain, key),)), Tls(policy="modern"))
        assert shown(site.store) == site.first.der
        assert site.store.paths == (site.chain, site.key)
        result = site.store.commit(candidate)
        assert (result.outcome, result.generation) == ("swapped", 2)
        assert site.store.paths == (chain, key)
        assert shown(site.store) == other.der
        with pytest.raises(ssl.SSLError):
            presented_certificate(site.store.context, ssl.TLSVersion.TLSv1_2)

    def test_policy_alone_is_swapped_in(self, site: Site) -> None:
        result = site.store.commit(site.store.prepare("reload", site.listener, Tls(policy="modern")))
        assert (result.outcome, result.changes) == ("swapped", ())
        assert site.store.context.minimum_version is TLS13

    def test_certificate_must_cover_the_configured_names(self, site: Site) -> None:
        chain, key = site.chain, site.key
        good = listener_of((pair_of(chain, key, ("pbx.example",)),))
        assert site.store.commit(site.store.prepare("reload", good, Tls())).outcome == "swapped"
        # The files are the same as before; the names required of them are not.
        bad = listener_of((pair_of(chain, key, ("pbx.example", "new.example")),))
        refused = site.store.commit(site.store.prepare("reload", bad, Tls()))
        assert not refused.succeeded
        assert "does not cover dns:new.example, which is configured" in str(refused)
        site.put(named("other.example"))
        kept = site.store.reload("watch")
        assert (kept.outcome, shown(site.store)) == ("failed", site.first.der)
        assert "does not cover dns:pbx.example" in str(kept)

    def test_names_are_required_of_their_own_pair_only(self, tmp_path: Path) -> None:
        pairs = []
        for name in ("one.example", "two.example"):
            made = named(name)
            pairs.append(pair_of(*install(tmp_path / name, made.pem, made.key_pem), (name,)))
        assert CertStore(listener_of(tuple(pairs)), Tls()).last_result.findings == ()
        with pytest.raises(CertificatesRefused, match=r"does not cover dns:one\.example"):
            CertStore(listener_of((pairs[0], pair_of(pairs[1].chain, pairs[1].key, ("one.example",)))), Tls())

    def test_equal_settings_are_unchanged(self, site: Site) -> None:
        assert site.store.prepare("reload", site.listener, Tls()).result.outcome == "unchanged"

    def test_bad_files_keep_the_old_settings(self, site: Site, tmp_path: Path) -> None:
        gone = listener_of((pair_of(tmp_path / "gone.crt", tmp_path / "gone.key"),))
        result = site.store.commit(site.store.prepare("reload", gone, Tls(policy="modern")))
        assert result.outcome == "failed"
        assert site.store.paths == (site.chain, site.key)
        assert site.store.context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert site.store.reload("watch").outcome == "unchanged"

    def test_an_added_pair_leaves_the_first_unchanged(self, site: Site, tmp_path: Path) -> None:
        second = named("two.example")
        chain, key = install(tmp_path / "two", second.pem, second.key_pem)
        both = listener_of((pair_of(chain, key), *site.listener.certificates))
        result = site.store.commit(site.store.prepare("reload", both, Tls()))
        assert [change.new.names for change in result.changes] == [("dns:two.example",)]
        assert shown(site.store) == second.der
        assert shown(site.store, "pbx.example") == site.first.der


class Several:
    """Two pairs for one listener."""

    def __init__(self, directory: Path, *forged: Forged, tls: Tls | None = None) -> None:
        self.directory = directory
        for number, item in enumerate(forged):
            self.put(number, item)
        names = range(len(forged))
        self.listener = listener_of(
            tuple(pair_of(directory / f"{number}.crt", directory / f"{number}.key") for number in names)
        )
        self.store = CertStore(self.listener, tls or Tls())

    def put(self, number: int, forged: Forged) -> None:
        install(self.directory, forged.pem, forged.key_pem, str(number))


def named(*names: str, key: object = None) -> Forged:
    return forge(names[0], names=[x509.DNSName(name) for name in names], key=key)


def test_bad_pair_alone_stays_old(tmp_path: Path) -> None:
    one, two = named("one.example"), named("two.example")
    several = Several(tmp_path, one, two)
    newer = named("one.example")
    several.put(0, newer)
    install(tmp_path, named("two.example").pem, two.key_pem, "1")
    result = several.store.reload("watch")
    assert (result.outcome, result.generation, result.succeeded) == ("partial", 2, False)
    assert [finding.file for finding in result.findings] == [str(tmp_path / "1.key")]
    assert len(result.changes) == 1
    assert shown(several.store, "one.example") == newer.der
    assert shown(several.store, "two.example") == two.der
    again = several.store.reload("watch")
    assert (again.outcome, again.generation) == ("failed", 2), "nothing more could be swapped"
    mended = named("two.example")
    several.put(1, mended)
    assert several.store.reload("watch").outcome == "swapped"
    assert shown(several.store, "one.example") == newer.der
    assert shown(several.store, "two.example") == mended.der


def test_bad_pair_refuses_all_if_configured(tmp_path: Path) -> None:
    one, two = named("one.example"), named("two.example")
    several = Several(tmp_path, one, two, tls=Tls(bad_pair="refuse_all"))
    newer = named("one.example")
    several.put(0, newer)
    install(tmp_path, named("two.example").pem, two.key_pem, "1")
    result = several.store.reload("watch")
    assert (result.outcome, result.generation, result.changes) == ("failed", 1, ())
    assert [finding.file for finding in result.findings] == [str(tmp_path / "1.key")]
    assert shown(several.store, "one.example") == one.der
    several.put(1, named("two.example"))
    assert several.store.reload("watch").outcome == "swapped"
    assert shown(several.store, "one.example") == newer.der


def test_missing_pair_keeps_only_itself_old(tmp_path: Path) -> None:
    one, two = named("one.example"), named("two.example")
    several = Several(tmp_path, one, two)
    newer = named("one.example")
    several.put(0, newer)
    (tmp_path / "1.key").unlink()
    assert several.store.reload("watch").outcome == "partial"
    assert shown(several.store, "one.example") == newer.der
    assert shown(several.store, "two.example") == two.der


class TestClientAuth:
    ca = forge("Clients CA", ca=True)

    @pytest.fixture
    def files(self, tmp_path: Path) -> ListenerSettings:
        leaf = forge()
        install(tmp_path, leaf.pem, leaf.key_pem)
        (tmp_path / "ca.crt").write_bytes(self.ca.pem)
        (tmp_path / "ca.crl").write_bytes(forge_crl(self.ca))
        return listener_of(
            (pair_of(tmp_path / "server.crt", tmp_path / "server.key"),),
            "required",
            tmp_path / "ca.crt",
            tmp_path / "ca.crl",
        )

    def connect(self, store: CertStore, client: Forged | None, directory: Path) -> str | None:
        """None if the server accepted the client, otherwise OpenSSL's reason."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if client is not None:
            context.load_cert_chain(*install(directory / "client", client.pem, client.key_pem, "client"))
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = context.wrap_bio(to_client, to_server)
        far = store.context.wrap_bio(to_server, to_client, server_side=True)
        for side in (near, far, near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error.reason
        assert far.version() == "TLSv1.3"
        return None

    def client(self, issuer: Forged | None = None) -> Forged:
        return forge("client", issuer=issuer or self.ca, usage=x509.ExtendedKeyUsageOID.CLIENT_AUTH)

    def test_required_refuses_clients_without_a_valid_certificate(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        store = CertStore(files, Tls())
        assert self.connect(store, self.client(), tmp_path) is None
        assert self.connect(store, None, tmp_path) == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
        stranger = self.client(forge("Stranger", ca=True))
        assert self.connect(store, stranger, tmp_path) == "CERTIFICATE_VERIFY_FAILED"
        assert self.connect(store, forge(issuer=self.ca), tmp_path) == "CERTIFICATE_VERIFY_FAILED", (
            "a server's"
        )

    def test_optional_accepts_clients_without_a_certificate(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        optional = listener_of(files.certificates, "optional", files.client_ca, files.client_crl)
        store = CertStore(optional, Tls())
        assert self.connect(store, None, tmp_path) is None
        assert self.connect(store, self.client(), tmp_path) is None
        assert self.connect(store, self.client(forge("S", ca=True)), tmp_path) == "CERTIFICATE_VERIFY_FAILED"

    def test_new_revocation_list_is_a_reload(self, files: ListenerSettings, tmp_path: Path) -> None:
        client, store = self.client(), CertStore(files, Tls())
        assert self.connect(store, client, tmp_path) is None
        assert store.client_objection([client.der]) is None
        (tmp_path / "ca.crl").write_bytes(forge_crl(self.ca, [client]))
        assert store.reload("watch").outcome == "swapped"
        assert self.connect(store, client, tmp_path) == "CERTIFICATE_VERIFY_FAILED"
        assert store.client_objection([client.der]) == "client certificate revoked"

    def test_new_ca_and_its_revocation_list_change_together(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        client, store = self.client(), CertStore(files, Tls())
        other = forge("Other CA", ca=True)
        (tmp_path / "ca.crt").write_bytes(other.pem)
        assert store.reload("watch").outcome == "failed", "its revocation list is still the old CA's"
        assert self.connect(store, client, tmp_path) is None
        (tmp_path / "ca.crl").write_bytes(forge_crl(other))
        assert store.reload("watch").outcome == "swapped"
        assert self.connect(store, client, tmp_path) == "CERTIFICATE_VERIFY_FAILED"
        assert store.client_objection([client.der]) == "client certificate not trusted"
        assert self.connect(store, self.client(other), tmp_path) is None

    def test_renewed_ca_works_beside_its_expired_certificate(
        self, files: ListenerSettings, tmp_path: Path
    ) -> None:
        old = forge("Clients CA", ca=True, key=self.ca.key, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        (tmp_path / "ca.crt").write_bytes(old.pem + self.ca.pem)
        client, store = self.client(), CertStore(files, Tls())
        assert self.connect(store, client, tmp_path) is None
        assert store.client_objection([client.der]) is None

    def test_bad_ca_keeps_the_pair_old_too(self, files: ListenerSettings, tmp_path: Path) -> None:
        store, before = CertStore(files, Tls()), shown_to_anyone(files)
        leaf = forge()
        install(tmp_path, leaf.pem, leaf.key_pem)
        (tmp_path / "ca.crt").write_bytes(b"junk")
        result = store.reload("watch")
        assert (result.outcome, result.generation) == ("failed", 1)
        assert store.current.pairs[0].leaf == before

    @pytest.mark.parametrize(("rule", "reason"), [("refuse", "CERTIFICATE_VERIFY_FAILED"), ("accept", None)])
    def test_expired_revocation_list_follows_its_rule(
        self, files: ListenerSettings, tmp_path: Path, rule: str, reason: str | None
    ) -> None:
        client = self.client()
        (tmp_path / "ca.crl").write_bytes(forge_crl(self.ca, [client], next_update=NOW - DAY))
        store = CertStore(files, Tls(expired_crl=rule))  # type: ignore[arg-type]
        assert "crl-expired" in [finding.code for finding in store.last_result.findings]
        assert self.connect(store, self.client(), tmp_path) == reason
        assert store.client_objection([client.der]) == "client certificate revoked"


def shown_to_anyone(files: ListenerSettings) -> bytes:
    return ssl.PEM_cert_to_DER_cert(files.certificates[0].chain.read_text())


def test_rsa_and_ecdsa_for_one_name_share_a_context(tmp_path: Path) -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    classic, modern = named("pbx.example", key=rsa_key), named("pbx.example")
    store = Several(tmp_path, classic, modern).store
    for suite, expected in (("ECDHE+aRSA", classic), ("ECDHE+aECDSA", modern)):
        assert tls12(store, suite) == expected.der


def test_rsa_key_that_fits_only_by_its_public_half_is_refused(site: Site) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    leaf, numbers = forge(key=key), key.private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        # With a right d, OpenSSL would notice the bad exponent and not use it.
        numbers.d ^ 4,
        numbers.dmp1 ^ 4,
        numbers.dmq1,
        numbers.iqmp,
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    install(site.directory, leaf.pem, Forged(leaf.certificate, wrong).key_pem)
    result = site.store.reload("x")
    assert [finding.code for finding in result.findings] == ["proof"]
    assert "test handshake" in str(result)
    assert shown(site.store) == site.first.der


def tls12(store: CertStore, suite: str) -> bytes:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(suite)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="pbx.example")
    far = store.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far, near, far, near):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    presented = near.getpeercert(binary_form=True)
    assert presented is not None
    return presented
