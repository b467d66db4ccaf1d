"""Keys that earlier versions had.

A file that still has one is valid; the key has no effect, and is reported with its place.  To remove
a key, move it from its struct to this table, with what holds instead.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.core.model.limits import Limits

#: Struct -> key -> remedy.
REMOVED: Final[Mapping[type, Mapping[str, str]]] = MappingProxyType(
    {
        Limits: MappingProxyType(
            {
                "action_id_bytes": "remove it: an ActionID may be as long as its line",
                "handshake_bytes": "remove it: a TLS handshake may have 16384 bytes",
                "hash_cache_entries": "remove it: 10000 secrets that matched are remembered",
                "keepalive_count": "remove it: unacknowledged_timeout alone decides when a client is gone",
                "keepalive_interval": "remove it: probes follow each other by half of unacknowledged_timeout",
                "login_bytes": "remove it: a client may send 4096 bytes before its login",
                "originate_grace": "remove it: an Originate is answered 5 seconds after its Timeout",
                "reconnect_jitter": "remove it: pauses between attempts vary by 30 % in both directions",
                "rejected_max": "remove it: the pause after a refused login grows to 60 seconds",
                "rejected_min": "remove it: the first pause after a refused login is 5 seconds",
            }
        )
    }
)
