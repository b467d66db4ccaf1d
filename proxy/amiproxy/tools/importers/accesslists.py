"""Combines permit, deny and acl lines into one access list of users.yaml.

A user of manager.conf has its own lines and any number of named lists of acl.conf;
all of them must permit a peer.  A single list is carried over line by line.  Several
lists become their intersection, computed network by network.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.networks import AccessRule, IPNetwork, parse_rules
from amiproxy.tools.importers.asteriskconf import Files, Setting, parse
from amiproxy.tools.importers.result import Imported

#: Denies every address.
NOBODY: Final = ("deny 0.0.0.0/0", "deny ::/0")
_FAMILIES: Final[tuple[IPNetwork, ...]] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def named_lists(files: Files, imported: Imported) -> dict[str, list[str]]:
    """The lists of acl.conf by name, as lines of users.yaml; one with a bad line denies every address.

    Bad lines are noted in ``imported``.  Raises Unfit, with the place, where Asterisk would reject the file.
    """
    lists: dict[str, list[str]] = {}
    for path, text in files("acl.conf"):
        for section in parse(path, text, files).sections:
            lines = []
            for setting in section.settings:
                line = acl_line(setting)
                if line is None:
                    note = (
                        f"[{section.name}] of acl.conf has a line that is not a permit or deny of a network"
                    )
                    imported.note(
                        "changed", setting.place, "", f"{note}: it denies every address", "correct it"
                    )
                    lines = list(NOBODY)
                    break
                lines.append(line)
            lists[section.name] = lines
    return lists


def acl_line(setting: Setting) -> str | None:
    """A permit or deny setting as a line of users.yaml; None if its value is not a network."""
    line = f"{setting.name.lower()} {setting.value}"
    try:
        parse_rules(line)
    except Unfit:
        return None
    return line


def in_common(lists: Sequence[Sequence[str]]) -> list[str]:
    """The lines of one list that permits the addresses that all of these permit.

    Each list has lines such as ``deny 0.0.0.0/0``, which ``parse_rules`` accepts; otherwise it raises Unfit.
    """
    given = [lines for lines in lists if lines]
    if len(given) <= 1:
        return list(given[0]) if given else []
    admitted = _admitted(given[0])
    for lines in given[1:]:
        admitted = _both(admitted, _admitted(lines))
    return [*NOBODY, *(f"permit {network}" for network in admitted)]


def closes_one_family(lines: Iterable[str]) -> bool:
    """Whether all of one address family, IPv4 or IPv6, is denied, but not all of the other.

    The lines are those that ``in_common`` takes, and it raises Unfit likewise.  Asterisk then permits
    addresses of the other family that no rule denies; the proxy applies the denial to both families.
    """
    return len(_closed(_rules(lines))) == 1


def _closed(rules: Iterable[AccessRule]) -> set[int]:
    """The IP versions that a single rule denies entirely."""
    return {rule.network.version for rule in rules if not rule.permits and rule.network.prefixlen == 0}


def _rules(lines: Iterable[str]) -> list[AccessRule]:
    return [rule for line in lines for rule in parse_rules(line)]


def _admitted(lines: Sequence[str]) -> list[IPNetwork]:
    """The networks that the list permits, as the proxy evaluates it: each rule overrides those before it."""
    rules = _rules(lines)
    admitted = [] if _closed(rules) else list(_FAMILIES)
    for rule in rules:
        admitted = [rest for network in admitted for rest in _without(network, rule.network)]
        if rule.permits:
            admitted.append(rule.network)
    return admitted


def _without(network: IPNetwork, taken: IPNetwork) -> list[IPNetwork]:
    if _contains(taken, network):
        return []
    if not _contains(network, taken):
        return [network]
    # Both are of one family, since one contains the other; the types cannot express that.
    return list(network.address_exclude(taken))  # type: ignore[arg-type]


def _both(some: Iterable[IPNetwork], others: Sequence[IPNetwork]) -> list[IPNetwork]:
    found = []
    for one in some:
        for other in others:
            if _contains(one, other):
                found.append(other)
            elif _contains(other, one):
                found.append(one)
    return sorted(set(found), key=lambda network: (network.version, network))


def _contains(outer: IPNetwork, inner: IPNetwork) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]
