"""The name that a client asks for decides which certificate it gets."""

import ssl
import weakref
from pathlib import Path

import pytest
from cryptography import x509

from amiproxy.net.tls.sni import listener_context
from amiproxy.net.tls.tlspolicy import ClientTrust, presented_certificate, tls_policy
from amiproxy.x509.ending import Ending
from amiproxy.x509.facts import facts_of
from amiproxy.x509.validating.pair import ServerPair
from tests.support.certificates import Forged, forge

POLICY = tls_policy()


def named(*names: str) -> Forged:
    return forge(names[0], names=[x509.DNSName(name) for name in names])


def pair(forged: Forged) -> ServerPair:
    facts = facts_of(forged.certificate)
    ending = Ending("certificate", facts.names[0], facts.not_after, facts.not_before)
    return ServerPair(forged.pem, forged.der, forged.key_pem, "ecdsa", facts, ending)


ONE, TWO, WILD = named("one.example", "also.example"), named("two.example"), named("*.wild.example")
SPECIAL = named("special.wild.example")


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    return listener_context(POLICY, [pair(item) for item in (ONE, TWO, WILD, SPECIAL)], ClientTrust())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("one.example", ONE),
        ("also.example", ONE),
        ("two.example", TWO),
        ("TWO.Example", TWO),
        ("x.wild.example", WILD),
        ("special.wild.example", SPECIAL),
        ("y.x.wild.example", ONE),
        ("wild.example", ONE),
        ("unknown.example", ONE),
        (None, ONE),
    ],
)
def test_the_certificate_follows_the_name_and_the_version(
    context: ssl.SSLContext, version: ssl.TLSVersion, asked: str | None, expected: Forged
) -> None:
    assert presented_certificate(context, version, asked) == expected.der


def test_a_single_certificate_needs_no_callback() -> None:
    assert listener_context(POLICY, [pair(ONE)], ClientTrust()).sni_callback is None


def test_a_replaced_context_is_freed_without_a_garbage_collection() -> None:
    context = listener_context(POLICY, [pair(ONE), pair(TWO)], ClientTrust())
    gone = weakref.ref(context)
    del context
    assert gone() is None


def test_client_certificates_are_asked_for_under_every_name(tmp_path: Path) -> None:
    ca = forge("CA", ca=True)
    context = listener_context(POLICY, [pair(ONE), pair(TWO)], ClientTrust("required", ca.pem))
    for name in ("one.example", "two.example"):
        with pytest.raises(ssl.SSLError) as refused:
            presented_certificate(context, ssl.TLSVersion.TLSv1_3, name)
        assert refused.value.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
