"""Parked calls: ``ParkedCalls``, and the events of res_parking, all of the class ``call``."""

# mypyc: compiled

from collections.abc import Callable

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.kinds import channelfields
from amiproxy.core.history.kinds.channelfields import facts_as, read_channel
from amiproxy.core.history.kinds.durations import CountingKind
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form
from amiproxy.core.history.state.kind import Picture, seed, synthetic

_PARKEE = b"Parkee"
_PLACE = "ParkerDialString Parkinglot ParkingSpace"
_FIELDS = f"{channelfields.names('Parkee')} {_PLACE} ParkingTimeout ParkingDuration"
_HEADERS = {name: name for name in _FIELDS.encode().split()}


def _facts_of(values: Values) -> CallFacts:
    return facts_as(b"ParkedCall", _HEADERS, values)


#: The two durations are computed when the list is asked.
PARKED_CALL = form(
    b"ParkedCall",
    _FIELDS,
    "Parkinglot ParkingSpace",
    f"{channelfields.names('Parkee', channelfields.FOLLOWED)} ParkeeUniqueid {_PLACE}",
    [
        carrier(event, b"call", _FIELDS)
        for event in (b"ParkedCall", b"ParkedCallSwap", b"ParkedCallTimeOut", b"ParkedCallGiveUp")
    ],
    _facts_of,
)


class Parked(CountingKind):
    """The calls that are parked, by parking lot and space."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "parked"
        self.lists = (seed(b"ParkedCalls", "ParkedCall"),)
        self.forms = {b"ParkedCall": PARKED_CALL}
        self.modules = frozenset({b"res_parking"})
        self.growing = (b"ParkingDuration",)
        self.shrinking = (b"ParkingTimeout",)
        self.events = {
            b"ParkedCall": self._parked,
            # Another channel takes the place of the parked one.
            b"ParkedCallSwap": self._parked,
            b"UnParkedCall": self._left,
            b"ParkedCallTimeOut": self._left,
            b"ParkedCallGiveUp": self._left,
            b"Rename": self._renamed,
            **dict.fromkeys(channelfields.CHANGES, self._changed),
        }

    def item_of(self, fields: Fields) -> Item | None:
        """See Kind."""
        item = super().item_of(fields)
        return item and item.with_values(read_channel(fields, _PARKEE, _PARKEE))

    def has_ended(self, before: Item, after: Item | None) -> bool:
        """See Kind."""
        return after is None or before.values.get(b"ParkeeUniqueid") != after.values.get(b"ParkeeUniqueid")

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """See Kind."""
        values = self._counted(item).values
        return [synthetic(b"ParkedCallGiveUp", b"call", list(values.items()))]

    def _parked(self, fields: Fields) -> None:
        item = self.item_of(fields if fields.name == b"ParkedCall" else _as_item(fields))
        if item is not None:
            self._begin(item)

    def _left(self, fields: Fields) -> None:
        key = PARKED_CALL.key_of(fields)
        known = self._items.get(key)
        # Somebody else may have been parked there since.
        if known is not None and known.values.get(b"ParkeeUniqueid") == fields.only(b"parkeeuniqueid"):
            self._end(key)

    def _renamed(self, fields: Fields) -> None:
        uniqueid, name = channelfields.renamed(fields)
        known = self._parked_as(uniqueid)
        if known is not None:
            self._items[known.key] = known.with_values({b"ParkeeChannel": name})

    def _changed(self, fields: Fields) -> None:
        known = self._parked_as(fields.only(b"uniqueid")) if self._items else None
        if known is not None:
            self._items[known.key] = known.with_values(read_channel(fields, target=_PARKEE))

    def _parked_as(self, uniqueid: bytes) -> Item | None:
        """The parked call of a channel."""
        for item in self._items.values():
            if uniqueid and item.values.get(b"ParkeeUniqueid") == uniqueid:
                return item
        return None


def _as_item(fields: Fields) -> Fields:
    return Fields(b"Event: ParkedCall" + fields.raw[fields.raw.find(b"\r\n") :])
