"""Values of a listener with ``door: http``, and the doors of users."""

import ipaddress
import re
from importlib.util import find_spec
from typing import Annotated, Literal
from urllib.parse import urlsplit

from amiproxy.config.address import check_host_name
from amiproxy.core.model.errors import Unfit

HttpDoor = Literal["ajam", "api", "page", "ws"]
#: Ways in that a user may be given.
UserDoor = Literal["ami", "ajam", "api", "page", "ws"]
Digest = Literal["MD5", "SHA-256"]
#: Packages of the extra [http].
_EXTRA = ("h11", "websockets")
_PREFIX = re.compile(r"(/[A-Za-z0-9_.~-]+)*")
_REALM = re.compile(r"[A-Za-z0-9_.@ -]{1,64}")


def _check_allowed_host(name: str) -> None:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        check_host_name(name.removeprefix("*."))


def _check_origin(text: str) -> None:
    remedy = "write it as browsers send it: https://dash.example.org"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Unfit("not an origin", remedy) from None
    if parts.scheme not in ("https", "http") or not parts.hostname or text != text.lower():
        raise Unfit("not an origin", remedy)
    if text != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc or "*" in parts.netloc:
        raise Unfit("more than an origin, which has neither path nor wildcard", remedy)
    if port == {"https": 443, "http": 80}[parts.scheme]:
        raise Unfit("browsers leave out the default port", remedy)


def _check_prefix(text: str) -> None:
    if not _PREFIX.fullmatch(text):
        raise Unfit("not the beginning of a path", 'write "/asterisk", or "" for none')
    if any(part in (".", "..") for part in text.split("/")):
        raise Unfit("has a part that browsers remove", 'write "/asterisk", or "" for none')


def _check_realm(text: str) -> None:
    if not _REALM.fullmatch(text):
        raise Unfit("not a realm", "use up to 64 letters, digits, blanks and _ . @ -")


AllowedHost = Annotated[str, _check_allowed_host]
Origin = Annotated[str, _check_origin]
Prefix = Annotated[str, _check_prefix]
Realm = Annotated[str, _check_realm]


def missing_packages() -> list[str]:
    """Packages that a listener with ``door: http`` needs and that are not installed."""
    return [name for name in _EXTRA if find_spec(name) is None]
