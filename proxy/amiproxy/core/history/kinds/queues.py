"""Queues of app_queue with their members and callers; their events have the class ``agent``.

The list tells averages and a service level, which follow from the calls that end.  They are computed here
as app_queue does, from whole seconds that may have passed since app_queue read its clock; so they are not
compared.  No event tells the parameters of a queue, the priority of a caller, what QueueReset, QueueReload
and QueueChangePriorityCaller do, or which members a realtime database has added, changed or removed: these
are what the last list said.

No event tells what app_queue counts for members of other queues (``shared_lastcall``), and which of several
calls of a member it counts: the list is asked again.
"""

# mypyc: compiled

from collections.abc import Callable, Sequence
from typing import Final

from amiproxy.core.history.kinds import channelfields
from amiproxy.core.history.kinds.channelfields import read_channel
from amiproxy.core.history.kinds.durations import CountingKind, number
from amiproxy.core.history.kinds.queuecalls import QueueCall, QueueCalls, counts_for_one_queue
from amiproxy.core.history.kinds.queueforms import (
    CALLER,
    CALLER_HEADERS,
    MEMBER,
    MEMBER_EVENTS,
    MEMBER_HEADERS,
    QUEUE,
    spelled_as_event,
)
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

#: What app_queue computes from the calls that end.
_COUNTERS: Final = (
    *(b"Completed", b"Abandoned", b"Holdtime", b"TalkTime"),
    *(b"ServicelevelPerf", b"ServicelevelPerf2"),
)


class Queues(CountingKind):
    """The queues, each followed by its members and by its callers in their order."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "queues"
        self.lists = (seed(b"QueueStatus", "QueueParams QueueMember QueueEntry"),)
        self.forms = {each.event: each for each in (QUEUE, MEMBER, CALLER)}
        self.modules = frozenset({b"app_queue"})
        self.growing = (b"Wait",)
        self.events = {
            b"QueueCallerJoin": self._joined,
            b"QueueCallerLeave": self._left,
            b"QueueCallerAbandon": self._abandoned,
            **dict.fromkeys(MEMBER_EVENTS, self._member_told),
            b"QueueMemberRemoved": self._member_removed,
            b"AgentConnect": self._connected,
            b"AgentComplete": self._completed,
            b"NewCallerid": self._changed,
            b"NewConnectedLine": self._changed,
            b"Rename": self._renamed,
            b"BridgeEnter": self._entered,
            b"Hangup": self._hung_up,
        }
        #: Uniqueid -> key of the caller.
        self._callers: dict[bytes, bytes] = {}
        #: Key of the queue -> keys of its callers, in their order.
        self._waiting: dict[bytes, tuple[bytes, ...]] = {}
        #: Keys of callers that have given up, but not left yet.
        self._given_up: set[bytes] = set()
        #: Keys of callers whose end ``closing`` has told.
        self._closed: set[bytes] = set()
        self._calls = QueueCalls()
        #: The queues before the last list, as events had moved them.
        self._moved: dict[bytes, Item] = {}
        #: Whether the last list has shown that a call counts for the member of its queue only.
        self._counts_once = False

    def item_of(self, fields: Fields) -> Item | None:
        """See Kind."""
        item = super().item_of(fields)
        if item is None:
            return None
        # A queue, a member and a caller may have the same name.
        return Item(item.form, _key(item.form.event, item.key), item.values)

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """See Kind."""
        self._moved = {key: item for key, item in self._items.items() if item.form is QUEUE}
        drift = super().replace(answers)
        self._calls.begin_again()
        self._callers = {}
        self._waiting = {}
        self._given_up = set()
        self._counts_once = counts_for_one_queue(
            [item.values for item in self._items.values() if item.form is MEMBER]
        )
        for key, item in self._items.items():
            if item.form is CALLER:
                self._callers[item.values.get(b"Uniqueid", b"")] = key
                queue = _queue_key(item.values.get(b"Queue", b""))
                self._waiting[queue] = (*self._waiting.get(queue, ()), key)
        return drift

    def replay(self, missed: Sequence[Fields]) -> None:
        """See Kind.

        A call that began and ended meanwhile would count twice if the list has counted it.  What events alone
        have counted is right if the list agrees with it; else the list is believed, and asked again.
        """
        listed = [item for item in self._items.values() if item.form is QUEUE]
        super().replay(missed)
        for item in listed:
            low, high = _counts(item), _counts(self._items[item.key])
            if low == high:
                continue
            moved = self._moved.get(item.key, item)
            counts = _counts(moved)
            if not (low[0] <= counts[0] <= high[0] and low[1] <= counts[1] <= high[1]):
                moved = item
                self.is_outdated = True
            self._calls.counters_told(item.values[b"Queue"])
            changes: Values = {name: moved.values[name] for name in _COUNTERS if name in moved.values}
            self._set_queue(item.values[b"Queue"], changes)

    def items(self) -> list[Item]:
        """See Kind."""
        of_each: dict[bytes, list[Item]] = {}
        for item in super().items():
            if item.form is not CALLER:
                of_each.setdefault(_queue_key(item.values.get(b"Queue", b"")), []).append(item)
        found: list[Item] = []
        for queue, some in of_each.items():
            found += [item for item in some if item.form is QUEUE]
            found += [item for item in some if item.form is MEMBER]
            found += [self._counted(self._items[key]) for key in self._waiting.get(queue, ())]
        return found

    def inherit(self, before: Kind) -> None:
        """See Kind."""
        super().inherit(before)
        assert isinstance(before, Queues)
        self._callers = dict(before._callers)
        self._waiting = dict(before._waiting)
        self._given_up = set(before._given_up)
        self._closed = set(before._closed)
        self._calls = before._calls.copied()
        self._counts_once = before._counts_once
        self._moved = dict(before._moved)

    def forget(self) -> None:
        """See Kind."""
        super().forget()
        self._callers = {}
        self._waiting = {}
        self._given_up = set()
        self._calls = QueueCalls()
        self._counts_once = False

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """See Kind."""
        values = item.values
        if item.form is MEMBER:
            headers = [(header, values[name]) for name, header in MEMBER_HEADERS.items() if name in values]
            return [synthetic(b"QueueMemberRemoved", b"agent", headers)]
        if item.form is QUEUE:
            return []  # a queue that is removed has no event of its own
        spelled = spelled_as_event(values)
        headers = [(name, spelled[name]) for name in CALLER_HEADERS if name in spelled]
        queue = values.get(b"Queue", b"")
        headers += [(b"Queue", queue), (b"Position", values.get(b"Position", b"1"))]
        # Each is one less: those that were closed before have left.
        self._closed.add(item.key)
        count = sum(key not in self._closed for key in self._waiting.get(_queue_key(queue), ()))
        return [synthetic(b"QueueCallerLeave", b"agent", [*headers, (b"Count", b"%d" % count)])]

    # Callers

    def _joined(self, fields: Fields) -> None:
        queue, uniqueid = fields.only(b"queue"), fields.only(b"uniqueid")
        if not queue or not uniqueid:
            self.is_outdated = True  # a value that the caller controls looks like a header
            return
        key = _caller_key(queue, uniqueid)
        known = self._items.get(key)
        if known is not None:  # a list has told it already, with the position of that time
            self._items[key] = known.with_values(_caller_values(fields))
            return
        self._need_queue(queue)
        item = Item(CALLER, key, {b"Queue": queue, b"Wait": b"0"}).with_values(_caller_values(fields))
        self._begin(item)
        self._callers.setdefault(uniqueid, key)
        waiting = self._waiting.get(_queue_key(queue), ())
        before = max(0, number(fields.only(b"position")) - 1)
        self._line_up(queue, (*waiting[:before], key, *waiting[before:]))
        self._compare(queue, fields)

    def _left(self, fields: Fields) -> None:
        queue = fields.only(b"queue")
        self._drop(_caller_key(queue, fields.only(b"uniqueid")))
        self._compare(queue, fields)

    def _drop(self, key: bytes) -> None:
        ended = self._end(key)
        if ended is not None:
            self._given_up.discard(key)
            uniqueid, queue = ended.values.get(b"Uniqueid", b""), ended.values.get(b"Queue", b"")
            if self._callers.get(uniqueid) == key:
                del self._callers[uniqueid]
            waiting = self._waiting.get(_queue_key(queue), ())
            self._line_up(queue, tuple([other for other in waiting if other != key]))

    def _line_up(self, queue: bytes, waiting: tuple[bytes, ...]) -> None:
        """Set who waits in a queue, and renumber them."""
        self._waiting[_queue_key(queue)] = waiting
        for before, key in enumerate(waiting):
            self._items[key] = self._items[key].with_values({b"Position": b"%d" % (before + 1)})
        self._set_queue(queue, {b"Calls": b"%d" % len(waiting)})

    def _compare(self, queue: bytes, fields: Fields) -> None:
        """Ask the list again if the event counts other callers than are known."""
        if number(fields.only(b"count")) != len(self._waiting.get(_queue_key(queue), ())):
            self.is_outdated = True

    def _abandoned(self, fields: Fields) -> None:
        # If the caller is unknown, the list was asked after it had left, and has counted it.
        self._count_abandoned(
            _caller_key(fields.only(b"queue"), fields.only(b"uniqueid")), number(fields.only(b"holdtime"))
        )

    def _count_abandoned(self, key: bytes, held: int) -> None:
        caller = self._items.get(key)
        params = None if caller is None else self._items.get(_queue_key(caller.values.get(b"Queue", b"")))
        if params is not None and key not in self._given_up:
            self._given_up.add(key)
            self._set_queue(params.values[b"Queue"], self._calls.abandoned(params.values, held))

    def _entered(self, fields: Fields) -> None:
        # A caller leaves the queue before it is joined to a member.  If it has not left, an action has taken
        # its channel away, for which app_queue sends no event and counts an abandoned call.
        key = self._callers.get(fields.only(b"uniqueid"))
        if key is not None:
            self._count_abandoned(key, number(self._counted(self._items[key]).values.get(b"Wait", b"")))
            self._drop(key)

    def _changed(self, fields: Fields) -> None:
        uniqueid = fields.only(b"uniqueid") if self._callers else b""
        if uniqueid in self._callers:
            self._update(uniqueid, _caller_values(fields))

    def _renamed(self, fields: Fields) -> None:
        uniqueid, name = channelfields.renamed(fields)
        self._update(uniqueid, {b"Channel": name})

    def _hung_up(self, fields: Fields) -> None:
        # A caller leaves the queue before its channel ends, unless another channel has taken its place.
        key = self._callers.get(fields.only(b"uniqueid"))
        if key is not None:
            self._drop(key)
            self.is_outdated = True

    def _update(self, uniqueid: bytes, changes: Values) -> None:
        key = self._callers.get(uniqueid)
        if key is not None:
            self._items[key] = self._items[key].with_values(changes)

    # Members

    def _member_told(self, fields: Fields) -> None:
        key = _member_key(fields)
        if not key:
            return
        values: Values = {
            name: fields.get(header.lower())
            for name, header in MEMBER_HEADERS.items()
            if fields.has(header.lower())
        }
        if values.get(b"Membership") == b"realtime":
            values[b"Membership"] = b"static"  # as in the list
        if values.get(b"Paused") == b"0":
            values[b"PausedReason"] = b""  # the event has the reason of the end of the pause
        known = self._items.get(key)
        if known is None:
            self._need_queue(values[b"Queue"])
            self._items[key] = Item(MEMBER, key, {}).with_values(values)
            return
        taken = number(values.get(b"CallsTaken", b"")) - number(known.values.get(b"CallsTaken", b""))
        was, now = known.values.get(b"InCall", b""), values.get(b"InCall", b"")
        if (was, now) == (b"1", b"0") and taken == 1:
            self._count(values[b"Queue"], self._calls.current(key), -1)
            self._counted_for(key)
        elif taken > 0:
            self._counts_once = False
            self.is_outdated = True  # the call was one of another queue
        elif was != now and self._calls.is_open(key) != (now == b"1"):
            # app_queue sends AgentConnect before it notes that the call has begun, and AgentComplete before
            # it counts the call: this event was written in between.
            self.is_outdated = True
        self._items[key] = known.with_values(values)

    def _member_removed(self, fields: Fields) -> None:
        key = _member_key(fields)
        member = self._items.pop(key, None)
        in_call = member is not None and member.values.get(b"InCall") == b"1"
        self._calls.member_removed(key, in_call=in_call)

    def _connected(self, fields: Fields) -> None:
        key = _member_key(fields)
        member = self._items.get(key)
        params = self._items.get(_queue_key(fields.only(b"queue")))
        if member is None or params is None:
            return
        changes = self._calls.connected(key, params.values, fields, self._clock())
        self._items[key] = member.with_values({b"InCall": b"1"})
        self._set_queue(params.values[b"Queue"], changes)

    def _completed(self, fields: Fields) -> None:
        key = _member_key(fields)
        member = self._items.get(key)
        if self._calls.is_unclear(key, fields):
            self.is_outdated = True
        call = self._calls.completed(key, fields)
        if call is None:
            return
        talked = number(fields.only(b"talktime"))
        if call.is_orphan:
            self._count(fields.only(b"queue"), call, talked)
            self._counted_for(key, is_orphan=True)
        elif member is not None and member.values.get(b"InCall") == b"1":
            taken = number(member.values.get(b"CallsTaken", b"")) + 1
            self._items[key] = member.with_values({b"InCall": b"0", b"CallsTaken": b"%d" % taken})
            self._count(fields.only(b"queue"), call, talked)
            self._counted_for(key)
        elif member is None:
            self.is_outdated = True  # the member was removed during the call, before the list was asked

    def _counted_for(self, key: bytes, *, is_orphan: bool = False) -> None:
        """A call of a member has been counted: ask the list again if others may have the same call counted.

        ``is_orphan``: the member was removed during the call; the one that has its key now is another.
        """
        if self._counts_once:
            return
        interface = key.rpartition(b"\0")[2].lower()
        for other, item in self._items.items():
            if item.form is MEMBER and item.values.get(b"Location", b"").lower() == interface:
                self.is_outdated = self.is_outdated or is_orphan or other != key

    def _count(self, queue: bytes, call: QueueCall, talked: int) -> None:
        params = self._items.get(_queue_key(queue))
        if params is not None:
            self._set_queue(queue, self._calls.counted(call, params.values, talked))

    # Queues

    def _need_queue(self, queue: bytes) -> None:
        key = _queue_key(queue)
        if key not in self._items:  # a realtime queue, or one of a reload that no event tells
            self._items[key] = Item(QUEUE, key, {b"Queue": queue, b"Calls": b"0"})
            self.is_outdated = True

    def _set_queue(self, queue: bytes, changes: Values) -> None:
        key = _queue_key(queue)
        params = self._items.get(key)
        if params is not None:
            self._items[key] = params.with_values(changes)


def _counts(params: Item) -> tuple[int, int]:
    """How many calls were completed, and abandoned."""
    return number(params.values.get(b"Completed", b"")), number(params.values.get(b"Abandoned", b""))


def _key(form: bytes, key: bytes) -> bytes:
    return form + b"\0" + key


def _queue_key(queue: bytes) -> bytes:
    return b"QueueParams\0" + queue


def _caller_key(queue: bytes, uniqueid: bytes) -> bytes:
    return b"QueueEntry\0%s\0%s" % (queue, uniqueid)


def _member_key(fields: Fields) -> bytes:
    queue, interface = fields.only(b"queue"), fields.only(b"interface")
    return b"QueueMember\0%s\0%s" % (queue, interface) if queue and interface else b""


def _caller_values(fields: Fields) -> Values:
    """The values of a caller in an event; the list has ``unknown`` for what is ``<unknown>`` there."""
    return {
        name: b"unknown" if value == b"<unknown>" else value
        for name, value in read_channel(fields).items()
        if name in CALLER_HEADERS
    }
