"""Durations: what a list computes at the moment it is asked goes on counting in the items that are kept."""

# mypyc: compiled

from collections.abc import Callable, Sequence
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values
from amiproxy.core.history.state.kind import Drift, Kind

_MOST_DIGITS: Final = 18


class CountingKind(Kind):
    """A kind some of whose items have fields with whole seconds that pass."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        #: Fields whose seconds grow, and fields whose seconds become fewer until they are 0.
        self.growing: tuple[bytes, ...] = ()
        self.shrinking: tuple[bytes, ...] = ()
        #: Key -> when the seconds of the item were told.
        self._since: dict[bytes, float] = {}

    def items(self) -> list[Item]:
        """See Kind."""
        return [self._counted(item) for item in super().items()]

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """See Kind."""
        drift = super().replace(answers)
        now = self._clock()
        self._since = dict.fromkeys(self._items, now)
        return drift

    def inherit(self, before: Kind) -> None:
        """See Kind."""
        super().inherit(before)
        assert isinstance(before, CountingKind)
        self._since = dict(before._since)

    def forget(self) -> None:
        """See Kind."""
        super().forget()
        self._since = {}

    def _begin(self, item: Item) -> None:
        """Keep a new item, whose seconds are told now."""
        self._items[item.key] = item
        self._since[item.key] = self._clock()

    def _end(self, key: bytes) -> Item | None:
        """Drop an item; returns it, or None if it is unknown."""
        self._since.pop(key, None)
        return self._items.pop(key, None)

    def _counted(self, item: Item) -> Item:
        told = self._since.get(item.key)
        if told is None:
            return item
        passed = int(self._clock() - told)
        changes: Values = {}
        for name in self.growing:
            if name in item.values:
                changes[name] = b"%d" % (number(item.values[name]) + passed)
        for name in self.shrinking:
            if name in item.values:
                changes[name] = b"%d" % max(0, number(item.values[name]) - passed)
        return item.with_values(changes)


def number(value: bytes) -> int:
    """The number that a value of at most 18 digits is, as fits into 64 bits; 0 for anything else.

    Callers can write longer ones, of which Python makes no number (``sys.set_int_max_str_digits``).
    """
    return int(value) if len(value) <= _MOST_DIGITS and value.isdigit() else 0
