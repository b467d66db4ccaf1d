"""A certificate opens the account to which it is bound, and no other."""

import base64
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.x509.errors import BindingError
from amiproxy.x509.facts import facts_of
from amiproxy.x509.identity import (
    Binding,
    CertificateLogin,
    bound_users,
    claim,
    identities,
    matches,
    parse_binding,
)
from tests.support.certificates import forge
from tests.support.fixed_certificates import CLIENT, unreadable

CERTIFICATE = forge(
    "Wall Board 1",
    names=[
        x509.DNSName("Wall.Example"),
        x509.DNSName("*.any.example"),
        x509.RFC822Name("Ops@Example.ORG"),
        x509.UniformResourceIdentifier("spiffe://pbx/wall"),
        x509.IPAddress(ip_address("192.0.2.1")),
    ],
)
IDENTITY = identities(CERTIFICATE.der)
PIN = facts_of(CERTIFICATE.certificate).spki_sha256


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dns:wall.example", True),
        ("dns:WALL.EXAMPLE", True),
        ("dns:wall.example.", True),
        ("dns:host.any.example", False),
        ("dns:Wall", False),
        ("email:Ops@example.org", True),
        ("email:ops@example.org", False),
        ("uri:spiffe://pbx/wall", True),
        ("uri:spiffe://pbx/wall/2", False),
        ("cn:Wall Board 1", True),
        ("cn:wall board 1", False),
        ("cn:Wall Board", False),
        pytest.param(f"spki:sha256/{PIN}", True, id="its own key"),
        (f"spki:sha256/{base64.b64encode(bytes(32)).decode()}", False),
    ],
)
def test_a_binding_matches_its_own_name_only(text: str, expected: bool) -> None:
    assert matches(parse_binding(text), IDENTITY) is expected
    assert Binding.from_text(text) == parse_binding(text)


def test_a_common_name_that_looks_like_a_host_is_not_a_host_name() -> None:
    identity = identities(forge("wall.example", names=()).der)
    assert not matches(parse_binding("dns:wall.example"), identity)
    assert matches(parse_binding("cn:wall.example"), identity)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a certificate binding; write dns:HOST"),
        ("wall.example", "not a certificate binding"),
        ("ip:192.0.2.1", "not a certificate binding"),
        ("cn:", "not a certificate binding"),
        ("cn: ", "not a certificate binding"),
        ("dns:", "printable ASCII"),
        ("dns:*.example.org", "a wildcard would bind every host"),
        ("dns:a..b", "not a DNS name"),
        ("email:ops", "not an e-mail address"),
        ("uri:wall", "not a URI"),
        ("spki:abc", "spki:sha256/BASE64"),
        ("spki:sha256/%%%", "is not base64"),
        ("spki:sha256/YWJj", "has 3 bytes, not 32"),
    ],
)
def test_a_bad_binding_is_refused_with_its_problem(text: str, problem: str) -> None:
    with pytest.raises(BindingError, match=problem):
        parse_binding(text)


@given(st.binary(min_size=32, max_size=32))
def test_a_written_binding_can_be_read_back(raw: bytes) -> None:
    binding = parse_binding(f"spki:sha256/{base64.b64encode(raw).decode()}")
    assert parse_binding(str(binding)) == binding


def test_junk_is_not_a_certificate() -> None:
    with pytest.raises(ValueError):
        identities(b"junk")


@pytest.mark.parametrize("raw", unreadable(CLIENT).values(), ids=unreadable(CLIENT))
def test_a_certificate_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        identities(raw)


def test_a_pin_outlives_renewal_with_the_same_key() -> None:
    renewed = forge("other", key=CERTIFICATE.key, not_after=datetime(2099, 1, 1, tzinfo=UTC))
    assert matches(parse_binding(f"spki:sha256/{PIN}"), identities(renewed.der))


USERS = {
    "wall": CertificateLogin((parse_binding("dns:wall.example"),), "certificate"),
    "ops": CertificateLogin((parse_binding("email:ops@example.org"),), "both"),
    "shared": CertificateLogin((parse_binding("dns:shared.example"),)),
    "plain": CertificateLogin(),
}
BOUND = {binding: user for user, login in USERS.items() for binding in login.bindings}
WALL = IDENTITY
OPS = identities(forge("ops", names=[x509.RFC822Name("ops@example.org")]).der)
SHARED = identities(forge("s", names=[x509.DNSName("shared.example")]).der)
STRANGER = identities(forge("stranger", names=[x509.DNSName("stranger.example")]).der)

NO_OTHER = "the certificate is bound to another user"
NONE = "the user needs a client certificate and none was presented"
UNBOUND = "the client certificate is not bound to the user"


@pytest.mark.parametrize(
    ("user", "identity", "refusal", "needs_secret"),
    [
        ("wall", WALL, None, False),
        ("wall", OPS, NO_OTHER, True),
        ("wall", STRANGER, UNBOUND, True),
        ("wall", None, NONE, True),
        ("ops", OPS, None, True),
        ("ops", WALL, NO_OTHER, True),
        ("ops", None, NONE, True),
        ("ops", STRANGER, UNBOUND, True),
        ("shared", SHARED, None, True),
        ("shared", None, None, True),
        ("shared", STRANGER, None, True),
        ("shared", OPS, NO_OTHER, True),
        ("plain", None, None, True),
        ("plain", STRANGER, None, True),
        ("plain", WALL, NO_OTHER, True),
        ("nobody", None, None, True),
        ("nobody", STRANGER, None, True),
        ("nobody", WALL, NO_OTHER, True),
    ],
)
def test_a_claim_is_accepted_or_refused_by_the_binding(
    user: str, identity: object, refusal: str | None, needs_secret: bool
) -> None:
    login = USERS.get(user, CertificateLogin())
    assert claim(user, login, BOUND, identity) == (refusal, needs_secret)  # type: ignore[arg-type]


def test_the_users_of_a_certificate_are_found() -> None:
    assert bound_users(BOUND, WALL) == {"wall"}
    assert bound_users(BOUND, STRANGER) == frozenset()


def test_the_fingerprint_covers_the_whole_certificate() -> None:
    assert IDENTITY.sha256 == facts_of(CERTIFICATE.certificate).sha256
