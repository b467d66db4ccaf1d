"""Acquaintances: the addresses from which some user has logged in recently.

For an IPv6 address the /64 is remembered, as in ``addresses.network_of``.  Only a successful login
adds an address, so unauthenticated clients cannot displace the addresses of others.
"""

from typing import Final

from amiproxy.core.admission.addresses import network_of

#: Most addresses remembered; above that the one with the oldest login is forgotten.
MOST: Final = 4096
#: Seconds after which an address is forgotten.
REMEMBER_SECONDS: Final = 86_400.0


class Acquaintances:
    """The addresses remembered.  Times are monotonic seconds."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        #: When a user was last logged in from each address, oldest first.
        self._seen: dict[str, float] = {}

    def __len__(self) -> int:
        """The number of addresses remembered."""
        return len(self._seen)

    def note(self, address: str, now: float) -> None:
        """Record that a user has logged in from this address, or was logged in until now."""
        name = network_of(address)
        self._seen.pop(name, None)
        self._seen[name] = now
        oldest = next(iter(self._seen))
        while len(self._seen) > MOST or self._seen[oldest] + REMEMBER_SECONDS <= now:
            del self._seen[oldest]
            oldest = next(iter(self._seen))

    def knows(self, address: str, now: float) -> bool:
        """Whether a user was logged in from this address within the last REMEMBER_SECONDS seconds."""
        seen = self._seen.get(network_of(address))
        return seen is not None and now < seen + REMEMBER_SECONDS
