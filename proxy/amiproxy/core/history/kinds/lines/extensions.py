"""Extensions: the hints of the dialplan and their states (``ExtensionStateList``).

No event says that a hint is gone, and after a reload of the dialplan by the CLI there is not even a
``Reload``.  But the reload reads each hint again and reports its state although it is the same, which
Asterisk does at no other time.  So a report without a change has the list asked again.
"""

# mypyc: compiled

from collections.abc import Callable, Mapping
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, carrier, form
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

#: ``Hint`` is not compared: during a reload the event has the hint of before, or none.
_FORM: Final = form(
    b"ExtensionStatus",
    "Exten Context Hint Status StatusText",
    "Exten Context",
    "Status StatusText",
    [carrier(b"ExtensionStatus", b"call", "Exten Context Hint Status StatusText")],
)
#: "The extension was removed from the dialplan" and "the extension's hint was removed", in Asterisk's
#: description of the event.  Asterisk 16 to 22 tell only watchers of that extension, and nobody by AMI.
_REMOVED: Final = frozenset((b"-2", b"-1"))


class Extensions(Kind):
    """Kind ``extensions``.  The items of its list have the form of its event."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "extensions"
        self.lists = (seed(b"ExtensionStateList", "ExtensionStatus"),)
        self.forms = {b"ExtensionStatus": _FORM}
        self.events = {b"ExtensionStatus": self._reported}
        self.modules = frozenset(b"pbx_ael pbx_config pbx_lua".split())

    def _reported(self, event: Fields) -> None:
        item = self.item_of(event)
        if item is None:
            return
        known = self._items.get(item.key)
        if item.values.get(b"Status") in _REMOVED:
            self._items.pop(item.key, None)
        elif known is None:
            self._items[item.key] = item
            # A hint that the reload has added: others may be gone.
            self.is_outdated = True
        else:
            if item.values.get(b"Status") == known.values.get(b"Status"):
                self.is_outdated = True
            if not item.values.get(b"Hint"):
                item = item.with_values({b"Hint": known.values.get(b"Hint", b"")})
            self._items[item.key] = item

    def told_otherwise(self, before: Mapping[bytes, Item], after: Mapping[bytes, Item]) -> Drift:
        """No event says that a hint is gone."""
        drift = super().told_otherwise(before, after)
        return Drift(drift.unknown, (), drift.changed)

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The event that ends an item; see ``Kind.closing``."""
        values = {**item.values, b"Status": b"-1", b"StatusText": b"Unknown"}
        return [synthetic(b"ExtensionStatus", b"call", list(values.items()))]
