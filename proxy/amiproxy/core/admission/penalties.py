"""Penalties: which addresses and networks may not log in, and until when.

With one entry for each, an attacker that owns many networks could use up the memory, or
push out the penalties of others.  So the number of entries is bounded, and past the
bound the entries of one network are merged into a single one.  The smallest network
that holds many entries is merged first, which is the network that fills the table.
"""

import ipaddress
from collections import Counter
from typing import Final

#: Most entries in all.
MOST: Final = 8192
#: A network with at least so many entries is merged before larger networks are considered.
_MERGE_AT: Final = 16
#: The prefix lengths at which networks are merged, the smallest networks first.  There are fewer networks
#: of the shortest prefixes than entries in a full table, so one of these networks holds at least two.
_PREFIXES: Final = {4: (24, 16, 8), 6: (48, 32, 20, 12)}
_BITS: Final = {4: 32, 6: 128}

#: Version, prefix, and the bits of the prefix.
_Network = tuple[int, int, int]


class Penalties:
    """Keyed by name, as ``addresses.network_of`` returns it; times are monotonic seconds."""

    __slots__ = ("_ends", "_places", "_shared")

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        #: IP version and address bits of each name; None for a name that is not an address.
        self._places: dict[str, tuple[int, int] | None] = {}
        #: Merged networks, with the end of their shared penalty.
        self._shared: dict[_Network, float] = {}

    def __len__(self) -> int:
        """The number of entries, merged networks included."""
        return len(self._ends) + len(self._shared)

    def holds(self, name: str, now: float) -> bool:
        """Whether a penalty is in force for this name or for a merged network that contains it."""
        if now < self._ends.get(name, now):
            return True
        if not self._shared:
            return False
        place = _place_of(name)
        return place is not None and any(
            now < self._shared.get(network, now) for network in _networks_around(*place)
        )

    def begin(self, name: str, end: float) -> list[str]:
        """Begin a penalty until ``end``; returns the names whose entries were merged to make room for it."""
        self._ends[name] = end
        self._places[name] = _place_of(name)
        return self._share() if len(self) > MOST else []

    def end(self, now: float) -> list[str]:
        """Forget the penalties that are over; returns their names, and the merged networks as CIDR text."""
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
        """Merge the entries of one network into one; returns the names that were merged."""
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
        """The network to merge: the smallest with ``_MERGE_AT`` entries, otherwise the one with the most.

        None if no network holds more than one entry.
        """
        most: tuple[int, _Network] | None = None
        for level in range(max(map(len, _PREFIXES.values()))):
            counts: Counter[_Network] = Counter()
            for place in self._places.values():
                if place is not None:
                    _count(counts, place[0], _BITS[place[0]], place[1], level)
            for version, prefix, bits in self._shared:
                _count(counts, version, prefix, bits, level)
            for network, count in counts.most_common(1):
                if count >= _MERGE_AT:
                    return network
                if most is None or count > most[0]:
                    most = count, network
        return most[1] if most is not None and most[0] > 1 else None


def _count(counts: Counter[_Network], version: int, length: int, bits: int, level: int) -> None:
    """Count an entry of prefix ``length`` for its network at this level, if that network is larger."""
    prefixes = _PREFIXES[version]
    if level < len(prefixes) and length > prefixes[level]:
        counts[version, prefixes[level], bits >> (length - prefixes[level])] += 1


def _is_in(inner: _Network, outer: _Network) -> bool:
    return inner[2] >> (inner[1] - outer[1]) == outer[2]


def _networks_around(version: int, bits: int) -> list[_Network]:
    return [(version, prefix, bits >> (_BITS[version] - prefix)) for prefix in _PREFIXES[version]]


def _place_of(name: str) -> tuple[int, int] | None:
    """IP version and bits of an address or of a network's first address; None if ``name`` is neither."""
    try:
        address = ipaddress.ip_address(name.partition("/")[0])
    except ValueError:
        return None
    return address.version, int(address)


def _text(network: _Network) -> str:
    version, prefix, bits = network
    make = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    return str(make((bits << (_BITS[version] - prefix), prefix)))
