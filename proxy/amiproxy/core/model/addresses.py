"""Clients' addresses: each has one text only, because limits and access lists compare their texts."""

import ipaddress


def canonical(address: str) -> str:
    """The one text of an address: an IPv4-mapped one (``::ffff:192.0.2.7``) as IPv4, without an interface.

    Text that is not an IP address is returned unchanged.
    """
    text, _, _ = address.partition("%")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found)
