"""The calls between callers of queues and members: which is under way, and what app_queue counts of each."""

# mypyc: compiled

from collections.abc import Iterable

from amiproxy.core.history.kinds.durations import number
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Values

#: Most calls of one member at a time that are told apart.
_MOST_CALLS = 8
#: Seconds within which the AgentConnect of calls may come that began in the same second.
_SAME_SECOND = 2.0


class QueueCall:
    """A caller and a member, connected."""

    __slots__ = ("began", "ids", "is_counted", "is_orphan", "is_within")

    def __init__(self, ids: tuple[bytes, bytes], is_within: bool, began: float) -> None:
        #: The Uniqueids of both.
        self.ids = ids
        #: When its AgentConnect came, in monotonic seconds.
        self.began = began
        #: Whether it was answered within the service level.
        self.is_within = is_within
        self.is_counted = False
        #: Whether the member has been removed from the queue: the call is counted for the queue only.
        self.is_orphan = False

    def copied(self) -> "QueueCall":
        """A copy, which goes its own way."""
        copy = QueueCall(self.ids, self.is_within, self.began)
        copy.is_counted = self.is_counted
        copy.is_orphan = self.is_orphan
        return copy


class QueueCalls:
    """Computes the counters and averages of queues, as app_queue does; its caller keeps them."""

    __slots__ = ("_open", "_orphans", "_within")

    def __init__(self) -> None:
        #: Key of a member -> its calls until their AgentComplete; app_queue counts the last of them.
        self._open: dict[bytes, list[QueueCall]] = {}
        #: The same of members that have been removed.
        self._orphans: dict[bytes, list[QueueCall]] = {}
        #: Name of a queue -> calls within its service level: how many completed, and how many abandoned.
        self._within: dict[bytes, tuple[int, int]] = {}

    def copied(self) -> "QueueCalls":
        """A copy, which goes its own way."""
        copy = QueueCalls()
        for member, calls in self._open.items():
            copy._open[member] = [call.copied() for call in calls]
        for member, calls in self._orphans.items():
            copy._orphans[member] = [call.copied() for call in calls]
        copy._within = dict(self._within)
        return copy

    def begin_again(self) -> None:
        """The list has been asked, which tells the counters; calls under way go on."""
        self._within = {}

    def counters_told(self, queue: bytes) -> None:
        """The counters of a queue have been set."""
        self._within.pop(queue, None)

    def member_removed(self, member: bytes, *, in_call: bool) -> None:
        """A member has been removed, perhaps during a call, and may come again before that ends.

        ``in_call``: what the list or the last event said; the AgentConnect may have come before the list.
        """
        calls = self._open.pop(member, [])
        if in_call and not calls and member not in self._orphans:
            calls = [self.current(member)]
        for call in calls:
            call.is_orphan = True
            call.is_counted = call.is_counted or call is not calls[-1]
        if calls:
            self._orphans[member] = [*self._orphans.get(member, []), *calls][-_MOST_CALLS:]

    def connected(self, member: bytes, params: Values, fields: Fields, now: float) -> Values:
        """A member has answered; returns what changes in the queue."""
        ids = _ids(fields)
        if self.current(member).ids == ids:
            return {}  # told already
        held = number(fields.only(b"holdtime"))
        call = QueueCall(ids, held <= number(params.get(b"ServiceLevel", b"")), now)
        self._open[member] = [*self._open.get(member, []), call][-_MOST_CALLS:]
        ended = number(params.get(b"Completed", b"")) + number(params.get(b"Abandoned", b""))
        return {b"Holdtime": _average(params.get(b"Holdtime", b""), held, first=not ended)}

    def current(self, member: bytes) -> QueueCall:
        """The call of a member that app_queue counts; one of which nothing is known if none has been seen."""
        calls = self._open.get(member)
        return calls[-1] if calls else QueueCall((b"", b""), False, 0.0)

    def is_open(self, member: bytes) -> bool:
        """Whether a member has a call whose AgentComplete has not come."""
        return member in self._open

    def is_unclear(self, member: bytes, fields: Fields) -> bool:
        """Whether an AgentComplete does not tell for sure whether app_queue counts the call.

        app_queue takes calls of a member for one another that began in the same second.  And the event may
        name neither channel: then it does not tell whether a call ended from before the member was removed.
        """
        calls = self._open.get(member)
        orphans = self._orphans.get(member, [])
        if not calls or len(calls) + len(orphans) < 2:
            return False
        gaps = [calls[after].began - calls[after - 1].began for after in range(1, len(calls))]
        return min(gaps, default=_SAME_SECOND) < _SAME_SECOND or not _found(calls + orphans, _ids(fields))

    def completed(self, member: bytes, fields: Fields) -> QueueCall | None:
        """A call has ended; returns it if app_queue counts it now.

        Of calls that a member has at the same time, such as after a transfer, app_queue counts the last one;
        and it has counted that already if the state of the member was the first to tell its end.
        """
        ids = _ids(fields)
        orphans = self._orphans.get(member, [])
        calls = self._open.get(member, [])
        ended = _found(orphans, ids)
        if ended is None and orphans and not calls:
            ended = orphans[0]  # if both channels have gone, AgentComplete names neither
        if ended is not None:
            orphans.remove(ended)
            if not orphans:
                del self._orphans[member]
            return None if ended.is_counted else ended
        if not calls:
            return self.current(member)
        # The ids change if Local channels are optimised away.
        ended = _found(calls, ids) or calls[0]
        is_last = ended is calls[-1]
        calls.remove(ended)
        if not calls:
            del self._open[member]
        return ended if is_last and not ended.is_counted else None

    def counted(self, call: QueueCall, params: Values, talked: int) -> Values:
        """A call is counted; returns what changes in the queue.

        ``talked``: its seconds, or -1 if its AgentComplete is still to come.
        """
        completed, abandoned = self._tally(params)
        completed += call.is_within
        call.is_counted = True
        count = number(params.get(b"Completed", b"")) + 1
        changes = {b"Completed": b"%d" % count}
        if talked >= 0:
            changes[b"TalkTime"] = _average(params.get(b"TalkTime", b""), talked, first=count == 1)
        return {**changes, **self._level({**params, **changes}, completed, abandoned)}

    def abandoned(self, params: Values, held: int) -> Values:
        """A caller has given up after ``held`` seconds; returns what changes in the queue."""
        completed, abandoned = self._tally(params)
        if held <= number(params.get(b"ServiceLevel", b"")):
            abandoned += 1
        changes = {b"Abandoned": b"%d" % (number(params.get(b"Abandoned", b"")) + 1)}
        return {**changes, **self._level({**params, **changes}, completed, abandoned)}

    def _tally(self, params: Values) -> tuple[int, int]:
        """How many calls were within the service level; taken from the percentages that the list has."""
        name = params[b"Queue"]
        if name not in self._within:
            count, lost = number(params.get(b"Completed", b"")), number(params.get(b"Abandoned", b""))
            completed = round(_decimal(params.get(b"ServicelevelPerf", b"")) * count / 100)
            both = round(_decimal(params.get(b"ServicelevelPerf2", b"")) * (count + lost) / 100)
            self._within[name] = completed, max(0, both - completed)
        return self._within[name]

    def _level(self, params: Values, completed: int, abandoned: int) -> Values:
        self._within[params[b"Queue"]] = completed, abandoned
        count, lost = number(params.get(b"Completed", b"")), number(params.get(b"Abandoned", b""))
        return {
            b"ServicelevelPerf": _percentage(completed, count),
            b"ServicelevelPerf2": _percentage(completed + abandoned, count + lost),
        }


def counts_for_one_queue(members: Iterable[Values]) -> bool:
    """Whether members, as a list tells them, show that a call counts for the member of its queue only.

    With ``shared_lastcall`` in queues.conf, app_queue counts it for the members of all queues that have the
    same interface.  Their LastCall is then the same, to a second.  The latest call that tells is believed, as
    the setting may have changed.  Without one the result is False.
    """
    of_each: dict[bytes, list[Values]] = {}
    for values in members:
        of_each.setdefault(values.get(b"Location", b"").lower(), []).append(values)
    latest, found = 0, False
    for same in of_each.values():
        last = max([number(values.get(b"LastCall", b"")) for values in same])
        # A member that was added after the call cannot tell.
        there = [values for values in same if number(values.get(b"LoginTime", b"")) < last]
        if len(there) > 1 and last > latest:
            latest = last
            found = min([number(values.get(b"LastCall", b"")) for values in there]) < last - 1
    return found


def _ids(fields: Fields) -> tuple[bytes, bytes]:
    return fields.only(b"uniqueid"), fields.only(b"destuniqueid")


def _found(calls: list[QueueCall], ids: tuple[bytes, bytes]) -> QueueCall | None:
    for call in calls:
        if call.ids[0] == ids[0] or call.ids[1] == ids[1]:
            return call
    return None


def _average(before: bytes, new: int, *, first: bool) -> bytes:
    """app_queue's average: the new value counts for a quarter."""
    return b"%d" % (new if first else (3 * number(before) + new) >> 2)


def _percentage(part: int, whole: int) -> bytes:
    return b"%.1f" % (100 * part / whole if whole else 0)


def _decimal(value: bytes) -> float:
    """A percentage, such as ``66.7``; 0.0 for anything else."""
    return min(100.0, float(value)) if value.replace(b".", b"", 1).isdigit() else 0.0
