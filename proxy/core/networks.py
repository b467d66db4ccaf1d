"""Networks: sets of them, and those around an address."""

import ipaddress
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Final

#: What belongs together, by version, the coarsest first.  Of IPv6 a provider has a /32, a site a /48 and a
#: machine any address of a /64; of IPv4 an address is a machine, or many.
_PREFIXES: Final = {4: (8, 16, 24, 32), 6: (32, 48, 56, 64)}
_BITS: Final = {4: 32, 6: 128}


class NetworkSet:
    """Immutable; answers are remembered, as the same few addresses ask again and again."""

    __slots__ = ("_networks", "_seen")

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self._seen: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        known = self._seen.get(address)
        if known is None:
            if len(self._seen) >= 4096:
                self._seen.clear()
            known = self._seen[address] = self._judge(address)
        return known

    def _judge(self, address: str) -> bool:
        try:
            peer = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(peer in network for network in self._networks)


@lru_cache(maxsize=1024)
def networks_around(address: str) -> tuple[Hashable, ...]:
    """The four networks that an address is in, the coarsest first; IPv4 in IPv6 dress counts as IPv4."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address, address, address, address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    version, bits = found.version, int(found)
    return tuple((version, prefix, bits >> (_BITS[version] - prefix)) for prefix in _PREFIXES[version])
