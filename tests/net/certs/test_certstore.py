"""Rotation: the served certificates change as a whole or not at all, and the result says which."""

import os
import shutil
import ssl
from pathlib import Path

import pytest

from amiproxy.config import Tls
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.net.tls.tlspolicy import presented_certificate
from amiproxy.steps import result_of
from amiproxy.x509.expiry import Expiry
from tests.net.certs.storing import NOW, TLS13, Several, Site, named, shown
from tests.support.certificates import DAY, Forged, forge, install, listener_of, pair_of
from tests.support.openssl import without_any_suite


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


def test_an_unusable_policy_is_refused_and_its_key_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CertificatesRefused, match=r"^tls\.policy: unknown TLS policy 'old'; use modern or"):
        CertStore(listener_of(()), Tls(policy="old"))
    with pytest.raises(
        CertificatesRefused, match=r"^tls\.minimum_version: unsupported TLS version '1.1'; use"
    ):
        CertStore(listener_of(()), Tls(minimum_version="TLSv1.1"))
    without_any_suite(monkeypatch)
    with pytest.raises(
        CertificatesRefused, match=r"^tls\.suites: OpenSSL knows none of the suites 'ECDHE-"
    ) as no:
        CertStore(listener_of(()), Tls(suites=("ECDHE-RSA-CHACHA20-POLY1305",)))
    (finding,) = no.value.findings
    assert (finding.level, finding.code, finding.file) == ("error", "tls-policy", "tls.suites")
    assert finding.remedy == "use those that openssl ciphers -s lists, or remove the key"


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
