"""Devices: the states of all devices that Asterisk remembers (``DeviceStateList``)."""

# mypyc: compiled

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, carrier, form
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

#: Technologies whose devices Asterisk reports but does not remember: its list never has them, and a name such
#: as ``Local/4930123456@out`` comes with each call (``AST_FLAG_DISABLE_DEVSTATE_CACHE`` in its sources).
_NOT_REMEMBERED: Final = frozenset(
    b"Announcer AudioSocket CBAnn CBRec DAHDI Local MulticastRTP Recorder Snoop UnicastRTP WebSocket".split()
)
#: Most other devices of which is known that Asterisk does not remember them, such as guests of chan_sip.
_MOST_PASSING: Final = 1000
_FORM: Final = form(
    b"DeviceStateChange",
    "Device State",
    "Device",
    "State",
    [carrier(b"DeviceStateChange", b"call", "Device State")],
)


class Devices(Kind):
    """Kind ``devices``.  The items of its list have the form of its event."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "devices"
        self.lists = (seed(b"DeviceStateList", "DeviceStateChange"),)
        self.forms = {b"DeviceStateChange": _FORM}
        self.events = {b"DeviceStateChange": self._changed}
        self.modules = frozenset((b"res_manager_devicestate",))
        #: Devices that an event told and a later list did not have.
        self._passing: set[bytes] = set()

    def _changed(self, event: Fields) -> None:
        item = self.item_of(event)
        if item is None:
            return
        technology, slash, _ = item.key.partition(b"/")
        if item.key in self._passing or (slash and technology in _NOT_REMEMBERED):
            return
        self._items[item.key] = item

    def told_otherwise(self, before: Mapping[bytes, Item], after: Mapping[bytes, Item]) -> Drift:
        """No event says that Asterisk has forgotten a device."""
        drift = super().told_otherwise(before, after)
        return Drift(drift.unknown, (), drift.changed)

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """Replace all items; see ``Kind.replace``."""
        before = self._items
        drift = super().replace(answers)
        self._passing = self._passing.union(before).difference(self._items)
        if len(self._passing) > _MOST_PASSING:
            self._passing.clear()
        return drift

    def inherit(self, before: Kind) -> None:
        """See ``Kind.inherit``."""
        super().inherit(before)
        assert isinstance(before, Devices)
        self._passing = set(before._passing)

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The event that ends an item; see ``Kind.closing``."""
        return [synthetic(b"DeviceStateChange", b"call", [(b"Device", item.key), (b"State", b"UNKNOWN")])]
