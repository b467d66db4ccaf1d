"""Presence: the presence states that Asterisk remembers (``PresenceStateList``)."""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, carrier, form
from amiproxy.core.history.state.kind import Kind, Picture, seed, synthetic

#: List and event escape line ends in subtype and message as C does.  PresenceStatus, the event about the hint
#: of an extension, does not, and says nothing besides.
_FORM: Final = form(
    b"PresenceStateChange",
    "Presentity Status Subtype Message",
    "Presentity",
    "Status Subtype Message",
    [carrier(b"PresenceStateChange", b"call", "Presentity Status Subtype Message")],
)


class Presence(Kind):
    """Kind ``presence``.  The items of its list have the form of its event."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "presence"
        self.lists = (seed(b"PresenceStateList", "PresenceStateChange"),)
        self.forms = {b"PresenceStateChange": _FORM}
        self.events = {b"PresenceStateChange": self._changed}
        self.modules = frozenset((b"res_manager_presencestate",))

    def _changed(self, event: Fields) -> None:
        item = self.item_of(event)
        if item is not None:
            self._items[item.key] = item

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The event that ends an item; see ``Kind.closing``."""
        nothing = [(b"Status", b"not_set"), (b"Subtype", b""), (b"Message", b"")]
        return [synthetic(b"PresenceStateChange", b"call", [(b"Presentity", item.key), *nothing])]
