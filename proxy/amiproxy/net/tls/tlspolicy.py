"""TLS policy: the supported versions and suites, and contexts that accept nothing else.

A context is built once from bytes in memory, tested by a handshake in memory, and
never changed again: loading a mismatched pair into a context in use raises *and*
leaves it unable to serve.  ``set_ecdh_curve`` is never called, because it pins one
curve and so disables the hybrid X25519MLKEM768.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from amiproxy.core.model.errors import Unfit
from amiproxy.net.tls.tlserrors import reason_of
from amiproxy.net.tls.tlsgroups import X25519MLKEM768, offered_groups

ClientAuth = Literal["none", "optional", "required"]

# Mozilla's "intermediate" without finite-field DHE: only ECDHE with an AEAD.
_INTERMEDIATE_SUITES = ":".join(
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ]
)
# OpenSSL's level 2 is 112 bits: no RSA below 2048 bits, no SHA-1 signatures, whatever the build's default is.
_SECURITY_LEVEL = "@SECLEVEL=2"


class PolicyError(ValueError):
    """A TLS policy that OpenSSL or this module does not accept.

    ``key`` is that of the setting in proxy.yaml; ``text`` and ``remedy`` are for the operator.
    """

    def __init__(self, key: str, text: str, remedy: str) -> None:
        super().__init__(f"{key}: {text}; {remedy}")
        self.key = key
        self.text = text
        self.remedy = remedy


@dataclass(frozen=True)
class Policy:
    """The versions and suites of a listener; ``tls_policy`` creates one from a preset."""

    name: str
    minimum_version: ssl.TLSVersion
    suites: str
    """TLS 1.2 suites by OpenSSL's names; all suites of TLS 1.3 are fit for use, and cannot be selected."""
    protocols: tuple[str, ...] = ()
    """What is spoken behind TLS, by its names in ALPN; empty: clients that offer protocols get no answer."""


class ChainAndKey(NamedTuple):
    """A certificate chain, leaf first, and its unencrypted private key, as PEM bytes."""

    chain: bytes
    key: bytes


class ClientTrust(NamedTuple):
    """Whether clients are asked for a certificate, and the CAs and CRLs to check it with, as PEM bytes."""

    auth: ClientAuth = "none"
    authorities: bytes = b""
    revocations: bytes = b""
    check_whole_chain: bool = False
    """Every CA has its CRL, so intermediates can be checked, too."""


class TlsFacts(NamedTuple):
    """Facts about the linked OpenSSL, for the log line at the start."""

    openssl: str
    hybrid_groups: bool
    """X25519MLKEM768 is offered: the library has it, and OPENSSL_CONF does not disable it."""


class ProofFailed(ssl.SSLError):
    """A context failed its test handshake: it did not present the expected certificate."""


def tls_policy(
    preset: str = "intermediate", *, minimum_version: str | None = None, suites: str | None = None
) -> Policy:
    """The preset ``modern`` (TLS 1.3 only) or ``intermediate`` (TLS 1.2 and 1.3), with overrides.

    ``minimum_version`` is "1.2" or "1.3", and can only raise the preset's; ``suites`` are
    OpenSSL names joined by colons, each ECDHE with an AEAD.  Raises PolicyError.
    """
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    floors = {"intermediate": "1.2", "modern": "1.3"}
    if preset not in floors:
        raise PolicyError("tls.policy", f"unknown TLS policy {preset!r}", "use modern or intermediate")
    if minimum_version not in (None, *versions):
        text = f"unsupported TLS version {minimum_version!r}"
        raise PolicyError("tls.minimum_version", text, "use 1.2 or 1.3")
    floor = max(versions[floors[preset]], versions[minimum_version or floors[preset]])
    if suites is not None:
        _check_suites(suites)
    return Policy(preset, floor, suites or _INTERMEDIATE_SUITES)


def tls_facts() -> TlsFacts:
    """The version of OpenSSL, and whether it offers the post-quantum hybrid group."""
    return TlsFacts(ssl.OPENSSL_VERSION, X25519MLKEM768 in offered_groups())


def server_context(policy: Policy, pairs: Sequence[ChainAndKey], trust: ClientTrust) -> ssl.SSLContext:
    """A new context that presents ``pairs``, at most one of each key type.

    Raises ssl.SSLError when OpenSSL refuses the chain, key, CAs or CRLs.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = policy.minimum_version
    context.set_ciphers(f"{policy.suites}:{_SECURITY_LEVEL}")
    # Sessions last for days, so resumption saves nothing; and a session ticket skips the certificate check.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    if policy.protocols:
        context.set_alpn_protocols(list(policy.protocols))
    for pair in pairs:
        with _as_file(pair.key.rstrip() + b"\n" + pair.chain) as path:
            context.load_cert_chain(path)
    if trust.auth != "none":
        context.verify_mode = ssl.CERT_REQUIRED if trust.auth == "required" else ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=trust.authorities.decode("ascii"))
        if trust.revocations:
            with _as_file(trust.revocations) as path:
                context.load_verify_locations(cafile=path)
            context.verify_flags |= (
                ssl.VERIFY_CRL_CHECK_CHAIN if trust.check_whole_chain else ssl.VERIFY_CRL_CHECK_LEAF
            )
    return context


def client_context() -> ssl.SSLContext:
    """A new context for a client that verifies the server, chain and name, and has no CA yet.

    With TLS 1.2 and 1.3, and the suites of the policy ``intermediate``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{_INTERMEDIATE_SUITES}:{_SECURITY_LEVEL}")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # So that the CA may be an intermediate one, or the certificate of one server.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def load_client_certificate(context: ssl.SSLContext, chain: Path, key: Path | None) -> None:
    """Let a new context of a client present this certificate to a server that asks for one.

    ``key`` is None if ``chain`` has the key, too.  Raises Unfit, which names both files.
    """
    try:
        # Never prompt for a passphrase: no one could enter it.
        context.load_cert_chain(chain, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        files = f"{chain} with key {key}" if key is not None else f"{chain}"
        text = f"{files} cannot be used ({reason_of(error)})"
        remedy = "check that both are readable PEM files that match, and that the key is not encrypted"
        raise Unfit(text, remedy) from error


def presented_certificate(
    context: ssl.SSLContext, version: ssl.TLSVersion, server_name: str | None = None
) -> bytes:
    """The DER leaf that ``context`` presents in an in-memory handshake at exactly ``version``.

    Raises ssl.SSLError when the handshake fails, ProofFailed when it does not finish.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.minimum_version = client.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=server_name)
    far = context.wrap_bio(to_server, to_client, server_side=True)
    pending = [near, far]
    # TLS 1.2 needs at most two flights in each direction; a handshake that needs many more will not finish.
    for _ in range(8):
        for side in tuple(pending):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            pending.remove(side)
        if not pending:
            presented = near.getpeercert(binary_form=True)
            if presented is None:
                raise ProofFailed("the test handshake presented no certificate")
            return presented
    raise ProofFailed("the test handshake did not finish")


def refuses_anonymous(context: ssl.SSLContext, version: ssl.TLSVersion) -> bool:
    """Whether ``context`` refuses a client without a certificate, as ``client_auth: required`` must."""
    try:
        presented_certificate(context, version)
    except ssl.SSLError as error:
        return error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    return False


def _check_suites(suites: str) -> None:
    for suite in suites.split(":"):
        if not suite.startswith("ECDHE-") or not suite.endswith(
            ("-GCM-SHA256", "-GCM-SHA384", "-CHACHA20-POLY1305")
        ):
            text = f"suite {suite!r} is not ECDHE with AES-GCM or ChaCha20-Poly1305"
            raise PolicyError("tls.suites", text, "name only such suites")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(f"{suites}:{_SECURITY_LEVEL}")
    except ssl.SSLError as error:
        remedy = "use those that openssl ciphers -s lists, or remove the key"
        raise PolicyError("tls.suites", f"OpenSSL knows none of the suites {suites!r}", remedy) from error


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """A path from which OpenSSL can read ``data``: in memory if the system supports it, as it holds keys."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("ami-proxy", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as memory:
            memory.write(data)
            memory.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.TemporaryDirectory(prefix="ami-proxy-") as directory:
        path = Path(directory, "pem")
        path.touch(mode=0o600)
        path.write_bytes(data)
        yield str(path)
