"""Networks and manager.conf's permit and deny lines, as operators write them, and clients' addresses.

The syntax of the networks is Asterisk's: CIDR or a dotted mask, host bits are ignored,
several networks in one line are separated by commas, and ``!`` before one inverts
permit and deny for it.
"""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

from amiproxy.core.model.errors import Unfit

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_LINE = re.compile(r"\s*(permit|deny)(?:\s*=>?\s*|\s+)(\S.*)", re.IGNORECASE | re.DOTALL)


class Network(str):
    """A network in its normal form, such as ``10.0.0.0/8``; parses itself from a text."""

    __slots__ = ()

    @classmethod
    def from_text(cls, text: str) -> "Network":
        """Check and normalise.  Raises Unfit with the reason."""
        return cls(parse_network(text))


class AccessRule(NamedTuple):
    """One network of a permit or deny line."""

    permits: bool
    network: IPNetwork


def parse_network(text: str) -> IPNetwork:
    """Parse a network: CIDR, a dotted mask or one address; host bits are ignored.

    Raises Unfit with the reason.
    """
    text = text.strip()
    address, slash, mask = text.partition("/")
    try:
        network = ipaddress.ip_network(text, strict=False)
        if slash and "." in mask and network.netmask != ipaddress.ip_address(mask):
            # ipaddress accepts 0.0.0.255 as a host mask; Asterisk does not.
            raise ValueError
    except ValueError:
        remedy = "write 10.0.0.0/8, 10.0.0.0/255.0.0.0, 192.0.2.7 or 2001:db8::/32"
        raise Unfit(f"{text!r} is not a network", remedy) from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise Unfit(f"{text!r} is an IPv4-mapped network, which matches no client", "write the IPv4 network")
    if "%" in address:
        raise Unfit(f"{text!r} names an interface", "remove the part from % on")
    return network


# Cached: thousands of users have the same few lines.
@lru_cache(maxsize=4096)
def parse_rules(line: str) -> tuple[AccessRule, ...]:
    """The networks of a line like ``deny 0.0.0.0/0`` or ``permit=10.0.0.0/8,192.0.2.7``, in order.

    Raises Unfit with the reason.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise Unfit("expected permit or deny and a network", 'write "permit 10.0.0.0/8"')
    permits = match[1].lower() == "permit"
    rules = []
    for part in match[2].split(","):
        turned = part.strip().startswith("!")
        rules.append(AccessRule(permits != turned, parse_network(part.strip().removeprefix("!"))))
    return tuple(rules)


def canonical(address: str) -> str:
    """The one text of an address: an IPv4-mapped one (``::ffff:192.0.2.7``) as IPv4, without an interface.

    Limits and access lists compare texts.  A text that is not an IP address is returned unchanged.
    """
    text, _, _ = address.partition("%")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found)
