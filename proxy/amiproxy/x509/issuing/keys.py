"""New private keys: ECDSA P-256 unless RSA is requested."""

from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec, rsa

KeyKind = Literal["ecdsa", "rsa"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

# NIST withdraws RSA 2048 with its 112-bit level after 2030; 3072 is the next size and still fast enough.
_RSA_BITS = 3072


def new_key(kind: KeyKind) -> PrivateKey:
    """A new private key of this kind."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())
