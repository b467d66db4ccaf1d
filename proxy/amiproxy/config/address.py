"""Where to listen: an address and port, a Unix socket, or a socket passed by the service manager."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from amiproxy.core.model.errors import Unfit

_FORMS = 'write "[::]:5039", "127.0.0.1:5039" or "fd:NAME"'

_HOST_AND_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]\s]+))(?::([0-9]{1,5}))?")

#: Resolves a written path: relative to the configuration file, with environment variables replaced.
Resolve = Callable[[str], Path]


class Address(NamedTuple):
    """``host`` and ``port`` (0: any free port), or the ``name`` of an inherited socket without a host.

    ``host`` is an IP address, or the absolute path of a Unix socket.
    """

    host: str = ""
    port: int = 0
    name: str = ""

    @classmethod
    def from_text(cls, text: str) -> "Address":
        """Parse one of the forms with a port, or ``fd:NAME``.  Raises Unfit for anything else."""
        if text.startswith("fd:"):
            if (
                not text[3:].isascii()
                or not text[3:].replace("-", "").replace("_", "").replace(".", "").isalnum()
            ):
                raise Unfit("expected the name of a socket after fd:", "write its FileDescriptorName=")
            return cls(name=text[3:])
        host, _, port = text.rpartition(":")
        if not host:
            raise Unfit("expected an address and a port", _FORMS)
        bracketed = host.startswith("[") and host.endswith("]")
        try:
            address = ipaddress.ip_address(host[1:-1] if bracketed else host)
        except ValueError:
            raise Unfit("not an IP address before the port", _FORMS) from None
        if bracketed != (address.version == 6):
            raise Unfit("IPv6 addresses need brackets, IPv4 addresses must not have them", _FORMS)
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise Unfit("not a port", "write a number from 0 (any free port) to 65535")
        return cls(host=str(address), port=int(port))

    @classmethod
    def from_place(cls, text: str, resolve: Resolve) -> "Address":
        """As ``from_text``, and also ``unix:PATH``."""
        if text.startswith("unix:"):
            return cls(host=str(resolve(text[5:]).absolute()))
        return cls.from_text(text)

    @property
    def path(self) -> Path | None:
        """The path of a Unix socket; None if it is none."""
        return Path(self.host) if self.host.startswith("/") else None

    def __str__(self) -> str:
        if self.name:
            return f"fd:{self.name}"
        if self.path is not None:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Place(NamedTuple):
    """Where a local service listens: exactly one of ``address``, ``path`` and ``name`` is set."""

    address: Address | None = None
    path: Path | None = None
    name: str = ""

    @classmethod
    def from_place(cls, text: str, resolve: Resolve) -> "Place":
        """Parse ``127.0.0.1:9539``, ``unix:PATH`` or ``fd:NAME``.  Raises Unfit for anything else."""
        if text.startswith("unix:"):
            return cls(path=resolve(text[5:]))
        address = Address.from_text(text)
        return cls(name=address.name) if address.name else cls(address=address)

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"fd:{self.name}" if self.name else str(self.address)


class SocketPlace(Place):
    """A place that must be a Unix socket, written as its path or as ``fd:NAME``."""

    @classmethod
    def from_place(cls, text: str, resolve: Resolve) -> "SocketPlace":
        """Parse a path or ``fd:NAME``.  Raises Unfit for anything else."""
        if text.startswith("fd:"):
            return cls(name=Address.from_text(text).name)
        return cls(path=resolve(text.removeprefix("unix:")))

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else f"fd:{self.name}"


def host_and_port(text: str, example: str, default_port: int = 0) -> tuple[str, int]:
    """Parse ``HOST:PORT``, where an IPv6 address is in brackets; ``example`` is one for the error.

    The port may be left out if there is a ``default_port``.  Raises Unfit.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    port = int(match[3] or default_port) if match is not None else 0
    if match is None or not 0 < port < 65536:
        raise Unfit(f"{text!r} is not HOST:PORT", f"write {example} or [::1]:{example.rpartition(':')[2]}")
    return match[1] or match[2], port


def check_host_name(name: str) -> None:
    """Raise Unfit unless the name could occur in a Host header; addresses need not be listed."""
    labels = name.split(".")
    if not all(re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?", label) for label in labels):
        raise Unfit("not a host name", "write it as clients do, without a port: pbx.example.org")


def check_peer_name(name: str) -> None:
    """Raise Unfit unless the name is a host name or an IP address, as a certificate may have it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        try:
            check_host_name(name)
        except Unfit as error:
            raise Unfit(str(error), "write the name in the certificate: pbx.example.org") from None


def is_loopback(host: str) -> bool:
    """Whether nothing sent to this host leaves the machine; the only name accepted is ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
