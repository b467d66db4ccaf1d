"""The TLS versions and suites that a listener speaks, and those that it never speaks."""

import ssl

import pytest

from amiproxy.net.tls import tlspolicy
from amiproxy.net.tls.tlspolicy import (
    ChainAndKey,
    ClientTrust,
    PolicyError,
    presented_certificate,
    refuses_anonymous,
    server_context,
    tls_facts,
    tls_policy,
)
from tests.support.certificates import forge

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
LEAF = forge()
PAIR = ChainAndKey(LEAF.pem, LEAF.key_pem)


def context(preset: str = "intermediate", **overrides: str) -> ssl.SSLContext:
    return server_context(tls_policy(preset, **overrides), [PAIR], ClientTrust())


@pytest.mark.parametrize(
    ("preset", "overrides", "version", "spoken"),
    [
        ("intermediate", {}, V12, True),
        ("intermediate", {}, V13, True),
        ("modern", {}, V12, False),
        ("modern", {}, V13, True),
        ("intermediate", {"minimum_version": "1.3"}, V12, False),
        ("modern", {"minimum_version": "1.2"}, V12, False),
    ],
)
def test_the_policy_decides_which_versions_are_spoken(
    preset: str, overrides: dict[str, str], version: ssl.TLSVersion, spoken: bool
) -> None:
    served = context(preset, **overrides)
    if spoken:
        assert presented_certificate(served, version) == LEAF.der
    else:
        with pytest.raises(ssl.SSLError):
            presented_certificate(served, version)


def test_old_versions_are_not_spoken() -> None:
    for preset in ("modern", "intermediate"):
        assert context(preset).minimum_version >= V12


def test_every_suite_has_forward_secrecy_and_an_aead() -> None:
    for suite in context().get_ciphers():
        assert suite["aead"], suite["name"]
        assert suite["kea"] in ("kx-ecdhe", "kx-any"), suite["name"]
        assert suite["strength_bits"] >= 128, suite["name"]


def test_nothing_is_renegotiated_compressed_or_resumed_by_ticket() -> None:
    served = context()
    for option in (ssl.OP_NO_RENEGOTIATION, ssl.OP_NO_COMPRESSION, ssl.OP_NO_TICKET):
        assert served.options & option
    assert served.num_tickets == 0


def test_configured_suites_replace_the_default() -> None:
    served = context(suites="ECDHE-ECDSA-AES256-GCM-SHA384")
    assert [suite["name"] for suite in served.get_ciphers() if suite["protocol"] == "TLSv1.2"] == [
        "ECDHE-ECDSA-AES256-GCM-SHA384"
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"preset": "old"}, "unknown TLS policy 'old'"),
        ({"minimum_version": "1.1"}, "unsupported TLS version '1.1'"),
        ({"suites": "AES128-SHA"}, "'AES128-SHA' is not ECDHE"),
        ({"suites": "ECDHE-RSA-AES128-SHA"}, "is not ECDHE with AES-GCM"),
        ({"suites": "ECDHE-FOO-AES128-GCM-SHA256"}, "OpenSSL knows none"),
        ({"suites": ""}, "is not ECDHE"),
    ],
)
def test_an_invalid_policy_is_refused(arguments: dict[str, str], text: str) -> None:
    with pytest.raises(PolicyError, match=text):
        tls_policy(**arguments)


def test_required_refuses_clients_without_certificate_and_optional_does_not() -> None:
    ca = forge("CA", ca=True)
    for auth, refused in (("required", True), ("optional", False), ("none", False)):
        served = server_context(tls_policy(), [PAIR], ClientTrust(auth, ca.pem))  # type: ignore[arg-type]
        assert refuses_anonymous(served, V13) is refused
        assert refuses_anonymous(served, V12) is refused


def test_a_mismatched_pair_makes_no_context() -> None:
    with pytest.raises(ssl.SSLError):
        server_context(tls_policy(), [ChainAndKey(LEAF.pem, forge().key_pem)], ClientTrust())


def test_the_key_goes_through_a_private_file_where_memory_files_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(tlspolicy.os, "memfd_create")
    assert presented_certificate(context(), V13) == LEAF.der


def test_facts_name_the_linked_openssl() -> None:
    facts = tls_facts()
    assert facts.openssl == ssl.OPENSSL_VERSION
    assert facts.hybrid_groups == (ssl.OPENSSL_VERSION_INFO >= (3, 5))
