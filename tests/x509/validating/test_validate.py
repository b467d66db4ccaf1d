"""Every reason to refuse a certificate, and every reason only to warn."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from amiproxy.permissions import loose_folder
from amiproxy.x509.facts import facts_of
from amiproxy.x509.pem import load_certificates
from amiproxy.x509.snapshot import SourceFile
from amiproxy.x509.validating.authorities import judge_trust
from amiproxy.x509.validating.findings import Finding, PairRules
from amiproxy.x509.validating.pair import PairVerdict, judge_pair
from tests.support import fixed_certificates as fixed
from tests.support.certificates import DAY, Forged, forge, forge_crl

NOW = datetime.now(UTC)


def source(data: bytes, name: str = "server.crt", mode: int = 0o644, **rest: object) -> SourceFile:
    return SourceFile(Path(name), data, mode, "root:root", **rest)  # type: ignore[arg-type]


def judge(chain: bytes, key: bytes, rules: PairRules | None = None, *, key_mode: int = 0o600) -> PairVerdict:
    return judge_pair(source(chain), source(key, "server.key", key_mode), NOW, rules or PairRules())


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.level, finding.code) for finding in findings]


def judged(forged: Forged, rules: PairRules | None = None) -> list[tuple[str, str]]:
    verdict = judge(forged.pem, forged.key_pem, rules)
    assert (verdict.pair is None) == any(level == "error" for level, _ in codes(verdict.findings))
    return codes(verdict.findings)


def test_a_valid_pair_is_served_unchanged() -> None:
    ca = forge("CA", ca=True)
    leaf = forge(issuer=ca)
    verdict = judge(leaf.pem, leaf.key_pem)
    assert verdict.findings == ()
    assert verdict.pair is not None
    assert verdict.pair.chain == leaf.pem
    assert verdict.pair.leaf == leaf.der
    assert verdict.pair.algorithm == "ecdsa"
    assert verdict.pair.facts == facts_of(leaf.certificate)


def test_a_private_key_is_in_no_repr() -> None:
    leaf = forge()
    verdict = judge(leaf.pem, leaf.key_pem)
    assert "PRIVATE" not in repr(verdict)


LEAVES: list[tuple[str, Callable[[Forged], Forged], list[tuple[str, str]]]] = [
    (
        "expired",
        lambda ca: forge(issuer=ca, not_before=NOW - 9 * DAY, not_after=NOW - DAY),
        [("error", "expired")],
    ),
    (
        "ends this second",
        lambda ca: forge(issuer=ca, not_after=NOW.replace(microsecond=0)),
        [("error", "expired")],
    ),
    ("from tomorrow", lambda ca: forge(issuer=ca, not_before=NOW + DAY), [("error", "not-yet-valid")]),
    ("a minute early", lambda ca: forge(issuer=ca, not_before=NOW + DAY / 1440), []),
    ("nameless", lambda ca: forge(issuer=ca, names=()), [("error", "no-names")]),
    (
        "a client's",
        lambda ca: forge(issuer=ca, usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        [("error", "wrong-usage")],
    ),
    ("unrestricted", lambda ca: forge(issuer=ca, usage=None), []),
    ("for any use", lambda ca: forge(issuer=ca, usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), []),
    (
        "short chain",
        lambda ca: forge(issuer=ca, ca_issuers_url="http://ca.example/"),
        [("warning", "chain-short")],
    ),
    ("P-384", lambda ca: forge(issuer=ca, key=ec.generate_private_key(ec.SECP384R1())), []),
    (
        "P-521",
        lambda ca: forge(issuer=ca, key=ec.generate_private_key(ec.SECP521R1())),
        [("warning", "rare-key")],
    ),
    (
        "K-256",
        lambda ca: forge(issuer=ca, key=ec.generate_private_key(ec.SECP256K1())),
        [("error", "weak-key")],
    ),
    (
        "Ed25519",
        lambda ca: forge(issuer=ca, key=ed25519.Ed25519PrivateKey.generate()),
        [("warning", "rare-key")],
    ),
    ("RSA 1024", lambda ca: forge(issuer=ca, key=_rsa(1024)), [("error", "weak-key")]),
    ("RSA 2048", lambda ca: forge(issuer=ca, key=_rsa(2048)), []),
]


def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@pytest.mark.parametrize(("make", "expected"), [row[1:] for row in LEAVES], ids=[row[0] for row in LEAVES])
def test_a_leaf_is_judged(make: Callable[[Forged], Forged], expected: list[tuple[str, str]]) -> None:
    assert judged(make(forge("CA", ca=True))) == expected


def test_a_ca_certificate_as_server_certificate_is_a_warning() -> None:
    assert judged(forge(ca=True)) == [("error", "no-names"), ("warning", "leaf-is-ca")]


def test_an_expired_certificate_may_be_forced() -> None:
    old = forge(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    assert judged(old, PairRules(allow_expired=True)) == [("warning", "expired")]
    assert "expired on" in judge(old.pem, old.key_pem).findings[0].text


def test_the_key_of_another_certificate_is_an_error() -> None:
    leaf, other = forge(), forge("other.example")
    verdict = judge(leaf.pem, other.key_pem)
    assert verdict.pair is None
    (finding,) = verdict.findings
    assert finding.file == "server.key"
    assert finding.text == "the key does not belong to certificate CN=pbx.example in server.crt"
    assert finding.transient, "certificate first, then the key: the writer may be between the two"


@pytest.mark.parametrize(
    ("chain", "text", "transient"),
    [
        (b"", "the file is empty", True),
        (b" \n", "the file is empty", True),
        (b"hello\n", "has no certificate in PEM form", True),
        (forge().pem[:-40], "the file ends inside a certificate", True),
        (forge().der, "the file is in DER form", False),
        (forge().key_pem, "has PRIVATE KEY, but no certificate", False),
        (forge().pem.replace(b"M", b"!", 1), "a certificate in it is damaged", True),
    ],
)
def test_a_file_without_a_usable_chain_is_an_error(chain: bytes, text: str, transient: bool) -> None:
    (finding,) = judge(chain, forge().key_pem).findings
    assert (finding.level, finding.file, finding.text, finding.transient) == (
        "error",
        "server.crt",
        text,
        transient,
    )


#: The only extension of its kind in a certificate, with content that is not the DER of that kind.
MALFORMED = {
    "names": x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\xff\xff"),
    "an address of three bytes": x509.UnrecognizedExtension(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x05\x87\x03\x01\x02\x03"
    ),
    "extended key usage": x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"\x01"),
    "issuer's URL": x509.UnrecognizedExtension(ExtensionOID.AUTHORITY_INFORMATION_ACCESS, b"\x01"),
}


def malformed(what: str, **keys: Any) -> Forged:
    return forge("malformed", names=(), usage=None, extensions=[MALFORMED[what]], **keys)


def refusal(findings: tuple[Finding, ...]) -> str:
    """The text of the only finding, which is that a file cannot be read and will not become readable."""
    (finding,) = findings
    assert (finding.level, finding.code, finding.transient) == ("error", "not-pem", False)
    assert finding.remedy
    return f"{finding.file}: {finding.text}"


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_extension_is_an_error(what: str) -> None:
    leaf, good, ca = malformed(what), forge(), malformed(what, ca=True)
    verdict = judge(leaf.pem, leaf.key_pem)
    assert verdict.pair is None
    assert refusal(verdict.findings).startswith("server.crt: certificate 1 of 1 in it cannot be read: ")
    verdict = judge(good.pem + leaf.pem, good.key_pem)
    assert refusal(verdict.findings).startswith("server.crt: certificate 2 of 2 in it cannot be read: ")
    trust = judge_trust(source(ca.pem, "ca.crt"), None, NOW, PairRules())
    assert trust.trust is None
    assert refusal(trust.findings).startswith("ca.crt: certificate 1 of 1 in it cannot be read: ")


@pytest.mark.parametrize("raw", fixed.unreadable(fixed.CLIENT).values(), ids=fixed.unreadable(fixed.CLIENT))
def test_an_unreadable_certificate_is_an_error(raw: bytes) -> None:
    assert codes(judge(armoured(raw, "CERTIFICATE"), forge().key_pem).findings) == [("error", "not-pem")]


def test_a_revocation_list_with_an_unreadable_issuer_is_an_error() -> None:
    ca = forge("Root", ca=True)
    raw = x509.load_pem_x509_crl(forge_crl(ca)).public_bytes(Encoding.DER)
    damaged = raw.replace(b"\x55\x04\x03\x0c\x04Root", b"\x55\x04\x03\x03\x04\x00oot")
    crl = source(armoured(damaged, "X509 CRL"), "ca.crl")
    trust = judge_trust(source(ca.pem, "ca.crt"), crl, NOW, PairRules())
    assert trust.trust is None
    assert refusal(trust.findings).startswith("ca.crl: revocation list 1 of 1 in it cannot be read: ")


def test_a_certificate_with_an_unknown_signature_algorithm_is_no_fault() -> None:
    ecdsa = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
    ca = forge("CA", ca=True)
    leaf = forge(issuer=ca)
    odd = armoured(leaf.der.replace(ecdsa, ecdsa[:-1] + b"\x7f"), "CERTIFICATE")
    assert codes(judge(odd + ca.pem, leaf.key_pem).findings) == [("error", "chain-broken")]
    (certificate,) = load_certificates(odd, "server.crt")
    assert facts_of(certificate).signature_hash == "unknown (1.2.840.10045.4.3.127)"


def armoured(raw: bytes, kind: str) -> bytes:
    """DER as PEM."""
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(raw).decode()}-----END {kind}-----\n".encode()


def test_an_encrypted_key_is_reported_as_such() -> None:
    leaf = forge()
    key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (finding,) = judge(leaf.pem, key).findings
    assert "encrypted with a passphrase" in finding.text


def test_two_keys_in_a_file_are_an_error() -> None:
    leaf = forge()
    (finding,) = judge(leaf.pem, leaf.key_pem + forge().key_pem).findings
    assert finding.text == "contains 2 private keys"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o600, []),
        (0o640, []),
        (0o440, []),
        (0o400, []),
        (0o660, [("error", "key-open")]),
        (0o620, [("error", "key-open")]),
        (0o644, [("error", "key-open")]),
        (0o604, [("error", "key-open")]),
        (0o602, [("error", "key-open")]),
    ],
)
def test_the_mode_of_the_key_is_judged(mode: int, expected: list[tuple[str, str]]) -> None:
    leaf = forge()
    verdict = judge(leaf.pem, leaf.key_pem, key_mode=mode)
    assert codes(verdict.findings) == expected
    assert (verdict.pair is None) == bool(expected)


def test_a_loose_key_is_reported_with_its_mode_and_the_chmod_that_fixes_it() -> None:
    leaf = forge()
    (readable,) = judge(leaf.pem, leaf.key_pem, key_mode=0o644).findings
    assert str(readable).startswith(
        "server.key: the private key has mode 0644: readable by all users (owner root:root); "
        "chmod 0640 server.key"
    )
    assert "replace the key" in readable.remedy
    (writable,) = judge(leaf.pem, leaf.key_pem, key_mode=0o620).findings
    assert "has mode 0620: writable by others" in writable.text
    assert writable.remedy.startswith("chmod 0600 server.key")
    assert "replace the key" not in writable.remedy


def test_a_chain_may_be_readable_by_all() -> None:
    leaf = forge()
    assert (
        judge_pair(source(leaf.pem, mode=0o644), source(leaf.key_pem, "k", 0o600), NOW, PairRules()).findings
        == ()
    )


def test_a_directory_where_others_could_replace_the_files_is_refused() -> None:
    leaf = forge()
    loose = loose_folder(Path("/srv/x"), 0o775, "k")
    assert loose is not None
    verdict = judge_pair(
        source(leaf.pem), source(leaf.key_pem, "k", 0o600, loose_directories=(loose,)), NOW, PairRules()
    )
    assert [str(finding) for finding in verdict.findings] == [
        "k: /srv/x has mode 0775: others could replace k in it; chmod go-w /srv/x"
    ]
    assert verdict.pair is None


class TestChain:
    root = forge("Root", ca=True)
    middle = forge("Middle", issuer=root, ca=True)
    leaf = forge(issuer=middle)

    def test_a_full_chain_is_accepted(self) -> None:
        verdict = judge(self.leaf.pem + self.middle.pem, self.leaf.key_pem)
        assert verdict.findings == ()

    def test_a_wrong_order_is_repaired(self) -> None:
        verdict = judge(self.root.pem + self.middle.pem + self.leaf.pem, self.leaf.key_pem)
        assert codes(verdict.findings) == [("warning", "chain-order")]
        assert verdict.pair is not None
        assert verdict.pair.chain == self.leaf.pem + self.middle.pem + self.root.pem

    def test_an_unrelated_certificate_is_not_served(self) -> None:
        verdict = judge(self.leaf.pem + forge("Stranger", ca=True).pem, self.leaf.key_pem)
        assert codes(verdict.findings) == [("warning", "chain-extra")]
        assert verdict.pair is not None
        assert verdict.pair.chain == self.leaf.pem

    def test_an_intermediate_of_another_generation_is_an_error(self) -> None:
        other = forge("Middle", issuer=self.root, ca=True)
        verdict = judge(self.leaf.pem + other.pem, self.leaf.key_pem)
        assert codes(verdict.findings) == [("error", "chain-broken")]
        assert "CN=pbx.example is not signed by CN=Middle" in verdict.findings[0].text

    def test_an_issuer_that_is_not_a_ca_is_an_error(self) -> None:
        fake = forge("Fake", issuer=self.root)
        leaf = forge(issuer=fake)
        assert codes(judge(leaf.pem + fake.pem, leaf.key_pem).findings)[0] == ("error", "chain-not-ca")

    def test_the_certificate_that_expires_first_is_known(self) -> None:
        root = forge("Root", ca=True)
        middle = forge("Middle", issuer=root, ca=True, not_after=NOW.replace(microsecond=0) + DAY / 2)
        leaf = forge(issuer=middle)
        short = forge(issuer=middle, not_after=NOW.replace(microsecond=0) + DAY / 4)
        for forged, by in ((leaf, "CN=Middle"), (short, "")):
            pair = judge(forged.pem + middle.pem + root.pem, forged.key_pem).pair
            assert pair is not None
            first = middle if by else short
            assert (pair.ending.by, pair.ending.at) == (by, first.certificate.not_valid_after_utc)
            assert pair.ending.name == "dns:pbx.example"

    def test_an_expired_intermediate_is_an_error(self) -> None:
        old = forge("Old", issuer=self.root, ca=True, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        leaf = forge(issuer=old)
        assert codes(judge(leaf.pem + old.pem, leaf.key_pem).findings) == [("error", "expired")]


class TestNames:
    leaf = forge(names=[x509.DNSName("a.example"), x509.DNSName("*.b.example")])

    @pytest.mark.parametrize(
        ("wanted", "missing"),
        [
            ("a.example", False),
            ("A.example", False),
            ("x.b.example", False),
            ("b.example", True),
            ("y.x.b.example", True),
            ("10.0.0.1", True),
        ],
    )
    @pytest.mark.parametrize("say", ["warn", "refuse"])
    def test_configured_names_must_be_covered(self, wanted: str, missing: bool, say: str) -> None:
        found = judged(self.leaf, PairRules(names=(wanted,), lost_names=say))  # type: ignore[arg-type]
        assert found == ([("error", "name-missing")] if missing else [])

    def test_a_name_lost_since_the_last_certificate_is_reported(self) -> None:
        previous = facts_of(forge(names=[x509.DNSName("a.example"), x509.DNSName("old.example")]).certificate)
        verdict = judge_pair(
            source(self.leaf.pem), source(self.leaf.key_pem, "k", 0o600), NOW, PairRules(), previous=previous
        )
        (finding,) = verdict.findings
        assert finding.code == "name-lost"
        assert "dns:old.example" in finding.text
        assert verdict.pair is not None


class TestTrust:
    ca = forge("CA", ca=True)

    def verdict(self, ca: bytes, crl: bytes | None, rules: PairRules | None = None) -> list[tuple[str, str]]:
        judged = judge_trust(
            source(ca, "ca.crt"),
            source(crl, "ca.crl") if crl is not None else None,
            NOW,
            rules or PairRules(),
        )
        assert (judged.trust is None) == any(finding.level == "error" for finding in judged.findings)
        return codes(judged.findings)

    def test_valid_cas_and_lists_are_accepted(self) -> None:
        assert self.verdict(self.ca.pem, None) == []
        assert self.verdict(self.ca.pem, forge_crl(self.ca)) == []

    def test_a_leaf_as_a_ca_is_an_error(self) -> None:
        assert self.verdict(forge().pem, None) == [("error", "trust-not-ca")]

    def test_an_expired_ca_is_a_warning(self) -> None:
        old = forge("Old", ca=True, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        assert self.verdict(old.pem + self.ca.pem, None) == [("warning", "trust-expired")]

    def test_a_revocation_list_of_another_ca_is_an_error(self) -> None:
        stranger = forge("Stranger", ca=True)
        found = self.verdict(self.ca.pem, forge_crl(stranger))
        assert found == [("error", "crl-foreign"), ("warning", "crl-missing")]

    def test_a_revocation_list_with_a_foreign_signature_is_an_error(self) -> None:
        forged = forge_crl(self.ca, signing_key=forge("x", ca=True).key)
        assert ("error", "crl-foreign") in self.verdict(self.ca.pem, forged)

    def test_an_expired_revocation_list_is_a_warning(self) -> None:
        late = forge_crl(self.ca, next_update=NOW - DAY)
        assert self.verdict(self.ca.pem, late) == [("warning", "crl-expired")]

    def test_a_missing_list_of_one_of_two_cas_is_a_warning(self) -> None:
        both = self.ca.pem + forge("Second", ca=True).pem
        assert self.verdict(both, forge_crl(self.ca)) == [("warning", "crl-missing")]
        assert self.verdict(both, forge_crl(self.ca), PairRules(expired_crl="accept")) == []

    def test_an_empty_revocation_list_is_an_error(self) -> None:
        assert self.verdict(self.ca.pem, b"") == [("error", "not-pem")]

    def test_a_ca_file_that_others_may_write_is_an_error(self) -> None:
        judged = judge_trust(source(self.ca.pem, "ca.crt", 0o666), None, NOW, PairRules())
        assert codes(judged.findings) == [("error", "trust-writable")]
