"""Acquaintances: the addresses from which somebody has logged in lately.

Of an IPv6 address its /64 is remembered, as everywhere (``admission.network_of``).
Only who has the secret gets in here, so no stranger can push others out.
"""

from typing import Final

from proxy.core.admission import network_of

#: Addresses that are remembered; over it the one that was longest unheard of is forgotten.
MOST: Final = 4096
#: Seconds after which an address is forgotten.
LATELY: Final = 86_400.0


class Acquaintances:
    """Times are monotonic seconds."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        #: When somebody from there was last logged in, the longest ago first.
        self._seen: dict[str, float] = {}

    def __len__(self) -> int:
        """Addresses remembered."""
        return len(self._seen)

    def note(self, address: str, now: float) -> None:
        """Somebody has logged in from there, or was logged in until now."""
        name = network_of(address)
        self._seen.pop(name, None)
        self._seen[name] = now
        oldest = next(iter(self._seen))
        while len(self._seen) > MOST or self._seen[oldest] + LATELY <= now:
            del self._seen[oldest]
            oldest = next(iter(self._seen))

    def knows(self, address: str, now: float) -> bool:
        """Whether somebody has logged in from there lately."""
        seen = self._seen.get(network_of(address))
        return seen is not None and now < seen + LATELY
