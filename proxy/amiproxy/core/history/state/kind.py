"""Kind: the items of one kind, such as all channels, and how lists and events change them."""

# mypyc: compiled

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from amiproxy import log
from amiproxy.ami.message import Action
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Form, Item

#: Takes an event.
Handler = Callable[[Fields], None]
#: The items of all kinds at one time: name of the kind -> key -> item.
Picture = Mapping[str, Mapping[bytes, Item]]


class Seed(NamedTuple):
    """A list query that tells items of a kind."""

    action: Action
    #: The names of the items that are taken from its answer.
    items: frozenset[bytes]
    #: Whether an Error only means that what it asks about has ended, as of one of ``Kind.further``.
    optional: bool = False


#: Most keys that a log line has.
_EXAMPLES: Final = 5


class Drift(NamedTuple):
    """What a list says otherwise than the events did."""

    #: Keys of items that only the list has.
    unknown: tuple[bytes, ...] = ()
    #: Keys of items that only the events have told.
    surplus: tuple[bytes, ...] = ()
    #: Key and field of each other value that differs.
    changed: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def total(self) -> int:
        """The number of items that differ."""
        return len(self.unknown) + len(self.surplus) + len({key for key, _ in self.changed})

    def summary(self) -> dict[str, object]:
        """For a log line: how many there are, the fields, and the keys of the first items."""
        keys = dict.fromkeys((*self.unknown, *self.surplus, *(key for key, _ in self.changed)))
        return {
            "missing": len(self.unknown),
            "surplus": len(self.surplus),
            "fields": " ".join(sorted({name.decode("ascii") for _, name in self.changed})),
            "items": log.text_of(b" ".join(key.replace(b"\0", b"/") for key in list(keys)[:_EXAMPLES])),
        }


def seed(action: bytes, items: str, *headers: tuple[bytes, bytes], optional: bool = False) -> Seed:
    """A seed; ``items`` are names separated by blanks."""
    names = frozenset(items.encode().split())
    return Seed(Action([(b"Action", action), *headers]), names, optional)


class Kind:
    """The items of one kind at one Asterisk.

    Each kind is a subclass that sets ``name``, ``lists``, ``forms``, ``events`` and ``modules`` in its
    ``__init__``.  Handlers of events are idempotent, and see events of items that a list has told already, or
    not yet: an end of something unknown does nothing, a beginning of something known updates it, and any
    other event of something unknown creates it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns monotonic seconds, for what the native list computes (durations)."""
        self._clock = clock
        #: As in ``Kinds:`` of an action: ``channels``.
        self.name = ""
        #: The lists that are asked, in this order.
        self.lists: tuple[Seed, ...] = ()
        #: The forms of its items, by their names.
        self.forms: Mapping[bytes, Form] = {}
        #: The events that change its items, by their names.
        self.events: Mapping[bytes, Handler] = {}
        #: Modules of Asterisk, without ``.so``.  If one is loaded, reloaded or unloaded, the lists are asked
        #: again.
        self.modules: frozenset[bytes] = frozenset()
        #: Set by a handler whose event shows that the lists say more than events have told, such as hints
        #: that a reload of the dialplan removed.  Whoever asks the lists clears it, and limits how often.
        self.is_outdated = False
        self._items: dict[bytes, Item] = {}

    def items(self) -> list[Item]:
        """All items as they are now, each with every field that is known."""
        return list(self._items.values())

    def by_key(self) -> dict[bytes, Item]:
        """The same by key; a copy."""
        return {item.key: item for item in self.items()}

    def __len__(self) -> int:
        return len(self._items)

    def further(self, answers: Sequence[Fields]) -> list[Seed]:
        """The lists to ask after ``lists`` were answered with these items, such as one for each of them."""
        return []

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """Replace all items by those of the lists; ``answers`` are the items of all lists, in order.

        Returns what differed in the compared fields.
        """
        after = self.read(answers)
        drift = self.told_otherwise(self._items, after)
        self._items = after
        return drift

    def replay(self, missed: Sequence[Fields]) -> None:
        """Apply events, oldest first, each of which the lists of ``replace`` may have told or not.

        What was inherited before ``replace`` has taken them all.
        """
        for fields in missed:
            self.events[fields.name](fields)

    def told_otherwise(self, before: Mapping[bytes, Item], after: Mapping[bytes, Item]) -> Drift:
        """What lists (``after``) have told otherwise than events (``before``), although events tell it."""
        return differences(before, after)

    def read(self, answers: Sequence[Fields]) -> dict[bytes, Item]:
        """The items that lists tell, by key."""
        found: dict[bytes, Item] = {}
        for fields in answers:
            item = self.item_of(fields)
            if item is not None:
                found[item.key] = item
        return found

    def item_of(self, fields: Fields) -> Item | None:
        """The item that an item of a list tells; None if it tells none."""
        form = self.forms.get(fields.name)
        if form is None:
            return None
        key = form.key_of(fields)
        return Item(form, key, form.read(fields)) if key else None

    def has_ended(self, before: Item, after: Item | None) -> bool:
        """Whether what an item was has ended; ``after`` is the item that has its key now."""
        return after is None

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The native events that end an item which has ended unseen, as whole messages, in order.

        They have Asterisk's line ``Privilege``, and the line ``ProxySynthetic: yes`` at their end: see
        ``synthetic``.  ``before`` is what existed when the item was last seen.
        """
        return []

    def inherit(self, before: "Kind") -> None:
        """Become a copy of another instance of the same kind, which stays as it is and goes its own way.

        A kind with attributes of its own copies these as well, after calling this.
        """
        self._items = dict(before._items)

    def forget(self) -> None:
        """Forget all items: the link is lost."""
        self._items = {}


#: Makes a kind, given its clock.
Maker = Callable[[Callable[[], float]], Kind]


def differences(before: Mapping[bytes, Item], after: Mapping[bytes, Item]) -> Drift:
    """What differs in the compared fields."""
    changed = [
        (key, name)
        for key, item in after.items()
        if key in before
        for name in item.form.compared
        if item.values.get(name, b"") != before[key].values.get(name, b"")
    ]
    return Drift(
        tuple(key for key in after if key not in before),
        tuple(key for key in before if key not in after),
        tuple(changed),
    )


def synthetic(event: bytes, classes: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """An event that the proxy makes in Asterisk's place: with its Privilege, and marked at its end."""
    parts = [b"Event: " + event, b"Privilege: " + classes + b",all"]
    for name, value in headers:
        parts.append(name + b": " + value)
    parts.append(b"ProxySynthetic: yes\r\n\r\n")
    return b"\r\n".join(parts)
