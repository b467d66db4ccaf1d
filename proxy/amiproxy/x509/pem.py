"""Split PEM files into certificates, private keys and revocation lists.

The loaders of ``cryptography`` report what failed in the parser; the errors of this
module tell the person who copied the file what is wrong with it.
"""

import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from amiproxy.x509.errors import UNREADABLE, PemError

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_ENCRYPTED = b"ENCRYPTED"
# An ASN.1 SEQUENCE, with which every DER certificate and key begins.
_DER_START = b"\x30\x82"


def load_certificates(data: bytes, path: str) -> list[x509.Certificate]:
    """All certificates of the file, in its order; at least one.  Raises PemError, which names ``path``."""
    blocks = _blocks(data, path, "certificate", {b"CERTIFICATE", b"X509 CERTIFICATE"})
    try:
        certificates = [x509.load_pem_x509_certificate(block) for block in blocks]
    except UNREADABLE as error:
        raise PemError(
            path, "a certificate in it is damaged", "copy the file again", transient=True
        ) from error
    for number, certificate in enumerate(certificates, 1):
        try:
            parse_fully(certificate)
        except UNREADABLE as error:
            which = f"certificate {number} of {len(certificates)} in it cannot be read"
            raise PemError(path, f"{which}: {error}", "have it issued again, or remove it") from error
    return certificates


def load_key(data: bytes, path: str) -> PrivateKeyTypes:
    """The only private key of the file, which must not be encrypted.  Raises PemError, naming ``path``."""
    kinds = {b"PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"}
    blocks = _blocks(data, path, "private key", kinds)
    if len(blocks) > 1:
        raise PemError(path, f"contains {len(blocks)} private keys", "keep only the certificate's key")
    if _ENCRYPTED in blocks[0]:
        raise PemError(
            path,
            "the private key is encrypted with a passphrase",
            "write it unencrypted (openssl pkey -in OLD -out NEW) and protect it by owner, group and mode",
        )
    try:
        # The primality test of RSA keys takes 0.1 s and holds the interpreter lock, which would stall every
        # session.  Skip it: before the key is served, a handshake tests that it works.
        return load_pem_private_key(blocks[0], None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PemError(path, "the private key is damaged", "copy the file again", transient=True) from error


def load_revocation_lists(data: bytes, path: str) -> list[x509.CertificateRevocationList]:
    """All certificate revocation lists of the file; at least one.  Raises PemError, which names ``path``."""
    blocks = _blocks(data, path, "certificate revocation list", {b"X509 CRL"})
    try:
        lists = [x509.load_pem_x509_crl(block) for block in blocks]
    except UNREADABLE as error:
        raise PemError(
            path, "a revocation list in it is damaged", "copy the file again", transient=True
        ) from error
    for number, crl in enumerate(lists, 1):
        try:
            _ = crl.issuer
        except UNREADABLE as error:
            which = f"revocation list {number} of {len(lists)} in it cannot be read"
            raise PemError(path, f"{which}: {error}", "have the CA issue it again") from error
    return lists


def parse_fully(item: x509.Certificate | x509.CertificateSigningRequest) -> None:
    """Parse all parts that are used here, so that their errors occur now.

    ``cryptography`` loads a certificate or request first, and parses these parts on access.  Raises one of
    UNREADABLE.
    """
    _ = item.subject, item.extensions, item.public_key()
    if isinstance(item, x509.Certificate):
        _ = item.issuer, item.not_valid_before_utc, item.not_valid_after_utc


def pem_of(objects: Iterable[x509.Certificate | x509.CertificateRevocationList]) -> bytes:
    """The objects as one PEM text, without the comments that their files may contain."""
    return b"".join(item.public_bytes(Encoding.PEM) for item in objects)


def pem_of_key(key: PrivateKeyTypes) -> bytes:
    """The key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _blocks(data: bytes, path: str, what: str, kinds: set[bytes]) -> list[bytes]:
    if not data.strip():
        raise PemError(path, "the file is empty", f"write the {what} into it", transient=True)
    if data.startswith(_DER_START):
        raise PemError(
            path, "the file is in DER form", "convert it to PEM (openssl x509 or pkey, -inform der)"
        )
    found = [block[0] for block in _BLOCK.finditer(data) if block[1] in kinds]
    begun = sum(begin[1] in kinds for begin in _BEGIN.finditer(data))
    if begun > len(found):
        raise PemError(path, f"the file ends inside a {what}", "copy the whole file again", transient=True)
    if not found:
        others = sorted({begin[1].decode() for begin in _BEGIN.finditer(data)})
        holds = f"has {', '.join(others)}, but no {what}" if others else f"has no {what} in PEM form"
        raise PemError(path, holds, f"name the file that contains the {what}", transient=not others)
    return found
