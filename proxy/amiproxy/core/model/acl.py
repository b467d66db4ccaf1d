"""The addresses from which a manager user may log in: manager.conf's permit and deny lines.

As in Asterisk, the lines are one ordered list that starts with "allow": each line that matches
overrides the ones before it, so the last match wins.  IPv4 rules never match IPv6 peers, nor the
other way round.

It is stricter than Asterisk in one point.  A line that denies a whole address family
(``deny 0.0.0.0/0``) is taken to mean every address: Asterisk would still allow the other family;
here that family starts denied too, and needs permit lines of its own.
"""

import ipaddress
from collections.abc import Iterable

from amiproxy.core.model.networks import AccessRule, parse_rules


class AccessList:
    """An ordered list of rules, immutable.  An empty list allows every address."""

    __slots__ = ("_open", "rules")

    def __init__(self, rules: Iterable[AccessRule] = ()) -> None:
        #: In their order.
        self.rules = tuple(rules)
        closed = {
            rule.network.version for rule in self.rules if not rule.permits and rule.network.prefixlen == 0
        }
        self._open = not closed

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> "AccessList":
        """Parse lines such as ``deny 0.0.0.0/0``.  Raises Unfit with the reason and the remedy."""
        return cls(rule for line in lines for rule in parse_rules(line))

    def allows(self, address: str) -> bool:
        """Whether a peer with this canonical address may log in.

        Text that is not an IP address is allowed only by an empty list.
        """
        if not self.rules:
            return True
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        verdict = self._open
        for rule in self.rules:
            # Networks of the other family never contain the peer.
            if peer in rule.network:
                verdict = rule.permits
        return verdict

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessList) and self.rules == other.rules

    def __hash__(self) -> int:
        return hash(self.rules)
