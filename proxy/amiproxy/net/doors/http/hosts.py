"""Which values of the Host header are ours: others may come from a page whose name was made to point here."""

import ipaddress
import re
from collections.abc import Callable, Iterable

from amiproxy.x509.names import covers

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?))(?::[0-9]{0,5})?")
_LOCAL = ("dns:localhost", "ip:127.0.0.1", "ip:::1")


def host_of(value: str) -> str:
    """The host of ``host`` or ``host:port``: in lower case, without brackets; "" if malformed."""
    found = _HOST.fullmatch(value)
    return (found[1] or found[2].removesuffix(".")).lower() if found else ""


def is_address(host: str) -> bool:
    """Whether the host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class AllowedHosts:
    """The hosts of one listener: the configured names, or else those in its certificates.

    ``certificates`` returns the names in the certificates that are served now, as ``kind:value``; a listener
    without certificates is reached at this machine's own names.
    """

    def __init__(self, certificates: Callable[[], Iterable[str]], names: Iterable[str] = ()) -> None:
        self._certificates = certificates
        self._names: tuple[str, ...] = ()
        self.adopt(names)

    def adopt(self, names: Iterable[str]) -> None:
        """Replace the configured names: host names, wildcards and addresses."""
        self._names = tuple(map(_kind, names))

    @property
    def are_configured(self) -> bool:
        """Whether there are configured names."""
        return bool(self._names)

    def has(self, value: bytes) -> bool:
        """Whether the value of a Host header is one of ours, whatever port it has."""
        host = host_of(value.decode("latin-1"))
        if not host:
            return False
        names = self._names or tuple(self._certificates()) or _LOCAL
        return covers(names, _kind(host))


def _kind(host: str) -> str:
    """A host as ``kind:value``; addresses in their one form."""
    try:
        return f"ip:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"dns:{host.lower()}"
