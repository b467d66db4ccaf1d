"""From which addresses a manager user may log in: manager.conf's permit and deny lines.

As in Asterisk one ordered list: at first all is allowed, every matching line
overrides, the last one wins.  IPv4 rules never match IPv6 peers nor the other
way round; an IPv4 peer on an IPv6 socket (``::ffff:192.0.2.7``) counts as IPv4.

Stricter than Asterisk in one point: who denies everybody of one family
(``deny 0.0.0.0/0``) and says nothing of the other means everybody.  Asterisk
would let the other family in; here it starts denied, and its own permit lines
open it again.
"""

import ipaddress
from collections.abc import Iterable

from proxy.config.networks import Rule, parse_rules


class AccessList:
    """Immutable; empty it allows everybody."""

    __slots__ = ("_open", "_rules")

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple(rules)
        closed = {
            rule.network.version for rule in self._rules if not rule.permits and rule.network.prefixlen == 0
        }
        self._open = not closed

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> "AccessList":
        """From lines such as ``deny 0.0.0.0/0``; ValueError names what is wrong and the remedy."""
        return cls(rule for line in lines for rule in parse_rules(line))

    def allows(self, address: str) -> bool:
        """Whether a peer may log in; what is no IP address may only where there are no rules."""
        if not self._rules:
            return True
        try:
            peer = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        verdict = self._open
        for rule in self._rules:
            # Networks of the other family never contain the peer.
            if peer in rule.network:
                verdict = rule.permits
        return verdict

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessList) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash(self._rules)
