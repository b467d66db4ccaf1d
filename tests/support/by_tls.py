"""A proxy whose link goes by TLS: to Asterisk's own TLS port, or to another proxy."""

from pathlib import Path
from typing import Any

from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.service import Service

#: The user that another proxy logs in as, with what ``deploy/servers.md`` says about it.
EDGE = "edge"
EDGE_SECRET = "the secret of the other proxy"
EDGE_ENTRY: dict[str, Any] = {
    "secret": hashed(EDGE_SECRET),
    "read": "all",
    "write": "all",
    "eventfilter": ["!Event: Proxy"],
    "upstream_lost": "close",
}


def upstream_by_tls(port: int, username: str, ca: Path, **tls: str) -> dict[str, Any]:
    """The key ``upstream`` of a proxy; its secret is in ``upstream.secret``."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "secret_file": "upstream.secret",
        "tls": {"ca": str(ca), **tls},
    }


def before_another(inner: ProxyProcess, directory: Path, users: dict[str, Any], **settings: Any) -> Service:
    """A proxy that reaches Asterisk through ``inner``, which must have the user ``EDGE``."""
    outer = Service(directory, ("127.0.0.1", inner.port, EDGE, EDGE_SECRET), users, **settings)
    outer.change(upstream=upstream_by_tls(inner.port, EDGE, inner.cafile))
    return outer
