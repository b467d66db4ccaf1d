"""Conferences of app_confbridge and their participants; their events have the class ``call``.

No event tells that a conference is locked or muted as a whole, nor which of its members are marked or wait.
These fields are what the last list said, and a new member does not have them until the next one.
"""

# mypyc: compiled

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.kinds import channelfields
from amiproxy.core.history.kinds.channelfields import facts_as, read_channel
from amiproxy.core.history.kinds.durations import CountingKind, number
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form
from amiproxy.core.history.state.kind import Drift, Kind, Picture, Seed, seed, synthetic

_BRIDGE = (
    b"BridgeUniqueid BridgeType BridgeTechnology BridgeCreator BridgeName BridgeNumChannels"
    b" BridgeVideoSourceMode"
).split()
_MEMBER_TOLD = f"Conference {channelfields.names()}"
_MEMBER_FACTS = {name: name for name in f"{_MEMBER_TOLD} Admin".encode().split()}
#: Most conferences whose bridge is remembered although they are not known to exist.
_MOST_BRIDGES = 1000


def _spelled(values: Values) -> Values:
    """The values of a member as an event writes them."""
    return {**values, b"Talking": b"on" if values.get(b"Talking") == b"Yes" else b"off"}


def _member_facts(values: Values) -> CallFacts:
    return facts_as(b"ConfbridgeJoin", _MEMBER_FACTS, values)


def _room_facts(_values: Values) -> CallFacts:
    # It is a call, but of unknown channels: those who may not see all calls do not see it.
    return CallFacts((), (), (), (), (), b"", unclear=True)


#: ``AnsweredTime`` is computed when the list is asked.
MEMBER = form(
    b"ConfbridgeList",
    "Conference Admin MarkedUser WaitMarked EndMarked EndMarkedAny Waiting Muted Talking AnsweredTime "
    + channelfields.names(),
    "Conference Uniqueid",
    f"Admin Muted Talking {channelfields.names(among=channelfields.FOLLOWED)}",
    [
        carrier(b"ConfbridgeJoin", b"call", f"{_MEMBER_TOLD} Admin Muted"),
        carrier(b"ConfbridgeMute", b"call", f"{_MEMBER_TOLD} Admin"),
        carrier(
            b"ConfbridgeTalking",
            b"call",
            f"{_MEMBER_TOLD} Admin Talking=TalkingStatus",
            "Talking",
            _spelled,
        ),
        carrier(b"ConfbridgeLeave", b"call", f"{_MEMBER_TOLD} Admin"),
    ],
    _member_facts,
)

#: Its facts are those that a ``_Room`` knows.
ROOM = form(
    b"ConfbridgeListRooms",
    "Conference Parties Marked Locked Muted",
    "Conference",
    "Parties",
    [
        carrier(b"ConfbridgeStart", b"call", "Conference"),
        # Whoever sees each join and each leave can count.
        carrier(b"ConfbridgeJoin", b"call", "Conference Parties"),
        carrier(b"ConfbridgeEnd", b"call", "Conference"),
    ],
    _room_facts,
)


class _Room(Item):
    """A conference that knows the id of its bridge, or of a channel in it, which the list does not tell."""

    __slots__ = ("call",)

    def __init__(self, key: bytes, values: Values, call: bytes) -> None:
        super().__init__(ROOM, key, values)
        #: The id, or b"" if none is known.
        self.call = call

    def facts(self) -> CallFacts | None:
        """See Item."""
        if not self.call:
            return _room_facts(self.values)
        return CallFacts((self.call,), (), (), (), (), b"")

    def with_values(self, changes: Mapping[bytes, bytes]) -> Item:
        """See Item."""
        changed = super().with_values(changes)
        return self if changed is self else _Room(self.key, changed.values, self.call)


class Conferences(CountingKind):
    """The conferences, each followed by its members."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "conferences"
        #: With no conference at all, the answer is an error.
        self.lists = (seed(b"ConfbridgeListRooms", "ConfbridgeListRooms", optional=True),)
        self.forms = {b"ConfbridgeListRooms": ROOM, b"ConfbridgeList": MEMBER}
        self.modules = frozenset({b"app_confbridge"})
        self.growing = (b"AnsweredTime",)
        self.events = {
            b"ConfbridgeStart": self._started,
            b"ConfbridgeEnd": self._ended,
            b"ConfbridgeJoin": self._joined,
            b"ConfbridgeLeave": self._left,
            b"ConfbridgeMute": self._muted,
            b"ConfbridgeUnmute": self._muted,
            b"ConfbridgeTalking": self._talking,
            b"Rename": self._renamed,
            **dict.fromkeys(channelfields.CHANGES, self._changed),
        }
        #: Name of a conference -> the headers of its bridge, as its last event had them.
        self._bridges: dict[bytes, list[tuple[bytes, bytes]]] = {}
        #: Uniqueid -> key of the member.
        self._members: dict[bytes, bytes] = {}

    def further(self, answers: Sequence[Fields]) -> list[Seed]:
        """See Kind."""
        names = dict.fromkeys(fields.only(b"conference") for fields in answers)
        # A conference that has ended since is answered with an error.
        return [
            seed(b"ConfbridgeList", "ConfbridgeList", (b"Conference", name), optional=True)
            for name in names
            if name
        ]

    def item_of(self, fields: Fields) -> Item | None:
        """See Kind."""
        item = super().item_of(fields)
        if item is None:
            return None
        if item.form is ROOM:
            return _Room(item.key, item.values, self._bridge_of(item.key))
        return item.with_values(read_channel(fields))

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """See Kind."""
        drift = super().replace(answers)
        self._members = {
            item.values.get(b"Uniqueid", b""): key for key, item in self._items.items() if item.form is MEMBER
        }
        # Members may have come and gone between the two lists, and only the second names them.
        parties = Counter(self._items[key].values.get(b"Conference", b"") for key in self._members.values())
        for name, room in self._items.items():
            if room.form is ROOM:
                self._items[name] = room.with_values({b"Parties": b"%d" % parties[name]})
        for uniqueid, key in self._members.items():  # all of them are in one bridge, and so in one call
            name = self._items[key].values.get(b"Conference", b"")
            known = self._items.get(name)
            if isinstance(known, _Room) and not known.call:
                self._items[name] = _Room(name, known.values, uniqueid)
        return drift

    def items(self) -> list[Item]:
        """See Kind."""
        of_each: dict[bytes, list[Item]] = {}
        for item in super().items():
            of_each.setdefault(item.values.get(b"Conference", b""), []).append(item)
        found: list[Item] = []
        for some in of_each.values():
            found += [item for item in some if item.form is ROOM]
            found += [item for item in some if item.form is MEMBER]
        return found

    def inherit(self, before: Kind) -> None:
        """See Kind."""
        super().inherit(before)
        assert isinstance(before, Conferences)
        self._bridges = dict(before._bridges)
        self._members = dict(before._members)

    def forget(self) -> None:
        """See Kind."""
        super().forget()
        self._members = {}

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """See Kind."""
        name = item.values.get(b"Conference", b"")
        headers = [(b"Conference", name), *self._bridges.get(name, [])]
        if item.form is ROOM:
            return [synthetic(b"ConfbridgeEnd", b"call", headers)]
        headers += [(each, item.values[each]) for each in channelfields.NAMES if each in item.values]
        headers.append((b"Admin", item.values.get(b"Admin", b"No")))
        return [synthetic(b"ConfbridgeLeave", b"call", headers)]

    def _bridge_of(self, name: bytes) -> bytes:
        """The id of the bridge of a conference; b"" if it is not known."""
        return dict(self._bridges.get(name, [])).get(b"BridgeUniqueid", b"")

    def _open(self, fields: Fields) -> bytes:
        """The name of the conference that an event is about, which is known from now on; b"" if unclear."""
        name = fields.only(b"conference")
        if not name:
            return b""
        if name not in self._bridges and len(self._bridges) >= _MOST_BRIDGES:
            self._bridges = {
                known: headers for known, headers in self._bridges.items() if known in self._items
            }
        self._bridges[name] = [
            (header, fields.get(header.lower())) for header in _BRIDGE if fields.has(header.lower())
        ]
        known = self._items.get(name)
        values = {b"Conference": name, b"Parties": b"0", b"Marked": b"0", b"Locked": b"No", b"Muted": b"No"}
        self._items[name] = _Room(name, values if known is None else known.values, self._bridge_of(name))
        return name

    def _count(self, name: bytes, parties: int, marked: int) -> None:
        """Count members that have come, or that have left: negative numbers."""
        room = self._items.get(name)
        if room is not None:
            parties += number(room.values.get(b"Parties", b"0"))
            marked += number(room.values.get(b"Marked", b"0"))
            self._items[name] = room.with_values(
                {b"Parties": b"%d" % max(0, parties), b"Marked": b"%d" % max(0, marked)}
            )

    def _started(self, fields: Fields) -> None:
        self._open(fields)

    def _ended(self, fields: Fields) -> None:
        name = fields.only(b"conference")
        self._bridges.pop(name, None)
        self._items.pop(name, None)
        for uniqueid, key in list(self._members.items()):
            if key.startswith(name + b"\0"):
                del self._members[uniqueid]
                self._end(key)
                self.is_outdated = True  # they leave before it ends, unless a new one has its name

    def _joined(self, fields: Fields) -> None:
        self._told(fields, {name: fields.get(name.lower()) for name in (b"Admin", b"Muted")})

    def _left(self, fields: Fields) -> None:
        ended = self._end(MEMBER.key_of(fields))
        if ended is not None:
            self._members.pop(ended.values.get(b"Uniqueid", b""), None)
            self._count(
                ended.values.get(b"Conference", b""), -1, -(ended.values.get(b"MarkedUser") == b"Yes")
            )

    def _muted(self, fields: Fields) -> None:
        muted = b"Yes" if fields.name == b"ConfbridgeMute" else b"No"
        self._told(fields, {b"Admin": fields.get(b"admin"), b"Muted": muted})

    def _talking(self, fields: Fields) -> None:
        talking = b"Yes" if fields.get(b"talkingstatus") == b"on" else b"No"
        self._told(fields, {b"Admin": fields.get(b"admin"), b"Talking": talking})

    def _told(self, fields: Fields, changes: Values) -> None:
        """Update the member that an event is about; it is created if it is unknown."""
        key = MEMBER.key_of(fields)
        uniqueid = fields.only(b"uniqueid")
        if not key or not uniqueid or not self._open(fields):
            return
        values = {**read_channel(fields), **changes}
        known = self._items.get(key)
        if known is not None:
            self._items[key] = known.with_values(values)
            return
        item = Item(MEMBER, key, {b"Conference": fields.only(b"conference"), b"Talking": b"No"})
        self._begin(item.with_values(values))
        self._members[uniqueid] = key
        self._count(fields.only(b"conference"), 1, 0)
        self.is_outdated = True

    def _renamed(self, fields: Fields) -> None:
        uniqueid, name = channelfields.renamed(fields)
        self._update(uniqueid, {b"Channel": name})

    def _changed(self, fields: Fields) -> None:
        uniqueid = fields.only(b"uniqueid") if self._members else b""
        if uniqueid in self._members:
            self._update(uniqueid, read_channel(fields))

    def _update(self, uniqueid: bytes, changes: Values) -> None:
        key = self._members.get(uniqueid, b"")
        if key:
            self._items[key] = self._items[key].with_values(changes)
