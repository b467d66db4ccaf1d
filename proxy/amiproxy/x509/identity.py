"""Which manager user a client certificate belongs to.

A user's ``certificate:`` entries bind certificates to that user; ``login:`` says
whether the secret, the certificate, or both are needed to log in.  A certificate
bound to one user never opens another user's account, whatever secret comes with it:
otherwise a stolen secret could be used from any enrolled machine.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from amiproxy.x509.errors import UNREADABLE, BadName, BindingError
from amiproxy.x509.facts import spki_sha256
from amiproxy.x509.names import format_name, names_of, parse_name

LoginWay = Literal["secret", "certificate", "both"]

#: Why a client with a certificate, or with none, cannot log in as a user.
ClaimRefusal = Literal[
    "the certificate is bound to another user",
    "the user needs a client certificate and none was presented",
    "the client certificate is not bound to the user",
]

_FORMS = "dns:HOST, email:ADDRESS, uri:URI, cn:NAME or spki:sha256/BASE64"
_PIN = "sha256/"
_PIN_LENGTH = 32


class Binding(NamedTuple):
    """One entry of ``certificate:``; equal bindings match the same certificates."""

    kind: Literal["dns", "email", "uri", "cn", "spki"]
    value: str
    """In the form that is compared: host names and mail domains in lower case, a pin as its base64."""

    @classmethod
    def from_text(cls, text: str) -> "Binding":
        """``parse_binding`` under the name that the configuration's binder calls.  Raises BindingError."""
        return parse_binding(text)

    def __str__(self) -> str:
        return f"{self.kind}:{_PIN if self.kind == 'spki' else ''}{self.value}"


@dataclass(frozen=True)
class Identity:
    """What a client certificate says about its holder."""

    subject: str
    sha256: str
    """Fingerprint of the certificate, hexadecimal, lower case."""
    bindings: frozenset[Binding]
    """All bindings that match the certificate."""


class CertificateLogin(NamedTuple):
    """The two keys of a user that concern certificates: ``certificate:`` and ``login:``."""

    bindings: tuple[Binding, ...] = ()
    way: LoginWay = "secret"


class Claim(NamedTuple):
    """The consequence of a client's certificate for a login as one user."""

    refusal: ClaimRefusal | None
    """Why a client with this certificate (or none) cannot log in as the user; fits "refused because …"."""
    needs_secret: bool
    """Whether the correct secret is needed as well."""


def parse_binding(text: str) -> Binding:
    """Parse one ``certificate:`` entry.  Raises BindingError, which lists the possible forms."""
    kind, colon, value = text.partition(":")
    match kind:
        case "dns" | "email" | "uri" if colon:
            try:
                name = format_name(parse_name(text))
            except BadName as error:
                raise BindingError(str(error)) from error
            if "*" in value and kind == "dns":
                raise BindingError(f"{text!r}: a wildcard would bind every host's certificate; name one host")
            return _fold(Binding(kind, name.partition(":")[2]))
        case "cn" if value.strip():
            return Binding("cn", value)
        case "spki":
            return Binding("spki", _parse_pin(text, value))
        case _:
            raise BindingError(f"{text!r} is not a certificate binding; write {_FORMS}")


def identities(der: bytes) -> Identity:
    """Read the certificate (DER) that a client presented.  Raises ValueError if it cannot be read."""
    try:
        return _identities(der)
    except UNREADABLE as error:
        raise ValueError(str(error)) from error


def _identities(der: bytes) -> Identity:
    certificate = x509.load_der_x509_certificate(der)
    bindings = {Binding("spki", spki_sha256(certificate))}
    for name in names_of(certificate):
        kind, _, value = name.partition(":")
        if kind in ("dns", "email", "uri"):
            bindings.add(_fold(Binding(kind, value)))  # type: ignore[arg-type]
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        bindings.add(Binding("cn", str(attribute.value)))
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    return Identity(certificate.subject.rfc4514_string(), fingerprint, frozenset(bindings))


def matches(binding: Binding, identity: Identity) -> bool:
    """Whether ``binding`` names this certificate.  Names are compared exactly, without wildcards."""
    return binding in identity.bindings


def bound_users(owners: Mapping[Binding, str], identity: Identity) -> frozenset[str]:
    """The names of the users to whose accounts the certificate is bound: usually one or none.

    ``owners`` maps each binding to its user.
    """
    return frozenset(owners[binding] for binding in identity.bindings if binding in owners)


def claim(
    user: str, login: CertificateLogin, bound: Mapping[Binding, str], identity: Identity | None
) -> Claim:
    """The consequence of a certificate (None: none was sent) for a login as ``user``, who has this ``login``.

    ``bound`` maps each binding to its user.  An unknown user is treated like one with a
    secret, so that the answer does not reveal whether the user exists.
    """
    owners = bound_users(bound, identity) if identity is not None else frozenset()
    if owners and user not in owners:
        return Claim("the certificate is bound to another user", needs_secret=True)
    if login.way == "secret" or user in owners:
        return Claim(None, needs_secret=login.way != "certificate")
    if identity is None:
        return Claim("the user needs a client certificate and none was presented", needs_secret=True)
    return Claim("the client certificate is not bound to the user", needs_secret=True)


def _fold(binding: Binding) -> Binding:
    """Lower-case the case-insensitive parts: hosts, and the domain of an address (RFC 5280 section 7)."""
    if binding.kind == "dns":
        return Binding("dns", binding.value.lower().rstrip("."))
    if binding.kind == "email":
        mailbox, _, domain = binding.value.rpartition("@")
        return Binding("email", f"{mailbox}@{domain.lower()}")
    return binding


def _parse_pin(text: str, value: str) -> str:
    remedy = "ami-proxy certs inspect prints the pin of a certificate"
    if not value.startswith(_PIN):
        raise BindingError(f"{text!r}: a pin is spki:sha256/BASE64; {remedy}")
    pin = value.removeprefix(_PIN)
    try:
        raw = base64.b64decode(pin, validate=True)
    except binascii.Error as error:
        raise BindingError(f"{text!r}: the pin is not base64; {remedy}") from error
    if len(raw) != _PIN_LENGTH:
        raise BindingError(f"{text!r}: the pin has {len(raw)} bytes, not {_PIN_LENGTH}; {remedy}")
    return base64.b64encode(raw).decode("ascii")
