"""The attackers, and the few effects that each of them may have by right.

Users of one class each, the guide's own users, and users that are bound to contexts, to channels or to a
scope.  ``RIGHTS`` is small, and each row gives its reason: any other effect is a fault.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tests.attack.dangers import Danger
from tests.support.proxy_process import hashed

SECRET: Final = "attacker"
_GUIDE: Final = Path(__file__).parents[2] / "deploy/examples/users.yaml"

#: Classes with actions of their own.
CLASSES: Final = (
    *("agent", "agi", "aoc", "call", "command", "config", "message", "originate", "reporting", "system"),
    "user",
)
_BOUNDED: Final[dict[str, dict[str, Any]]] = {
    "in-contexts": {"write": ["call", "originate", "agent"], "contexts": ["own"]},
    "agi-in-contexts": {"write": ["agi", "call"], "contexts": ["own"]},
    "in-channels": {"write": ["call", "originate", "agent", "reporting"], "channels": ["Local/own@own"]},
    "in-both": {
        "write": ["call", "originate", "agent", "message"],
        "contexts": ["own"],
        "channels": ["Local/own@own"],
    },
    # One whose list includes a prefix of others' channels.
    "in-prefix": {"write": ["call"], "channels": ["Local/own@own", "Local/own@owner", "Local/own@owners"]},
    "ruled": {
        "write": ["call", "message"],
        "hosts": ["127.0.0.1"],
        "rules": [
            {"action": "MessageSend", "header": "To", "require": {"exact": "pjsip:200"}},
            {"action": "Park", "header": "TimeoutChannel", "require": {"prefix": "Local/own@own"}},
        ],
    },
    "scoped": {"write": ["call", "reporting"], "scope": {"accountcodes": ["own"]}},
}


class Attacker(NamedTuple):
    """A user of the proxy, and the entry that it has in users.yaml."""

    name: str
    entry: dict[str, Any]

    @property
    def classes(self) -> frozenset[str]:
        """Its write classes."""
        return frozenset(self.entry["write"])


def _attackers() -> tuple[Attacker, ...]:
    guide = yaml.safe_load(_GUIDE.read_text())["users"]
    entries = {f"class-{name}": {"write": [name]} for name in CLASSES}
    # The user whose entry gives it all rights has nothing to gain.
    entries |= {f"guide-{name}": dict(entry) for name, entry in guide.items() if entry["write"] != "all"}
    entries |= _BOUNDED
    return tuple(
        Attacker(name, {**entry, "read": [], "secret": hashed(SECRET)}) for name, entry in entries.items()
    )


ATTACKERS: Final = _attackers()


class Right(NamedTuple):
    """An effect that an attacker may have."""

    effect: str
    may: Callable[[Attacker, Danger], bool]
    reason: str


_PLACES_CALLS: Final = frozenset({"agent", "agi", "call", "originate", "system"})
_TOUCHES_CALLS: Final = frozenset({"agi", "call", "system"})

RIGHTS: Final = (
    Right(
        "secret",
        lambda who, _: bool(who.classes & _PLACES_CALLS) and "contexts" not in who.entry,
        "without contexts: an unbounded user may send calls to any context; so do queues for class agent",
    ),
    Right(
        "neighbour",
        lambda who, danger: (
            bool(who.classes & _TOUCHES_CALLS)
            and "channels" not in who.entry
            and (danger.aim in {"neighbour", "line"} and danger.value != "/{prefix}.*/")
        ),
        "without channels: class call acts on the call that it names; so it may after a line end",
    ),
    *(
        Right(
            effect,
            lambda who, _: "system" in who.classes,
            "class system is worth the host, as SECURITY.md says",
        )
        for effect in ("file", "connection", "database", "globals", "neighbour")
    ),
)


def may(who: Attacker, effect: str, danger: Danger) -> bool:
    """Whether this effect is the attacker's by right."""
    return any(right.effect == effect and right.may(who, danger) for right in RIGHTS)
