"""Whether a changed key of a user gives it more rights or fewer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import msgspec

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import parse_classes
from amiproxy.config.plain import Plain

#: ``""``: both or neither, or it cannot be told from the values.
Direction = Literal["wider", "narrower", ""]

#: Stands for the server of ``upstream`` among the names of servers.
THE_ONLY_ONE: Final = "upstream:"


def direction(key: str, old: Plain, new: Plain) -> Direction:
    """The direction of a changed value of one key of users.yaml; both are as ``plain_user`` writes them."""
    judge = _JUDGES.get(key)
    return judge(old, new) if judge is not None else ""


def _sets(smaller: set[object], larger: set[object]) -> Direction:
    """The direction of a list that allows: a longer one allows more."""
    if smaller < larger:
        return "wider"
    return "narrower" if smaller > larger else ""


def _as_set(value: Plain) -> set[object]:
    return {msgspec.json.encode(item, order="sorted") for item in value or ()}


def _classes(old: Plain, new: Plain) -> Direction:
    try:
        before, after = parse_classes(old), parse_classes(new)
    except UnknownPrivilege:
        return ""  # another version has other classes
    if before & after == before:
        return "wider"
    return "narrower" if before & after == after else ""


def _names(old: Plain, new: Plain) -> Direction:
    """A list of what is allowed; without it all is allowed."""
    if old is None or new is None:
        return "narrower" if old is None else "wider"
    return _sets(_as_set(old), _as_set(new))


def _names_in_place_of_others(old: Plain, new: Plain) -> Direction:
    """A list of what is allowed; without it, some things are allowed that it need not name."""
    return "" if old is None or new is None else _sets(_as_set(old), _as_set(new))


def _additional_names(old: Plain, new: Plain) -> Direction:
    """A list of what is allowed; without it nothing is allowed."""
    return _sets(_as_set(old), _as_set(new))


def _restrictions(old: Plain, new: Plain) -> Direction:
    """A list of which each item restricts, in any order."""
    return _sets(_as_set(new), _as_set(old))


def _all_or_none(old: Plain, new: Plain) -> Direction:
    """A list in which the order counts: only its first item and its last can be judged."""
    if not old or not new:
        return "narrower" if not old else "wider"
    return ""


def _larger(old: Plain, new: Plain) -> Direction:
    """A number or truth value; a larger one allows more."""
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return ""
    return "wider" if old < new else "narrower"


def _parts(judges: Mapping[str, Callable[[Plain, Plain], Direction]]) -> Callable[[Plain, Plain], Direction]:
    def judge(old: Plain, new: Plain) -> Direction:
        return _together(
            judge(old.get(name), new.get(name))
            for name, judge in judges.items()
            if old.get(name) != new.get(name)
        )

    return judge


def _section(judge: Callable[[Plain, Plain], Direction]) -> Callable[[Plain, Plain], Direction]:
    """A section that restricts; without it nothing is restricted."""

    def judge_section(old: Plain, new: Plain) -> Direction:
        if old is None or new is None:
            return "narrower" if old is None else "wider"
        return judge(old, new)

    return judge_section


def _servers(old: Plain, new: Plain) -> Direction:
    """The servers of a user by name.  Which of them THE_ONLY_ONE was or will be is not known."""
    if THE_ONLY_ONE in (old or ()) or THE_ONLY_ONE in (new or ()):
        return _sets(set(range(len(old))), set(range(len(new))))
    return _sets(_as_set(old), _as_set(new))


def _at_servers(old: Plain, new: Plain) -> Direction:
    """By server, what the user has there less than elsewhere."""
    if not isinstance(old or {}, dict) or not isinstance(new or {}, dict):
        return ""  # another version has another form
    old, new = old or {}, new or {}
    return _together(
        _AT_SERVER(old.get(server), new.get(server))
        for server in {*old, *new}
        if old.get(server) != new.get(server)
    )


def _together(directions: Iterable[Direction]) -> Direction:
    found = set(directions)
    return found.pop() if len(found) == 1 else ""


_LIMITS: Final = (
    "action_rate",
    "action_burst",
    "originate_rate",
    "originate_burst",
    "command_rate",
    "command_burst",
    "sessions",
)
_SCOPE: Final = _section(
    _parts(
        {
            "channels": _additional_names,
            "contexts": _additional_names,
            "accountcodes": _additional_names,
            "more_events": _larger,
        }
    )
)
_AT_SERVER: Final = _section(
    _parts({"read": _section(_classes), "write": _section(_classes), "rules": _restrictions, "scope": _SCOPE})
)
_JUDGES: Final[Mapping[str, Callable[[Plain, Plain], Direction]]] = {
    "read": _classes,
    "write": _classes,
    "actions": _section(_parts({"allow": _names, "deny": _restrictions})),
    "rules": _restrictions,
    "contexts": _names,
    "channels": _names,
    "commands": _names,
    "variables": _names,
    "functions": _names_in_place_of_others,
    "applications": _names_in_place_of_others,
    "technologies": _names_in_place_of_others,
    "hosts": _additional_names,
    "scope": _SCOPE,
    "servers": _servers,
    "on": _at_servers,
    "acl": _all_or_none,
    "eventfilter": _all_or_none,
    "allowmultiplelogin": _larger,
    "history": _larger,
    "doors": _additional_names,
    "limits": _parts(dict.fromkeys(_LIMITS, _larger)),
}
