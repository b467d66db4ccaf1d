import ssl
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from amiproxy.config import Tls
from amiproxy.net.certs.certstore import CertStore
from tests.net.certs.storing import Several, Site, named, shown
from tests.support.certificates import Forged, forge, install


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
