"""What a reload changes, as names and keys without values, so that it can be logged."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from amiproxy.config.reading.problems import KeyPath, spell
from amiproxy.config.schema import Config
from amiproxy.config.users.user import UsersFile
from amiproxy.steps import Steps, result_of

#: Keys that take effect only after a restart, and why.
_FIXED = {
    "listeners": "sockets are bound at the start",
    "control": "its socket is bound at the start",
    "metrics": "its socket is bound at the start",
    "limits.hash_threads": "the threads are made at the start",
    "limits.hash_queue": "the threads are made at the start",
    "limits.hash_cache_timeout": "the cache is made at the start",
}


class Differences(NamedTuple):
    """Changed ``keys`` of proxy.yaml, in its order; users by name, with the changed keys of their entries."""

    keys: tuple[str, ...] = ()
    users_added: tuple[str, ...] = ()
    users_removed: tuple[str, ...] = ()
    users_changed: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        return any(self)

    def lines(self) -> list[str]:
        """One line per difference, for messages."""
        return [
            *(f"changed {key}" for key in self.keys),
            *(f"added user {name}" for name in self.users_added),
            *(f"removed user {name}" for name in self.users_removed),
            *(f"changed user {name}: {', '.join(keys)}" for name, keys in self.users_changed),
        ]


def differences(old: tuple[Config, UsersFile], new: tuple[Config, UsersFile]) -> Differences:
    """Run ``differing`` to its end without pauses."""
    return result_of(differing(old, new))


def differing(old: tuple[Config, UsersFile], new: tuple[Config, UsersFile]) -> Steps[Differences]:
    """Compare two configurations, in steps; the content of files that they only name is not compared."""
    before, after = old[1].users, new[1].users
    added, changed = [], []
    for name, entry in after.items():
        earlier = before.get(name)
        if earlier is None:
            added.append(name)
        elif earlier is not entry and (keys := tuple(_keys(earlier, entry, ()))):
            changed.append((name, keys))
        yield
    removed = []
    for name in before:
        if name not in after:
            removed.append(name)
        yield
    return Differences(tuple(_keys(old[0], new[0], ())), tuple(added), tuple(removed), tuple(changed))


def needs_restart(old: Config, new: Config) -> list[str]:
    """One line for each difference that a reload cannot apply: its key, and why."""
    keys = _keys(old, new, ())
    return [f"{key}: changes only with a restart: {reason}" for key in keys if (reason := _why_fixed(key))]


def _why_fixed(key: str) -> str:
    if key.startswith("listeners["):
        # A reload can change a listener's settings, but not its address.  A change of the number of listeners
        # has the key ``listeners``.
        return _FIXED["listeners"] if key.endswith(".address") else ""
    section = key.partition(".")[0]
    return _FIXED.get(key) or _FIXED.get(section, "")


def _keys(old: object, new: object, path: KeyPath) -> Iterator[str]:
    """The key paths of all values that differ, as deep as both sides have the same shape."""
    if old == new:
        return
    if isinstance(old, msgspec.Struct) and type(old) is type(new):
        for name in old.__struct_fields__:
            yield from _keys(getattr(old, name), getattr(new, name), (*path, name))
    elif _has_structs(old) and _has_structs(new) and len(old) == len(new):  # type: ignore[arg-type]
        for number, (before, after) in enumerate(zip(old, new, strict=True)):  # type: ignore[call-overload]
            yield from _keys(before, after, (*path, number))
    else:
        yield spell(path)


def _has_structs(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, msgspec.Struct) for item in value)
