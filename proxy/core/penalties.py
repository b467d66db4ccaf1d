"""Penalties: which addresses and networks may not log in, and until when.

One entry for each would let whoever owns many networks use up the memory, or
push the others' penalties out.  So there is a bound, and over it a network
with many entries becomes one: the finest that has a crowd of them first, which
is the network of those who fill the table.
"""

import ipaddress
from collections import Counter
from typing import Final

#: Entries in all.
MOST: Final = 8192
#: So many penalised parts make a network share one penalty.
_CROWD: Final = 16
#: The prefixes that networks are looked at by, the finest first.  The coarsest have fewer networks than
#: there may be entries, so one of them has two when the table is full.
_PREFIXES: Final = {4: (24, 16, 8), 6: (48, 32, 20, 12)}
_BITS: Final = {4: 32, 6: 128}

#: Version, prefix, and the bits of the prefix.
_Network = tuple[int, int, int]


class Penalties:
    """By name, as ``admission.network_of`` gives them; times are monotonic seconds."""

    __slots__ = ("_ends", "_places", "_shared")

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        #: Where each name is; None for what is no address.
        self._places: dict[str, tuple[int, int] | None] = {}
        #: Networks that share one, with its end.
        self._shared: dict[_Network, float] = {}

    def __len__(self) -> int:
        """Entries."""
        return len(self._ends) + len(self._shared)

    def holds(self, name: str, now: float) -> bool:
        """Whether a penalty of this name, or of a network that it is in, is in force."""
        if now < self._ends.get(name, now):
            return True
        if not self._shared:
            return False
        place = _place_of(name)
        return place is not None and any(
            now < self._shared.get(network, now) for network in _networks_around(*place)
        )

    def begin(self, name: str, end: float) -> list[str]:
        """A penalty until ``end``.  The names that have no entry of their own for it any more."""
        self._ends[name] = end
        self._places[name] = _place_of(name)
        return self._share() if len(self) > MOST else []

    def end(self, now: float) -> list[str]:
        """Forget those that are over: their names, and the networks that shared one."""
        over = [name for name, end in self._ends.items() if end <= now]
        for name in over:
            self._forget(name)
        gone = [network for network, end in self._shared.items() if end <= now]
        for network in gone:
            del self._shared[network]
        return over + [_text(network) for network in gone]

    def _forget(self, name: str) -> float:
        del self._places[name]
        return self._ends.pop(name)

    def _share(self) -> list[str]:
        """Have one network with many entries become one entry."""
        network = self._fullest()
        if network is None:
            return []
        version, prefix, bits = network
        shift = _BITS[version] - prefix
        names = [
            name
            for name, place in self._places.items()
            if place is not None and place[0] == version and place[1] >> shift == bits
        ]
        inner = [
            one for one in self._shared if one[0] == version and one[1] > prefix and _is_in(one, network)
        ]
        ends = [self._forget(name) for name in names] + [self._shared.pop(one) for one in inner]
        self._shared[network] = max(ends)
        return names

    def _fullest(self) -> _Network | None:
        """The network to share a penalty: the finest with a crowd of entries, else the one with the most."""
        most: tuple[int, _Network] | None = None
        for level in range(max(map(len, _PREFIXES.values()))):
            counts: Counter[_Network] = Counter()
            for place in self._places.values():
                if place is not None:
                    _count(counts, place[0], _BITS[place[0]], place[1], level)
            for version, prefix, bits in self._shared:
                _count(counts, version, prefix, bits, level)
            for network, count in counts.most_common(1):
                if count >= _CROWD:
                    return network
                if most is None or count > most[0]:
                    most = count, network
        return most[1] if most is not None and most[0] > 1 else None


def _count(counts: Counter[_Network], version: int, length: int, bits: int, level: int) -> None:
    """Count an entry of ``length`` bits for the network of this level that it is in, if it is finer."""
    prefixes = _PREFIXES[version]
    if level < len(prefixes) and length > prefixes[level]:
        counts[version, prefixes[level], bits >> (length - prefixes[level])] += 1


def _is_in(inner: _Network, outer: _Network) -> bool:
    return inner[2] >> (inner[1] - outer[1]) == outer[2]


def _networks_around(version: int, bits: int) -> list[_Network]:
    return [(version, prefix, bits >> (_BITS[version] - prefix)) for prefix in _PREFIXES[version]]


def _place_of(name: str) -> tuple[int, int] | None:
    """Version and bits of an address, or of a network's first."""
    try:
        address = ipaddress.ip_address(name.partition("/")[0])
    except ValueError:
        return None
    return address.version, int(address)


def _text(network: _Network) -> str:
    version, prefix, bits = network
    make = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    return str(make((bits << (_BITS[version] - prefix), prefix)))
