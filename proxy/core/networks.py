"""Sets of networks: is this address one of them?"""

import ipaddress
from collections.abc import Iterable


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
