"""Networks: sets of networks, and the networks that contain an address."""

import ipaddress
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Final

#: Prefix lengths of the networks around an address, by IP version, the coarsest first.  In IPv6 a provider
#: has a /32, a site a /48, and a machine any address of a /64; in IPv4 an address is one machine, or many.
_PREFIXES: Final = {4: (8, 16, 24, 32), 6: (32, 48, 56, 64)}
_BITS: Final = {4: 32, 6: 128}


class NetworkSet:
    """A set of networks, immutable, to look up canonical addresses in.

    Results are cached, as the same few addresses recur.  Text that is not an address is in no set.  Raises
    ValueError for a text that is not a network, or has host bits: give it networks in their normal form.
    """

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
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self._networks)


@lru_cache(maxsize=1024)
def networks_around(address: str) -> tuple[Hashable, ...]:
    """The four networks that contain a canonical address, the coarsest first.

    Other text counts as a network of its own at each level.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address, address, address, address
    version, bits = found.version, int(found)
    return tuple((version, prefix, bits >> (_BITS[version] - prefix)) for prefix in _PREFIXES[version])
