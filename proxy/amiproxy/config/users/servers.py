"""Which of several servers a user may use: names and patterns, and the servers that they stand for."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from amiproxy.config.users.rules import RuleProblem, fits
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.users import LONE_SERVER

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PATTERN: Final = re.compile(r"[a-z0-9*-]{1,64}")
_NAME_REMEDY: Final = "use lower-case letters, digits and hyphens, at most 32: pbx1"


def check_server_name(name: str) -> None:
    """Raise Unfit unless a server may have this name."""
    if not _NAME.fullmatch(name):
        raise Unfit(f"{name!r} cannot be the name of a server", _NAME_REMEDY)


def _check_pattern(pattern: str) -> None:
    if not _PATTERN.fullmatch(pattern) or not ("*" in pattern or _NAME.fullmatch(pattern)):
        raise Unfit(f"{pattern!r} matches no server", f"{_NAME_REMEDY}, or eu-*")


def _check_patterns(patterns: tuple[str, ...] | None) -> None:
    if not patterns:
        raise Unfit("names no server", 'name some, or write ["*"] for all of them')


ServerPatterns = Annotated[tuple[Annotated[str, _check_pattern], ...] | None, _check_patterns]


class ServerNames(NamedTuple):
    """The servers of one configuration: their names in its order, and its ``default_server``.

    By default there is one, without a name for clients.
    """

    names: tuple[str, ...] = (LONE_SERVER,)
    default: str = ""
    named: bool = False
    #: Agent of a fleet: what the fleet, and so users.yaml, calls the only server, which has no name here.
    alias: str = ""

    def matching(self, patterns: tuple[str, ...] | None) -> tuple[str, ...]:
        """The servers that the patterns stand for, in their order; ``None`` stands for the only one."""
        return _matching(self, patterns)

    def default_for(self, servers: Collection[str], own: str | None) -> str:
        """Where an action goes that names no server; ``own`` is the default that the user has of its own.

        "" if there is none, or if the user may not use the default of proxy.yaml.
        """
        chosen = self.default if own is None else own
        return chosen if chosen in servers else ""


@lru_cache(maxsize=1024)
def _matching(servers: ServerNames, patterns: tuple[str, ...] | None) -> tuple[str, ...]:
    # Cached, so that thousands of users with the same servers share one tuple.
    if patterns is None:
        return servers.names if len(servers.names) == 1 else ()
    if not servers.named:
        fit = [pattern for pattern in patterns if servers.alias and fits(pattern, servers.alias)]
        return servers.names if fit or all(pattern == "*" for pattern in patterns) else ()
    return tuple(name for name in servers.names if any(fits(pattern, name) for pattern in patterns))


def problems_of_servers(
    patterns: tuple[str, ...] | None,
    default: str | None,
    on: Iterable[str],
    servers: ServerNames,
    *,
    elsewhere: bool = False,
) -> Iterator[RuleProblem]:
    """What is wrong with a user's ``servers``, ``default_server`` and ``on`` in this configuration.

    Key paths are relative to the user's entry.  ``elsewhere``: the entry may speak of servers that other
    processes of a fleet have.
    """
    if servers.alias or (elsewhere and patterns is not None):
        return
    if not servers.named:
        yield from _of_the_only_server(patterns, default, on)
        return
    allowed = servers.matching(patterns)
    if patterns is None and len(servers.names) > 1:
        text = f"there are {len(servers.names)} servers, and the user does not say which it may use"
        yield RuleProblem("", text, f'add the key servers: [{servers.names[0]}], or ["*"] for all')
    elif not allowed:
        text = "no server of proxy.yaml has such a name"
        yield RuleProblem("servers", text, f"it has {', '.join(servers.names)}")
    elif default is not None and default not in allowed:
        text = f"the user may not use {default}"
        yield RuleProblem("default_server", text, f"name one of {', '.join(allowed)}")
    for name in on:
        if "*" in name:
            yield RuleProblem(
                f"on.{name}", "a pattern is not possible here", "write an entry for each server"
            )
        elif name not in servers.names:
            # A misspelt name would leave the user its full rights, and nobody would notice.
            near = difflib.get_close_matches(name, servers.names, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(servers.names)}"
            yield RuleProblem(f"on.{name}", "proxy.yaml has no such server", remedy)


def _of_the_only_server(
    patterns: tuple[str, ...] | None, default: str | None, on: Iterable[str]
) -> Iterator[RuleProblem]:
    text = "proxy.yaml has upstream, one server without a name"
    if patterns is not None and not all(pattern == "*" for pattern in patterns):
        yield RuleProblem("servers", text, "remove this key, or write servers: in proxy.yaml")
    for key, given in (("default_server", default is not None), ("on", bool(tuple(on)))):
        if given:
            yield RuleProblem(key, text, "remove this key, or write servers: in proxy.yaml")


def unmatched(patterns: tuple[str, ...] | None, servers: ServerNames) -> list[str]:
    """The patterns that match no server."""
    return [one for one in patterns or () if not servers.matching((one,))]


def unused(on: Mapping[str, object], allowed: Collection[str]) -> list[str]:
    """The names in ``on`` of servers that the user may not use."""
    return [name for name in on if name not in allowed]
