"""Cut PEM files into certificates, private keys and revocation lists.

The loaders of ``cryptography`` say what failed for a parser; this module says
what is wrong for the person who copied the file.
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

from proxy.x509.errors import PemError

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_ENCRYPTED = b"ENCRYPTED"
# ASN.1 SEQUENCE: what every DER certificate and key starts with.
_DER_START = b"\x30\x82"


def load_certificates(data: bytes, path: str) -> list[x509.Certificate]:
    """Every certificate of the file, in its order; at least one.  Raises PemError."""
    blocks = _blocks(data, path, "certificate", {b"CERTIFICATE", b"X509 CERTIFICATE"})
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise PemError(
            path, "a certificate in it is damaged", "copy the file again", transient=True
        ) from error


def load_key(data: bytes, path: str) -> PrivateKeyTypes:
    """The one private key of the file, not encrypted.  Raises PemError."""
    kinds = {b"PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"}
    blocks = _blocks(data, path, "private key", kinds)
    if len(blocks) > 1:
        raise PemError(path, f"holds {len(blocks)} private keys", "keep the one of the certificate")
    if _ENCRYPTED in blocks[0]:
        raise PemError(
            path,
            "the private key is encrypted with a passphrase",
            "write it unencrypted (openssl pkey -in OLD -out NEW) and protect it by owner, group and mode",
        )
    try:
        # The primality test of RSA keys takes 0.1 s with the interpreter held, and every session with it.
        # Whether the key works is seen where it counts: in a handshake before it is served.
        return load_pem_private_key(blocks[0], None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PemError(path, "the private key is damaged", "copy the file again", transient=True) from error


def load_revocation_lists(data: bytes, path: str) -> list[x509.CertificateRevocationList]:
    """Every certificate revocation list of the file; at least one.  Raises PemError."""
    blocks = _blocks(data, path, "certificate revocation list", {b"X509 CRL"})
    try:
        return [x509.load_pem_x509_crl(block) for block in blocks]
    except ValueError as error:
        raise PemError(
            path, "a revocation list in it is damaged", "copy the file again", transient=True
        ) from error


def pem_of(objects: Iterable[x509.Certificate | x509.CertificateRevocationList]) -> bytes:
    """The objects as one PEM text, without the comments their files may have carried."""
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
        raise PemError(path, f"the file ends inside a {what}", "copy it again, whole", transient=True)
    if not found:
        others = sorted({begin[1].decode() for begin in _BEGIN.finditer(data)})
        holds = f"holds {', '.join(others)}, but no {what}" if others else f"holds no {what} in PEM form"
        raise PemError(path, holds, f"name the file that has the {what}", transient=not others)
    return found
