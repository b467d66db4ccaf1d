"""EngineSettings: how one process reaches the engines, and as whom."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from amiproxy.config.reading.files import check_readable
from amiproxy.core.model.errors import Unfit
from amiproxy.net.fleet.channel import EngineDown
from amiproxy.net.tls.tlserrors import reason_of
from amiproxy.net.tls.tlspolicy import client_context


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What a connection to an engine needs.

    ``addresses`` are HOST:PORT, an IPv6 address in brackets; the engine's certificate must be valid for the
    host.  ``ca`` is a PEM file, read again for each attempt to connect.  ``seed`` is that of an nkey.
    ``client`` is the name of this process in the engine's monitoring.
    """

    addresses: tuple[str, ...]
    ca: Path
    seed: bytes = field(repr=False)
    client: str
    inbox_prefix: str = "_INBOX"

    def context(self) -> ssl.SSLContext:
        """A new context for TLS.  It reads a file, so it belongs in a thread.  Raises EngineDown."""
        context = client_context()
        try:
            check_readable(self.ca)
            context.load_verify_locations(cafile=self.ca)
        except Unfit as error:
            raise EngineDown(f"fleet.ca: {error}; {error.remedy}") from error
        except OSError as error:  # ssl.SSLError is one
            remedy = "name a PEM file of CA certificates"
            raise EngineDown(f"fleet.ca: {self.ca} cannot be used ({reason_of(error)}); {remedy}") from error
        return context
