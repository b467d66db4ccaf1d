"""Names in certificates: written as ``kind:value``, read from an extension, compared.

Kinds are ``dns``, ``ip``, ``uri`` and ``email``.  For text without a kind it is
guessed, since that is how people type names on a command line.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence

from cryptography import x509

from amiproxy.x509.errors import BadName

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_KINDS = ("dns", "ip", "uri", "email")


def parse_name(text: str) -> x509.GeneralName:
    """Parse ``dns:pbx.example``, ``ip:::1``, ``uri:…``, ``email:…``, or one of these without its kind.

    Raises BadName.
    """
    kind, colon, value = text.partition(":")
    kind = kind.lower()
    if not colon or kind not in _KINDS:
        kind, value = _kind_of(text), text
    if kind == "ip":
        try:
            return x509.IPAddress(ipaddress.ip_address(value.strip("[]")))
        except ValueError as error:
            raise BadName(f"{text!r} is not an IP address") from error
    if not value.isascii() or not value.isprintable() or not value or " " in value:
        raise BadName(
            f"{text!r}: a name in a certificate must be printable ASCII without blanks; use the xn-- form"
        )
    if kind == "uri":
        if "://" not in value and not value.startswith("urn:"):
            raise BadName(f"{text!r} is not a URI: scheme://… is missing")
        return x509.UniformResourceIdentifier(value)
    if kind == "email":
        if not re.fullmatch(r"[^@]+@[^@]+", value):
            raise BadName(f"{text!r} is not an e-mail address")
        return x509.RFC822Name(value)
    if not _is_dns_name(value):
        raise BadName(f"{text!r} is not a DNS name")
    return x509.DNSName(value.lower())


def format_name(name: x509.GeneralName) -> str:
    """The name as text that ``parse_name`` accepts; ``other:…`` for kinds that are not used here."""
    match name:
        case x509.DNSName():
            return f"dns:{name.value.lower()}"
        case x509.IPAddress():
            return f"ip:{name.value}"
        case x509.UniformResourceIdentifier():
            return f"uri:{name.value}"
        case x509.RFC822Name():
            return f"email:{name.value}"
        case x509.DirectoryName():
            return f"other:{name.value.rfc4514_string()}"
        case _:
            return f"other:{type(name).__name__}"


def names_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> tuple[str, ...]:
    """Every subject alternative name as ``kind:value``, in the certificate's order."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(format_name(name) for name in extension.value)


def covers(names: Iterable[str], wanted: str) -> bool:
    """Whether certificate ``names`` (``kind:value``) cover ``wanted`` (same form, with its kind).

    A wildcard covers exactly one label (RFC 6125 section 6.4.3).  Only DNS names are compared without case.
    """
    kind, _, value = wanted.partition(":")
    if kind != "dns":
        return wanted in names
    value = value.lower().rstrip(".")
    accepted = {f"dns:{value}", f"dns:{wildcard_for(value)}"}
    return any(name.lower() in accepted for name in names)


def wildcard_for(host: str) -> str:
    """``*.example`` for ``pbx.example``: the only wildcard that covers it."""
    _, _, parent = host.partition(".")
    return f"*.{parent}"


def lost_names(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """The names that ``old`` covered and ``new`` does not; all of them are ``kind:value``."""
    return tuple(name for name in old if not covers(new, name))


def _kind_of(text: str) -> str:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        pass
    else:
        return "ip"
    if "://" in text or text.startswith("urn:"):
        return "uri"
    return "email" if "@" in text else "dns"


def _is_dns_name(value: str) -> bool:
    labels = value.removesuffix(".").split(".")
    if labels[0] == "*" and len(labels) > 2:
        labels = labels[1:]
    return len(value) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
