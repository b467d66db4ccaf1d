"""permit, deny and acl lines as one list of ours.

A user of manager.conf has its own lines and any number of named lists of
acl.conf; all of them must let a peer in.  One list alone comes over line by
line.  Several come over as what they have in common, worked out network by network.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from proxy.config.networks import IPNetwork, Rule, parse_rules
from proxy.config.problems import Unfit
from proxy.importers.asteriskconf import Files, Setting, parse
from proxy.importers.result import Imported

#: Lets nobody in.
NOBODY: Final = ("deny 0.0.0.0/0", "deny ::/0")
_FAMILIES: Final[tuple[IPNetwork, ...]] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def named_lists(files: Files, imported: Imported) -> dict[str, list[str]]:
    """The lists of acl.conf, by name, as lines of ours; one with a bad line lets nobody in."""
    lists: dict[str, list[str]] = {}
    for path, text in files("acl.conf"):
        for section in parse(path, text, files).sections:
            lines = []
            for setting in section.settings:
                line = acl_line(setting)
                if line is None:
                    note = f"[{section.name}] of acl.conf has a line that is no permit or deny of a network"
                    imported.note("changed", setting.place, "", f"{note}: it lets nobody in", "correct it")
                    lines = list(NOBODY)
                    break
                lines.append(line)
            lists[section.name] = lines
    return lists


def acl_line(setting: Setting) -> str | None:
    """A permit or deny setting as a line of ours; None if it names no network."""
    line = f"{setting.name.lower()} {setting.value}"
    try:
        parse_rules(line)
    except Unfit:
        return None
    return line


def in_common(lists: Sequence[Sequence[str]]) -> list[str]:
    """The lines of one list that lets in whom all of these let in.

    Each list is lines such as ``deny 0.0.0.0/0``, which ``parse_rules`` takes.
    """
    given = [lines for lines in lists if lines]
    if len(given) <= 1:
        return list(given[0]) if given else []
    admitted = _admitted(given[0])
    for lines in given[1:]:
        admitted = _both(admitted, _admitted(lines))
    return [*NOBODY, *(f"permit {network}" for network in admitted)]


def closes_one_family(lines: Iterable[str]) -> bool:
    """Whether everybody of IPv4 or IPv6 is denied, and not of the other.

    Asterisk lets in what no rule denies of the other family; the proxy takes the
    denial for both.
    """
    return len(_closed(_rules(lines))) == 1


def _closed(rules: Iterable[Rule]) -> set[int]:
    """The IP versions of which everybody is denied by one rule or another."""
    return {rule.network.version for rule in rules if not rule.permits and rule.network.prefixlen == 0}


def _rules(lines: Iterable[str]) -> list[Rule]:
    return [rule for line in lines for rule in parse_rules(line)]


def _admitted(lines: Sequence[str]) -> list[IPNetwork]:
    """The networks let in, as the proxy judges the list: each rule overrides what is before it."""
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
    # Of one family, since one contains the other; the type cannot say so.
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
