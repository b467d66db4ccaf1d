"""A private CA issues certificates that clients accept, and never overwrites or loosens a file."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from amiproxy.x509.errors import BadName, IssueError
from amiproxy.x509.issuing.authority import CaFiles, create_ca, load_ca
from amiproxy.x509.issuing.building import MAX_DAYS
from amiproxy.x509.issuing.issue import KeyPairFiles, Kind, certify, issue, renew, request, sign_request
from amiproxy.x509.issuing.revoke import revoke
from amiproxy.x509.names import names_of
from tests.support.certificates import forge, install

_BROKEN_NAMES = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\xff\xff")


@pytest.fixture
def ca(tmp_path: Path) -> CaFiles:
    return create_ca(tmp_path / "ca", "Test CA")


def certificate(files: KeyPairFiles) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.chain.read_bytes())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_ca_is_kept_private(ca: CaFiles) -> None:
    assert mode(ca.certificate.parent) == 0o700
    assert mode(ca.key) == 0o600
    assert mode(ca.certificate) == 0o644


def test_ca_is_a_ca_for_leaves_only(ca: CaFiles) -> None:
    loaded, key = load_ca(ca)
    constraints = loaded.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    loaded.verify_directly_issued_by(loaded)


def test_a_second_ca_in_the_same_place_is_refused(ca: CaFiles) -> None:
    before = ca.key.read_bytes()
    with pytest.raises(IssueError, match=r"ca\.crt exists"):
        create_ca(ca.certificate.parent)
    assert ca.key.read_bytes() == before


def test_a_ca_is_not_created_where_others_can_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(IssueError, match=r"mode 0755.*chmod 700"):
        create_ca(tmp_path)


USES = [
    ("server", [ExtendedKeyUsageOID.SERVER_AUTH]),
    ("client", [ExtendedKeyUsageOID.CLIENT_AUTH]),
    ("peer", [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
]


@pytest.mark.parametrize(("kind", "usage"), USES)
def test_issued_certificate_has_its_names_and_use(
    ca: CaFiles, tmp_path: Path, kind: Kind, usage: list[x509.ObjectIdentifier]
) -> None:
    names = ["pbx.example", "192.0.2.1", "ip:2001:db8::1", "urn:pbx:1", "ops@example.org"]
    files = issue(ca, names, tmp_path / "out", kind)
    leaf = certificate(files)
    assert names_of(leaf) == (
        "dns:pbx.example",
        "ip:192.0.2.1",
        "ip:2001:db8::1",
        "uri:urn:pbx:1",
        "email:ops@example.org",
    )
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usage
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "pbx.example"
    leaf.verify_directly_issued_by(load_ca(ca)[0])
    assert load_pem_private_key(files.key.read_bytes(), None).public_key() == leaf.public_key()
    assert (mode(files.key), mode(files.chain)) == (0o600, 0o644)
    assert files == KeyPairFiles(tmp_path / "out/pbx.example.crt", tmp_path / "out/pbx.example.key")


def test_a_name_too_long_for_a_subject_makes_the_alternative_name_critical(
    ca: CaFiles, tmp_path: Path
) -> None:
    leaf = certificate(issue(ca, [f"{'a' * 60}.example"], tmp_path))
    assert not list(leaf.subject)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_a_key_that_exists_is_certified(ca: CaFiles, tmp_path: Path) -> None:
    files = issue(ca, ["pbx.example.org"], tmp_path)
    again = x509.load_pem_x509_certificate(certify(ca, ["dns:other.example.org"], files.key))
    assert again.public_key() == certificate(files).public_key()
    assert names_of(again) == ("dns:other.example.org",)
    again.verify_directly_issued_by(load_ca(ca)[0])


def test_a_key_that_cannot_be_certified_is_refused(ca: CaFiles, tmp_path: Path) -> None:
    key = tmp_path / "ed.key"
    key.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(IssueError, match="neither"):
        certify(ca, ["pbx.example.org"], key)


def test_an_rsa_key_is_made_on_request(ca: CaFiles, tmp_path: Path) -> None:
    key = certificate(issue(ca, ["*.example.org"], tmp_path, key_kind="rsa")).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 3072


def test_a_certificate_ends_with_its_ca(tmp_path: Path) -> None:
    ca = create_ca(tmp_path / "ca", days=10)
    leaf = certificate(issue(ca, ["a.example"], tmp_path / "out", days=400))
    assert leaf.not_valid_after_utc == load_ca(ca)[0].not_valid_after_utc


def test_an_expired_ca_issues_nothing(tmp_path: Path) -> None:
    ca = create_ca(tmp_path / "ca", days=10, now=datetime.now(UTC) - timedelta(days=30))
    with pytest.raises(IssueError, match=r"ca\.crt expired on"):
        issue(ca, ["a.example"], tmp_path / "out")


def test_a_clients_clock_may_be_slow(ca: CaFiles, tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    leaf = certificate(issue(ca, ["a.example"], tmp_path, days=1, now=now))
    assert leaf.not_valid_before_utc == now - timedelta(minutes=5)
    assert leaf.not_valid_after_utc == now + timedelta(days=1)


def test_issue_replaces_only_if_told_to(ca: CaFiles, tmp_path: Path) -> None:
    first = issue(ca, ["a.example"], tmp_path)
    with pytest.raises(IssueError, match=r"a\.example\.crt exists"):
        issue(ca, ["a.example"], tmp_path)
    old = first.key.read_bytes()
    assert issue(ca, ["a.example"], tmp_path, replace=True).key.read_bytes() != old


def test_renewal_keeps_names_use_key_kind_and_mode(ca: CaFiles, tmp_path: Path) -> None:
    files = issue(ca, ["wall.example", "uri:spiffe://x/y"], tmp_path, "client")
    files.key.chmod(0o640)
    old = certificate(files)
    renew(ca, files, days=30)
    new = certificate(files)
    assert new.serial_number != old.serial_number
    assert new.public_key() != old.public_key()
    assert new.subject == old.subject
    assert names_of(new) == names_of(old)
    assert list(new.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert mode(files.key) == 0o640
    assert load_pem_private_key(files.key.read_bytes(), None).public_key() == new.public_key()


@pytest.mark.parametrize(("kind", "usage"), USES)
def test_a_renewed_certificate_is_for_the_same_use(
    ca: CaFiles, tmp_path: Path, kind: Kind, usage: list[x509.ObjectIdentifier]
) -> None:
    leaf = certificate(renew(ca, issue(ca, ["nats1.example"], tmp_path, kind)))
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usage


def test_renewal_under_another_ca_is_refused(ca: CaFiles, tmp_path: Path) -> None:
    files = issue(ca, ["a.example"], tmp_path / "out")
    other = create_ca(tmp_path / "other", "Other CA")
    with pytest.raises(IssueError, match=r"issued by CN=Test CA, not by CN=Other CA"):
        renew(other, files)


def test_a_request_is_signed_with_its_own_key_and_names(ca: CaFiles, tmp_path: Path) -> None:
    asked = request(["pbx.example", "10.0.0.1"], tmp_path / "out")
    chain = sign_request(ca, asked.request, tmp_path / "out/pbx.example.crt", days=5)
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    assert names_of(leaf) == ("dns:pbx.example", "ip:10.0.0.1")
    assert load_pem_private_key(asked.key.read_bytes(), None).public_key() == leaf.public_key()
    assert mode(asked.key) == 0o600


def test_the_key_of_another_ca_is_noticed(ca: CaFiles, tmp_path: Path) -> None:
    other = create_ca(tmp_path / "other")
    with pytest.raises(IssueError, match="does not belong to"):
        load_ca(CaFiles(ca.certificate, other.key))


def test_a_leaf_cannot_issue(ca: CaFiles, tmp_path: Path) -> None:
    leaf = issue(ca, ["a.example"], tmp_path)
    with pytest.raises(IssueError, match="not a CA certificate"):
        issue(CaFiles(leaf.chain, leaf.key), ["b.example"], tmp_path)


@pytest.mark.parametrize(
    "names", [[], ["under..dots"], ["a b.example"], ["ip:1.2.3"], ["bücher.example"], ["*"]]
)
def test_bad_names_write_nothing(ca: CaFiles, tmp_path: Path, names: list[str]) -> None:
    with pytest.raises((BadName, IssueError)):
        issue(ca, names, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_stay_in_their_directory(ca: CaFiles, tmp_path: Path) -> None:
    with pytest.raises(IssueError, match="cannot name the files"):
        issue(ca, ["a.example"], tmp_path / "out", file_name="../ca")
    files = issue(ca, ["uri:file://../../x"], tmp_path / "out")
    assert files.key.parent == tmp_path / "out"


def test_a_client_accepts_the_server(ca: CaFiles, tmp_path: Path) -> None:
    files = issue(ca, ["127.0.0.1", "pbx.example"], tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.chain, files.key)
    client = ssl.create_default_context(cafile=ca.certificate)
    for name in ("127.0.0.1", "pbx.example"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(to_client, to_server, server_hostname=name)
        far = server.wrap_bio(to_server, to_client, server_side=True)
        for side in (near, far, near):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        assert near.version() == "TLSv1.3"


def test_a_renewed_key_keeps_owner_group_and_link(ca: CaFiles, tmp_path: Path) -> None:
    files = issue(ca, ["a.example"], tmp_path / "real")
    if os.geteuid() == 0:
        os.chown(files.key, 65534, 65534)
    before = files.key.stat()
    links = KeyPairFiles(tmp_path / "link.crt", tmp_path / "link.key")
    links.chain.symlink_to(files.chain)
    links.key.symlink_to(files.key)
    renew(ca, links)
    after = files.key.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert links.key.is_symlink()
    assert [path.name for path in sorted((tmp_path / "real").iterdir())] == ["a.example.crt", "a.example.key"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"junk", "unencrypted private key"),
        (None, "cannot read .*No such file"),
        (ed25519.Ed25519PrivateKey.generate(), "neither an RSA nor an ECDSA key"),
    ],
)
def test_an_unsuitable_ca_key_is_refused(ca: CaFiles, tmp_path: Path, content: object, text: str) -> None:
    key = tmp_path / "key"
    if isinstance(content, ed25519.Ed25519PrivateKey):
        content = content.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if isinstance(content, bytes):
        key.write_bytes(content)
    with pytest.raises(IssueError, match=text):
        load_ca(CaFiles(ca.certificate, key))


def test_unsuitable_requests_are_refused(ca: CaFiles, tmp_path: Path) -> None:
    (tmp_path / "junk.csr").write_bytes(b"junk")
    key = ec.generate_private_key(ec.SECP256R1())
    nameless = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    (tmp_path / "nameless.csr").write_bytes(nameless.public_bytes(Encoding.PEM))
    broken = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(_BROKEN_NAMES, critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "broken.csr").write_bytes(broken.public_bytes(Encoding.PEM))
    for name, text in (
        ("gone", "cannot read"),
        ("junk", "certificate signing request"),
        ("broken", "certificate signing request that can be read"),
        ("nameless", "no subject alternative name"),
    ):
        with pytest.raises(IssueError, match=text):
            sign_request(ca, tmp_path / f"{name}.csr", tmp_path / "out.crt")
    assert not (tmp_path / "out.crt").exists()


def test_a_certificate_with_a_malformed_extension_is_refused(ca: CaFiles, tmp_path: Path) -> None:
    broken = forge(names=(), extensions=[_BROKEN_NAMES])
    chain, key = install(tmp_path, broken.pem, broken.key_pem)
    with pytest.raises(IssueError, match="does not contain a certificate in PEM form that can be read"):
        renew(ca, KeyPairFiles(chain, key))
    with pytest.raises(IssueError, match="does not contain a certificate in PEM form that can be read"):
        load_ca(CaFiles(chain, key))


def test_a_place_that_cannot_be_written_is_reported(ca: CaFiles, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IssueError, match=r"cannot create .*file"):
        issue(ca, ["a.example"], tmp_path / "file")
    with pytest.raises(IssueError, match=r"cannot create .*file"):
        create_ca(tmp_path / "file/ca")
    (tmp_path / "out/a.example.key").mkdir(parents=True)
    with pytest.raises(IssueError, match=r"cannot write .*a\.example\.key"):
        issue(ca, ["a.example"], tmp_path / "out", replace=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.example.key"], "no half file is left"


@pytest.mark.parametrize("days", [0, -1, MAX_DAYS + 1, 99_999_999])
def test_days_outside_their_bounds_are_refused(ca: CaFiles, tmp_path: Path, days: int) -> None:
    with pytest.raises(IssueError, match=f"a certificate is valid for 1 to 36500 days, not {days}"):
        issue(ca, ["a.example"], tmp_path, days=days)
    assert not list(tmp_path.glob("a.*"))
    with pytest.raises(IssueError, match=f"a certificate is valid for 1 to 36500 days, not {days}"):
        create_ca(tmp_path / "other", days=days)
    assert not (tmp_path / "other").exists()
    with pytest.raises(IssueError, match=f"a revocation list is valid for 1 to 36500 days, not {days}"):
        revoke(ca, [], tmp_path / "ca.crl", days)
    assert not (tmp_path / "ca.crl").exists()
    pair = issue(ca, ["b.example"], tmp_path)
    before = pair.chain.read_bytes(), pair.key.read_bytes()
    with pytest.raises(IssueError, match=f"a certificate is valid for 1 to 36500 days, not {days}"):
        renew(ca, pair, days)
    assert (pair.chain.read_bytes(), pair.key.read_bytes()) == before


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_an_invalid_name_for_a_ca_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IssueError, match="1 to 64 characters"):
        create_ca(tmp_path / "ca", name)
