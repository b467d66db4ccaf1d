"""The users of a benchmark, and the events that each is to be sent.

Two kinds of user, so that rights and filters have an effect: a *board*
sees everything, a *desk* neither one of the classes nor one event that its
filter excludes.  Any other event that a desk gets is a leak.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

#: The events of a storm with their class, in the order in which source.c numbers them.
TYPES = (
    ("Newchannel", "call"),
    ("Newstate", "call"),
    ("Newexten", "dialplan"),
    ("VarSet", "dialplan"),
    ("DialBegin", "call"),
    ("BridgeEnter", "call"),
    ("Hangup", "call"),
    ("RTCPSent", "reporting"),
    ("QueueMemberStatus", "agent"),
    ("DeviceStateChange", "call"),
    ("PeerStatus", "system"),
    ("UserEvent", "user"),
)
EVERYTHING = (1 << len(TYPES)) - 1
#: All accounts have the same one; only its hash differs.
SECRET = "bench-secret"
_CLASSES = ("call", "dialplan", "reporting", "agent", "system", "user")


class Account(NamedTuple):
    """A manager user; ``filters`` exclude whole events by name or match none at all."""

    name: str
    read: tuple[str, ...]
    filters: tuple[str, ...] = ()
    #: Whether it may take snapshots.
    history: bool = False

    @property
    def sees(self) -> int:
        """The types of events it is to be sent, as a bit mask."""
        hidden = {text.removeprefix("!Event: ") for text in self.filters}
        return sum(
            1 << number
            for number, (name, class_) in enumerate(TYPES)
            if (class_ in self.read or "all" in self.read) and name not in hidden
        )

    def entry(self, hashed: str) -> dict[str, Any]:
        """Its entry in users.yaml."""
        entry: dict[str, Any] = {
            "secret": hashed,
            "read": [*self.read],
            "write": ["system", "call", "reporting"],
        }
        if self.history:
            entry["history"] = True
        return entry | ({"eventfilter": [*self.filters]} if self.filters else {})


def board(name: str = "board") -> Account:
    """Sees everything."""
    return Account(name, _CLASSES)


def desk(name: str = "desk") -> Account:
    """Sees no ``system``, and no RTCPSent."""
    return Account(name, tuple(c for c in _CLASSES if c != "system"), ("!Event: RTCPSent",))


def everything(name: str = "everything") -> Account:
    """Reads all: also the events of others' logins and denials."""
    return Account(name, ("all",))


def pairs(count: int) -> list[Account]:
    """``count`` users, boards and desks in turn."""
    return [board(f"board{n}") if n % 2 == 0 else desk(f"desk{n}") for n in range(count)]


def filtering(count: int) -> list[Account]:
    """``count`` users, each with a filter of its own with which every event has to be compared."""
    return [Account(f"filter{n}", _CLASSES, (f"!UserEvent: Nothing{n}$",)) for n in range(count)]


def due(account: Account, by_type: Sequence[int]) -> int:
    """Events that one client of this account is to be sent, of a storm with these numbers of each type."""
    return sum(count for number, count in enumerate(by_type) if account.sees >> number & 1)
