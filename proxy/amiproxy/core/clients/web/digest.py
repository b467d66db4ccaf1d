"""Digest: HTTP digest authentication (RFC 7616), for users whose secret is known, as Asterisk does it.

Unlike Asterisk it accepts only nonces that it has made itself, for some minutes; each count of a nonce once;
and only for the method and the target that the response was computed for.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

Algorithm = Literal["MD5", "SHA-256"]
#: Seconds for which a nonce is good.
NONCE_SECONDS: Final = 300.0
#: How far a count may be behind the highest one: requests that run in parallel may overtake each other.
_WINDOW: Final = 64
#: Most nonces whose counts are remembered.
_MOST_NONCES: Final = 4096
_HASHES: Final[dict[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_SCHEME: Final = re.compile(rb"digest[ \t]+", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    rb"[ \t]*([A-Za-z0-9!#$%&'*+.^_`|~-]+)[ \t]*=[ \t]*"
    rb'(?:"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"|([A-Za-z0-9!#$%&\'*+.^_`|~-]+))[ \t]*'
)
_ESCAPED: Final = re.compile(rb"\\(.)")
_COUNT: Final = re.compile(rb"[0-9a-f]{8}", re.IGNORECASE)
_NONCE: Final = re.compile(rb"([0-9a-f]{16})([0-9a-f]{32})([0-9a-f]{32})")
_NEEDED: Final = (b"username", b"realm", b"nonce", b"uri", b"response", b"qop", b"nc", b"cnonce")


class Credentials(NamedTuple):
    """What a header ``Authorization: Digest`` says."""

    username: bytes
    realm: bytes
    nonce: bytes
    uri: bytes
    response: bytes
    algorithm: str
    nc: bytes
    cnonce: bytes


def parse_authorization(value: bytes) -> Credentials | None:
    """Read the value of an Authorization header; None if it is no digest with ``qop=auth``, or malformed."""
    scheme = _SCHEME.match(value)
    if scheme is None:
        return None
    found: dict[bytes, bytes] = {}
    at = scheme.end()
    while True:
        parameter = _PARAMETER.match(value, at)
        if parameter is None:
            return None
        name, quoted, plain = parameter.groups()
        if name.lower() in found:
            return None
        found[name.lower()] = _ESCAPED.sub(rb"\1", quoted) if plain is None else plain
        at = parameter.end()
        if at == len(value):
            break
        if value[at : at + 1] != b",":
            return None
        at += 1
    if any(not found.get(name) for name in _NEEDED) or found[b"qop"].lower() != b"auth":
        return None
    if not _COUNT.fullmatch(found[b"nc"]):
        return None
    algorithm = found.get(b"algorithm", b"MD5").decode("latin-1").upper()
    return Credentials(
        username=found[b"username"],
        realm=found[b"realm"],
        nonce=found[b"nonce"],
        uri=found[b"uri"],
        response=found[b"response"],
        algorithm=algorithm,
        nc=found[b"nc"],
        cnonce=found[b"cnonce"],
    )


def response_to(credentials: Credentials, method: bytes, secret: bytes) -> bytes:
    """The response that a client with this secret gives; see RFC 7616, 3.4.1.

    Its algorithm must be an ``Algorithm``.
    """
    one, digest = credentials, _HASHES[credentials.algorithm]
    first = digest(b":".join((one.username, one.realm, secret))).encode()
    second = digest(method + b":" + one.uri).encode()
    return digest(b":".join((first, one.nonce, one.nc, one.cnonce, b"auth", second))).encode()


class _Counts:
    """The counts of one nonce that were used."""

    __slots__ = ("highest", "seen")

    def __init__(self) -> None:
        self.highest = 0
        #: Bit n: whether ``highest - n`` was used.
        self.seen = 0

    def take(self, count: int) -> bool:
        """Whether this count is used for the first time, as far as that is known."""
        ahead = count - self.highest
        if ahead > 0:
            self.seen = (self.seen << min(ahead, _WINDOW) | 1) & ((1 << _WINDOW) - 1)
            self.highest = count
            return True
        bit = 1 << -ahead
        if ahead <= -_WINDOW or self.seen & bit:
            return False
        self.seen |= bit
        return True


class Nonces:
    """Makes nonces and knows them again; of those that were not used it remembers nothing.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        #: By nonce, those used first come first.
        self._counts: dict[bytes, _Counts] = {}
        #: Nonces that were made up to this time are not good: what was used of them is forgotten.
        self._void_until = -1.0

    def make(self, now: float) -> bytes:
        """A nonce: its time, 128 random bits and a signature, all in hexadecimal digits."""
        told = b"%016x" % int(now * 1000) + secrets.token_hex(16).encode()
        return told + self._signature(told)

    def takes(self, nonce: bytes, count: int, now: float) -> bool:
        """Whether this nonce is good now and this count of it was not used before; then it is used."""
        match = _NONCE.fullmatch(nonce)
        if match is None or not hmac.compare_digest(match[3], self._signature(nonce[:48])):
            return False
        made = int(match[1], 16) / 1000
        if now - made > NONCE_SECONDS or made <= self._void_until:
            return False
        counts = self._counts.get(nonce)
        if counts is None:
            counts = self._counts[nonce] = _Counts()
            self._forget(now)
        return counts.take(count)

    def _forget(self, now: float) -> None:
        """Forget nonces that are not good any more, and make the oldest ones so if there are too many."""
        while True:
            oldest = next(iter(self._counts))
            made = int(oldest[:16], 16) / 1000
            if now - made <= NONCE_SECONDS and len(self._counts) <= _MOST_NONCES:
                return
            del self._counts[oldest]
            self._void_until = max(self._void_until, made)

    def _signature(self, told: bytes) -> bytes:
        return hmac.digest(self._key, told, "sha256")[:16].hex().encode()


class Checked(NamedTuple):
    """What became of an Authorization header."""

    #: ``right``; ``stale`` if the response is right, but its nonce is not good any more; ``wrong``; or
    #: ``malformed``, which says nothing about a secret.
    verdict: Literal["right", "stale", "wrong", "malformed"]
    username: bytes = b""
    nonce: bytes = b""


class Digest:
    """Challenges clients, and checks their responses."""

    def __init__(self) -> None:
        self._nonces = Nonces()
        #: Of a user without a secret that is known, so that the refusal takes as long.
        self._nobody = secrets.token_bytes(16)

    def challenge(
        self, realm: bytes, algorithms: Sequence[Algorithm], now: float, *, stale: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """A nonce, and the value of the header WWW-Authenticate that offers it, for each algorithm in order.

        ``realm`` must have no quotes, backslashes and control characters.  The text is as Asterisk writes it.
        """
        offers: list[tuple[bytes, bytes]] = []
        for algorithm in algorithms:
            nonce = self._nonces.make(now)
            offer = b'Digest algorithm=%b, realm="%b", nonce="%b", qop="auth", opaque="%b"' % (
                algorithm.encode(),
                realm,
                nonce,
                nonce[16:24],
            )
            offers.append((nonce, offer + b", stale=true" if stale else offer))
        return offers

    def check(
        self,
        value: bytes,
        method: bytes,
        target: bytes,
        realm: bytes,
        algorithms: Sequence[Algorithm],
        secret_of: Callable[[bytes], bytes | None],
        now: float,
    ) -> Checked:
        """Check the value of an Authorization header, for a request with this method and raw target.

        ``secret_of`` returns the secret of the user with exactly this name; None if there is none.
        """
        found = parse_authorization(value)
        if found is None or found.algorithm not in algorithms:
            return Checked("malformed")
        secret = secret_of(found.username)
        expected = response_to(found, method, self._nobody if secret is None else secret)
        is_right = hmac.compare_digest(expected, found.response)
        if not is_right or secret is None or found.uri != target or found.realm != realm:
            return Checked("wrong", found.username, found.nonce)
        good = self._nonces.takes(found.nonce, int(found.nc, 16), now)
        return Checked("right" if good else "stale", found.username, found.nonce)
