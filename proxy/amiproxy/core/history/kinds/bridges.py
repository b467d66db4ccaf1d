"""The kind ``bridges``: BridgeList, and the events of bridges.

``BridgeTechnology`` and ``BridgeNumChannels`` are as the last event said.  Asterisk changes the technology
without an event, and counts channels of its own, such as a conference's announcer, that no event shows.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form
from amiproxy.core.history.state.kind import Kind, Picture, seed, synthetic

_FIELDS: Final = (
    "BridgeUniqueid BridgeType BridgeTechnology BridgeCreator BridgeName BridgeNumChannels"
    " BridgeVideoSourceMode BridgeVideoSource"
)
_ID: Final = b"BridgeUniqueid"


def _facts_of(values: Values) -> CallFacts:
    return CallFacts((values[_ID],), (), (), (), (), b"")


FORM: Final = form(
    b"BridgeListItem",
    _FIELDS,
    "BridgeUniqueid",
    "BridgeType BridgeCreator BridgeName BridgeVideoSourceMode",
    [
        carrier(b"BridgeCreate", b"call", _FIELDS),
        carrier(b"BridgeEnter", b"call", _FIELDS),
        carrier(b"BridgeLeave", b"call", _FIELDS),
    ],
    _facts_of,
)


class Bridges(Kind):
    """All bridges, by BridgeUniqueid."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "bridges"
        self.lists = (seed(b"BridgeList", "BridgeListItem"),)
        self.forms = {FORM.event: FORM}
        self.events = {
            b"BridgeCreate": self._tell,
            b"BridgeEnter": self._tell,
            b"BridgeLeave": self._left,
            b"BridgeMerge": self._merged,
            b"BridgeVideoSourceUpdate": self._tell,
            b"BridgeDestroy": self._destroyed,
        }

    def _tell(self, fields: Fields) -> None:
        # The body begins with it, so a caller cannot write another one before it.
        self._set(fields.get(b"bridgeuniqueid"), FORM.read(fields))

    def _left(self, fields: Fields) -> None:
        if fields.get(b"bridgeuniqueid") in self._items:
            self._tell(fields)

    def _merged(self, fields: Fields) -> None:
        for prefix in (b"To", b"From"):
            key = fields.only(prefix.lower() + b"bridgeuniqueid")
            if key in self._items:
                self._set(
                    key,
                    {
                        name: fields.get((prefix + name).lower())
                        for name in FORM.fields
                        if fields.has((prefix + name).lower())
                    }
                    | {_ID: key},
                )

    def _set(self, key: bytes, values: Values) -> None:
        if not key:
            return  # a caller can forge a whole event
        known = self._items.get(key)
        self._items[key] = Item(FORM, key, values) if known is None else known.with_values(values)

    def _destroyed(self, fields: Fields) -> None:
        self._items.pop(fields.get(b"bridgeuniqueid"), None)

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """See Kind."""
        values = item.with_values({b"BridgeNumChannels": b"0"}).values
        return [synthetic(b"BridgeDestroy", b"call", list(values.items()))]
