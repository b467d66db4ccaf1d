"""The cookie of a session of AJAM, in Asterisk's form, with the attributes that it lacks there."""

import re
from collections.abc import Iterable
from typing import Final

NAME: Final = b"mansession_id"
# Asterisk takes the value with quotes or without, in any case; its own has 8 digits.
_KEY: Final = re.compile(rb'"([0-9A-Fa-f]{32})"|([0-9A-Fa-f]{32})')


def keys(cookies: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The keys of sessions that a request names, each once, the last one first.

    Clients may have several: browsers that know the cookie from two paths, and jars that keep an old one.
    """
    found: dict[bytes, None] = {}
    for name, value in reversed([*cookies]):
        key = _KEY.fullmatch(value.strip(b" \t")) if name.lower() == NAME else None
        if key is not None:
            found[(key[1] or key[2]).lower()] = None
    return [*found]


def set_cookie(key: bytes, seconds: int, path: bytes, *, secure: bool, cross_site: bool) -> bytes:
    """The value of Set-Cookie for this key; 0 ``seconds`` make the client forget it.

    ``secure``: the client came by TLS.  ``cross_site``: pages of other sites send it, too, if ``secure``.
    The first part is Asterisk's: scripts that cut the cookie out of the header expect it so.
    """
    site = b"None" if cross_site and secure else b"Strict"
    attributes = b"Path=%b; %bHttpOnly; SameSite=%b" % (path, b"Secure; " if secure else b"", site)
    return NAME + b'="%b"; Version=1; Max-Age=%d; %b' % (key, seconds, attributes)
