"""Admission: may this address connect, and try to log in?

Everything here is counted by the client's address, never by the user name it claims: a limit per
name would let any client lock any user out.  An IPv6 client can choose any address of its /64, so a
/64 counts as one address.  Addresses in ``limits.exempt`` are not counted at all.

Memory is bounded, but never by dropping a penalty in force: the oldest addresses without a penalty are
forgotten, and when too many addresses are penalised, networks with many of them share one penalty
(``core/admission/penalties.py``).
"""

import ipaddress
from collections.abc import Hashable
from functools import lru_cache

from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.admission.penalties import Penalties
from amiproxy.core.limits.bucket import Bucket
from amiproxy.core.model.limits import Limits

#: Most addresses remembered that have neither a connection nor a penalty, for their rates and earlier
#: penalties.  Above that, the one seen least recently is forgotten.
_REMEMBERED = 8192
_IPV6_BITS = 64


class _Origin:
    """One address and its counts."""

    __slots__ = (
        "connections",
        "failed_at",
        "failures",
        "name",
        "open",
        "penalty",
        "penalty_end",
        "unauthenticated",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.open = 0
        self.unauthenticated = 0
        self.connections = Bucket()
        self.failures = Bucket()
        #: When the last login from this address failed; -inf if none did, or one has succeeded since.
        self.failed_at = float("-inf")
        #: Length of the last penalty in seconds, and when it ends or ended.
        self.penalty = 0.0
        self.penalty_end = float("-inf")


class Admission:
    """The state of all addresses.

    ``limits`` and ``exempt`` may be replaced at any time.  Times are monotonic seconds.
    """

    def __init__(self, limits: Limits, exempt: NetworkSet) -> None:
        self.limits = limits
        self.exempt = exempt
        #: Addresses with connections; at most as many as there are connections.
        self._present: dict[str, _Origin] = {}
        #: Addresses without connections, the least recently seen first.
        self._absent: dict[str, _Origin] = {}
        self._visits: dict[Hashable, _Origin] = {}
        self._unauthenticated: set[Hashable] = set()
        #: When penalties end, and what is known of the addresses that have one.
        self._penalties = Penalties()
        self._penalised: dict[str, _Origin] = {}

    def __len__(self) -> int:
        """The number of addresses known."""
        return len({*self._present, *self._absent, *self._penalised})

    # -- connections -------------------------------------------------------

    def refusal(self, address: str, now: float) -> str:
        """The name of the limit that refuses a new connection; "" if it is admitted, and then counted."""
        if address in self.exempt:
            return ""
        limits = self.limits
        origin = self._origin(address)
        if self._penalties.holds(origin.name, now):
            return "penalty"
        if origin.open >= limits.connections_per_address:
            return "connections_per_address"
        if origin.unauthenticated >= limits.unauthenticated_per_address:
            return "unauthenticated_per_address"
        if origin.connections.wait(now, limits.connection_rate, limits.connection_burst) > 0:
            return "connection_rate"
        origin.connections.take(now, limits.connection_rate)
        return ""

    def entered(self, who: Hashable, address: str) -> None:
        """The connection ``who`` was accepted, and has not logged in yet.

        ``who`` is any hashable value that stands for the connection, such as its transport; ``left`` ends it.
        """
        if address in self.exempt:
            return
        origin = self._origin(address)
        self._absent.pop(origin.name, None)
        self._present[origin.name] = self._visits[who] = origin
        origin.open += 1
        origin.unauthenticated += 1
        self._unauthenticated.add(who)

    def authenticated(self, who: Hashable) -> None:
        """The connection has logged in.  Ignored if it is unknown, or has logged in before."""
        if who in self._unauthenticated:
            self._unauthenticated.remove(who)
            self._visits[who].unauthenticated -= 1

    def left(self, who: Hashable) -> None:
        """The connection is closed.  Ignored if it is unknown, as that of an exempt address is."""
        self.authenticated(who)
        origin = self._visits.pop(who, None)
        if origin is not None:
            origin.open -= 1
            if not origin.open:
                del self._present[origin.name]
                self._remember(origin)

    # -- guessing ----------------------------------------------------------

    def is_penalised(self, address: str, now: float) -> bool:
        """Whether all logins from this address are refused now; never for an exempt address."""
        return self._penalties.holds(network_of(address), now) and address not in self.exempt

    def has_failed(self, address: str, now: float) -> bool:
        """Whether the last login from this address failed, less than ``penalty_max`` seconds ago."""
        origin = self._known(network_of(address))
        return origin is not None and now < origin.failed_at + self.limits.penalty_max

    def succeeded(self, address: str) -> None:
        """A login from this address succeeded."""
        origin = self._known(network_of(address))
        if origin is not None:
            origin.failed_at = float("-inf")

    def failed(self, address: str, now: float) -> float:
        """Count a wrong secret or name.  Returns the seconds of the penalty that this starts; 0 if none."""
        if address in self.exempt:
            return 0.0
        limits = self.limits
        origin = self._origin(address)
        rate = 1 / limits.login_failure_interval
        origin.failed_at = now
        excess = origin.failures.wait(now, rate, limits.login_failure_burst) > 0
        origin.failures.take(now, rate)
        # Logins that were in progress when a penalty began do not double it.
        if not excess or self._penalties.holds(origin.name, now):
            return 0.0
        again = now < origin.penalty_end + limits.penalty_max
        origin.penalty = min(2 * origin.penalty, limits.penalty_max) if again else limits.penalty
        origin.penalty_end = now + origin.penalty
        self._absent.pop(origin.name, None)
        self._penalised[origin.name] = origin
        for merged in self._penalties.begin(origin.name, origin.penalty_end):
            del self._penalised[merged]
        return origin.penalty

    def tick(self, now: float) -> list[str]:
        """The addresses or networks whose penalty has ended.  Call this once a second."""
        ended = self._penalties.end(now)
        for name in ended:
            origin = self._penalised.pop(name, None)
            if origin is not None and not origin.open:
                self._remember(origin)
        for name, origin in list(self._absent.items()):
            if not self._is_at_rest(origin, now):
                break
            del self._absent[name]
        return ended

    # -- addresses known ----------------------------------------------------

    def _known(self, name: str) -> _Origin | None:
        return self._present.get(name) or self._penalised.get(name) or self._absent.get(name)

    def _origin(self, address: str) -> _Origin:
        name = network_of(address)
        origin = self._present.get(name) or self._penalised.get(name)
        if origin is None:
            origin = self._absent.pop(name, None) or _Origin(name)
            self._remember(origin)
        return origin

    def _remember(self, origin: _Origin) -> None:
        """Keep an address without connections as the most recently seen, unless a penalty keeps it."""
        if origin.name in self._penalised:
            return
        if len(self._absent) >= _REMEMBERED:
            del self._absent[next(iter(self._absent))]
        self._absent[origin.name] = origin

    def _is_at_rest(self, origin: _Origin, now: float) -> bool:
        """Whether forgetting it changes nothing; penalties and failures count for ``penalty_max`` seconds."""
        return (
            origin.connections.is_full(now)
            and origin.failures.is_full(now)
            and max(origin.penalty_end, origin.failed_at) + self.limits.penalty_max <= now
        )


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address; both canonical.

    Text that is not an IP address is returned unchanged.
    """
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(peer, ipaddress.IPv4Address):
        return str(peer)
    return str(ipaddress.ip_network((peer, _IPV6_BITS), strict=False))
