"""What a reload changes, as names and keys without values, so that it can be logged."""

from typing import NamedTuple

from amiproxy.config.plain import changes, plain, plain_user
from amiproxy.config.schema import Config
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.user import UserEntry, UsersFile
from amiproxy.steps import Steps, result_of

#: Keys that take effect only after a restart, and why.
_FIXED = {
    "listeners": "sockets are bound at the start",
    "control": "its socket is bound at the start",
    "metrics": "its socket is bound at the start",
    "limits.hash_threads": "the threads are made at the start",
    "limits.hash_queue": "the threads are made at the start",
    "limits.hash_cache_timeout": "the cache is made at the start",
    **dict.fromkeys(
        ("fleet", "fleet.role", "fleet.name", "fleet.prefix", "fleet.server"),
        "the process takes its part in the fleet at the start",
    ),
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
    servers = None if old[0] is new[0] else (old[0].server_names, new[0].server_names)
    added, changed = [], []
    for name, entry in after.items():
        earlier = before.get(name)
        if earlier is None:
            added.append(name)
        elif keys := _user_keys(earlier, entry, servers):
            changed.append((name, keys))
        yield
    removed = []
    for name in before:
        if name not in after:
            removed.append(name)
        yield
    return Differences(_keys(old[0], new[0]), tuple(added), tuple(removed), tuple(changed))


def needs_restart(old: Config, new: Config) -> list[str]:
    """One line for each difference that a reload cannot apply: its key, and why."""
    keys = _keys(old, new)
    return [f"{key}: changes only with a restart: {reason}" for key in keys if (reason := why_fixed(key))]


def why_fixed(key: str) -> str:
    """Why a reload cannot change this key of proxy.yaml, so that it takes a restart; empty if it can."""
    if key.startswith("listeners["):
        # A reload can change a listener's settings, but not its address.  A change of the number of listeners
        # has the key ``listeners``.
        name = key.partition("].")[2].partition("[")[0]
        return _FIXED["listeners"] if name in ("address", "door", "doors", "insecure_local") else ""
    section = key.partition(".")[0]
    # Of the section of a fleet, only the keys that are listed are fixed.
    return _FIXED.get(key) or (_FIXED.get(section, "") if section != "fleet" else "")


def _keys(old: Config, new: Config) -> tuple[str, ...]:
    return () if old == new else tuple(change.key for change in changes(plain(old), plain(new)))


def _user_keys(
    old: UserEntry, new: UserEntry, servers: tuple[ServerNames, ServerNames] | None
) -> tuple[str, ...]:
    keys: tuple[str, ...] = ()
    if old is not new:
        # The values are compared here and thrown away, so that they need no fingerprints.
        keys = tuple(change.key for change in changes(plain_user(old, str), plain_user(new, str)))
    if servers is not None and servers[0] != servers[1] and "servers" not in keys:
        # A pattern may stand for other servers now, although the entry is the same.
        before, after = servers[0].matching(old.servers), servers[1].matching(new.servers)
        keys = keys if set(before) == set(after) else (*keys, "servers")
    return keys
