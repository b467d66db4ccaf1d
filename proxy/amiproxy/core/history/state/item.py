"""Item: one thing that exists at an Asterisk, in the form of the native list that shows it."""

# mypyc: compiled

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from amiproxy.ami import privilege
from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.state.fields import Fields

#: The values of an item's fields by their names, in the order of the native list.
Values = dict[bytes, bytes]


class Carrier(NamedTuple):
    """A native event that tells some fields of an item.  Make it with ``carrier``."""

    event: bytes
    #: The classes in its line ``Privilege``, without ``all``: ``agent`` or ``call,dtmf``.
    classes: bytes
    #: Fields of the item -> the headers of the event that tell them, in the order of the event.
    fields: Mapping[bytes, bytes]
    #: Fields that have a value in every item that this event has told; without it, the event was not sent.
    needs: tuple[bytes, ...] = ()
    #: Makes the values of the event's headers from those of the item, by the names of the fields, or returns
    #: None if the event was not sent; None if the event writes them as the list does.  It may add values for
    #: ``fields`` that no item has.
    spelled: Callable[[Values], Values | None] | None = None
    #: Whether it is about other channels, of which the item has only names: filters may go by the rest, so
    #: those who have any are shown nothing of it.
    is_of_others: bool = False

    @property
    def required(self) -> int:
        """The mask of its classes; see ``privilege.may_read``."""
        return privilege.required_classes(self.classes + b",all")


def carrier(
    event: bytes,
    classes: bytes,
    fields: str,
    needs: str = "",
    spelled: Callable[[Values], Values | None] | None = None,
    *,
    of_others: bool = False,
) -> Carrier:
    """A carrier; ``fields`` are names separated by blanks.

    ``ApplicationData=AppData`` is a field of the item and the header that tells it, if their names differ.
    """
    names = [field.encode().partition(b"=") for field in fields.split()]
    told = {name: header or name for name, _, header in names}
    return Carrier(event, classes, told, _names(needs), spelled, of_others)


class Form(NamedTuple):
    """The form of the items of one native list.  Make it with ``form``."""

    #: The name of the items, such as ``CoreShowChannel``.
    event: bytes
    #: All fields of an item, in the order of the list.
    fields: tuple[bytes, ...]
    #: The fields whose values identify an item; users who may see the item may see them.
    keys: tuple[bytes, ...]
    #: The fields that events tell completely: a list may not differ in them; see ``Kind.replace``.
    compared: frozenset[bytes]
    #: Who may see an item, and which of its fields, follows from whether these events may be seen.
    carriers: tuple[Carrier, ...]
    #: Returns what the item says about its call, or None if it is about no call.
    facts_of: Callable[[Values], CallFacts | None]

    @property
    def told(self) -> frozenset[bytes]:
        """The fields that some carrier tells, and the keys; all others are computed or only in the list."""
        return frozenset(self.keys).union(*(each.fields for each in self.carriers))

    @property
    def required(self) -> int:
        """The mask of the classes of all carriers: who reads them all may see every field."""
        mask = 0
        for each in self.carriers:
            mask |= each.required
        return mask

    def read(self, fields: Fields) -> Values:
        """The values of an item of the list."""
        return {name: fields.get(name.lower()) for name in self.fields if fields.has(name.lower())}

    def key_of(self, fields: Fields) -> bytes:
        """The key of an item of the list; b"" if it has none, or more than one."""
        values = [fields.only(name.lower()) for name in self.keys]
        return b"\0".join(values) if any(values) else b""


def of_no_call(_values: Values) -> None:
    """``facts_of`` of items that are about no call."""
    return


def form(
    event: bytes,
    fields: str,
    keys: str,
    compared: str,
    carriers: Sequence[Carrier],
    facts_of: Callable[[Values], CallFacts | None] = of_no_call,
) -> Form:
    """A form; ``fields``, ``keys`` and ``compared`` are names separated by blanks."""
    return Form(event, _names(fields), _names(keys), frozenset(_names(compared)), tuple(carriers), facts_of)


def _names(text: str) -> tuple[bytes, ...]:
    return tuple(text.encode().split())


class Item:
    """One item; immutable: a change makes a new one.

    A header that the native list repeats (``ChanVariable``) is one field, whose value ``joined`` makes.
    """

    __slots__ = ("form", "key", "values")

    def __init__(self, form: Form, key: bytes, values: Values) -> None:
        self.form = form
        self.key = key
        self.values = values

    @property
    def event(self) -> bytes:
        """The name of the item in the native list."""
        return self.form.event

    def facts(self) -> CallFacts | None:
        """What the item says about its call, for scopes; None if it is about no call."""
        return self.form.facts_of(self.values)

    def with_values(self, changes: Mapping[bytes, bytes]) -> "Item":
        """The item with these values, all others unchanged; the same object if nothing changes.

        Fields keep the order of the native list; names that it does not have are ignored.
        """
        before = self.values
        for name, value in changes.items():
            if before.get(name) != value:
                break
        else:
            return self
        if changes.keys() <= before.keys():
            # The usual case, and all items are changed at once when durations are computed.
            values = before.copy()
            values.update(changes)
            return Item(self.form, self.key, values)
        values = {}
        for name in self.form.fields:
            if name in changes:
                values[name] = changes[name]
            elif name in before:
                values[name] = before[name]
        return self if values == before else Item(self.form, self.key, values)

    def as_event(self, carrier: Carrier) -> bytes | None:
        """The event of this carrier as far as the item tells it, for filters; None if it was never sent."""
        values = self.values
        if not all(values.get(name) for name in carrier.needs):
            return None
        if carrier.spelled is not None:
            spelled = carrier.spelled(values)
            if spelled is None:
                return None
            values = spelled
        parts = [b"Event: " + carrier.event, b"Privilege: " + carrier.classes + b",all"]
        for name, header in carrier.fields.items():
            if name in values:
                parts.append(header + b": " + values[name].replace(b"\r\n" + name, b"\r\n" + header))
        parts.append(b"\r\n")
        return b"\r\n".join(parts)


def joined(name: bytes, values: Sequence[bytes]) -> bytes:
    """The value of a field that the native list repeats: as ``NAME: VALUE`` it makes all its lines."""
    return (b"\r\n" + name + b": ").join(values)
