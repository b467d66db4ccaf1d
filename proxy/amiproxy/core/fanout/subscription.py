"""Subscription: sessions that share the same view of events, and are sent them in the same encoding.

Each event is judged once per subscription, and pending events are joined once per flush;
every member is then sent the *same* bytes object.  A member that is to be sent something
else in between (an answer) first takes its pending events, and its outbox records in ``seen``
how many of them it has had.

A flush to many members can be divided.  The events that it delivers then stay at the head of
``pending`` until the last member has them, and ``seen`` shows which members do, so a member
that takes, leaves or joins in between needs no special treatment.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final, Protocol

from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.outbox import RECORD, Outbox
from amiproxy.core.model.encoding import AMI, Encoding

#: Most members that a flush serves without asking whether its time is up.
AT_ONCE: Final = 8
#: Most events that it joins for one write to each member, so that a single write does not take long.  More
#: than one flush has at the rate at which a processor is full with 100 clients: parts cost time there.
_JOINED: Final = 1024
#: About the most bytes that it delivers before it asks.
_BYTES_AT_ONCE: Final = 256 << 10


class Member(Protocol):
    """The part of a session that subscriptions use.

    ``Subscriptions`` sets ``subscription``.  The outbox is always the same one.
    """

    subscription: "Subscription | None"
    outbox: Outbox

    @property
    def view(self) -> EventView:
        """Which events it may see."""

    @property
    def encoding(self) -> Encoding:
        """How events are written for it."""

    @property
    def payer(self) -> str:
        """Name of its user."""

    def deliver(self, data: bytes) -> None:
        """Send events: whole messages, joined, as the subscription's encoding writes them."""

    def fall_behind(self, data: bytes, taken: int) -> None:
        """Keep the part of these events that the transport did not accept (all but ``taken`` bytes)."""


class Subscription:
    """Sessions with the same view and encoding: its members, and the events that are pending for them.

    ``pending`` holds events as Asterisk writes them, with the server's name if the view is ``named``.  When
    the first member is sent an event, the event is replaced by what it is sent: so each is rendered once.
    """

    __slots__ = (
        "_cut",
        "_due",
        "_ending",
        "_everything",
        "_owners",
        "_records",
        "_render",
        "_rendered",
        "admits",
        "divided",
        "heartbeat",
        "key",
        "members",
        "pending",
        "view",
    )

    def __init__(self, view: EventView, encoding: Encoding = AMI) -> None:
        self.view = view
        #: What its members have in common.
        self.key = view, encoding
        self._render = encoding.render
        #: How many of ``pending``, from the first on, are rendered; 0 if they need not be.
        self._rendered = 0
        #: Seconds between two heartbeats of its members.
        self.heartbeat = encoding.heartbeat
        #: Whether the filters admit an event; None without filters, so that most events need no call.
        self.admits: Callable[[bytes], bool] | None = view.filters.admits if view.filters else None
        self.members: dict[Member, Outbox] = {}
        #: The same the other way round: a flush deals with outboxes, and seldom needs their owners.
        self._owners: dict[Outbox, Member] = {}
        self.pending: list[bytes] = []
        #: Of a divided flush: how many of ``pending`` it delivers, these events joined and then cut into TLS
        #: records, and the members' outboxes that still have to get them.
        self._cut = 0
        self._everything = b""
        self._records: list[bytes] = []
        self._due: list[Outbox] = []
        #: How many of ``pending`` this flush is to deliver after those.
        self._ending = 0
        #: Whether a flush has been interrupted and is to be continued.
        self.divided = False

    @property
    def users(self) -> set[str]:
        """Names of the users whose clients are members."""
        return {member.payer for member in self.members}

    def join(self, member: Member) -> None:
        """Add a member; it does not get the events that are pending already."""
        outbox = self.members[member] = member.outbox
        self._owners[outbox] = member
        outbox.seen = len(self.pending)

    def leave(self, member: Member) -> None:
        """Remove a member; its pending events are lost unless it took them with ``take`` before."""
        outbox = self.members.pop(member, None)
        if outbox is not None:
            del self._owners[outbox]

    def take(self, member: Member) -> bytes:
        """The events pending for one member, joined; it is then up to date.  b"" if there are none."""
        outbox = member.outbox
        if outbox.seen == len(self.pending):
            return b""
        self._write(len(self.pending))
        data = b"".join(self.pending[outbox.seen :])
        outbox.seen = len(self.pending)
        return data

    def _write(self, count: int) -> None:
        """Write the first ``count`` of the pending events as the members are sent them."""
        render, pending = self._render, self.pending
        if render is None:
            return
        for number in range(self._rendered, count):
            pending[number] = render(pending[number])
        self._rendered = max(self._rendered, count)

    def flush(self, room: Callable[[int], int] | None = None) -> int:
        """Deliver the pending events to every member, or continue to; returns the bytes delivered.

        ``room`` is given the number of members served since it was last called, 0 at the start, and
        returns how many more may be served before it is called again.  When it returns 0 after some
        members, the rest is left for the next call.  The flush is then ``divided``, and events that
        arrive meanwhile are not part of it.  With ``room``, many events are delivered in parts, of which each
        call finishes one at most.
        """
        if self.divided:
            return self._go_on(room)
        pending = self.pending
        if room is not None and len(pending) > _JOINED:
            self._ending = len(pending)
            self._begin_part()
            return self._go_on(room)
        if self._render is not None:
            self._write(len(pending))
            self._rendered = 0
        everything = b"".join(pending)
        self.pending = []
        size = len(everything)
        records = _records_of(everything)
        fits = size <= RECORD
        # A copy, because a delivery may end a session, which then leaves the subscription.
        members = batch = list(self.members.values())
        most = done = 0
        if room is not None and (len(members) > AT_ONCE or size > RECORD):
            most = _BYTES_AT_ONCE // (size + 1) or 1
            batch = members[: min(room(0), most)]
        while True:
            for outbox in batch:
                if outbox.seen:
                    self._deliver_rest(outbox, pending)
                    continue
                if not (fits and outbox.ready):
                    self._give(outbox, everything, records)
                    continue
                # By far the most common case; the same as ``_give``, without the call.
                try:
                    taken = outbox.write(everything)
                except OSError:
                    self._deliver(outbox, everything)
                    continue
                outbox.sent += taken
                if taken < size:
                    self._fall_behind(outbox, everything, taken)
            done += len(batch)
            if room is None or done == len(members):
                return size * done
            more = room(len(batch))
            if not more:
                self._divide(pending, everything, records, members[done:])
                return size * done
            batch = members[done : done + min(more, most)]

    def _deliver_rest(self, outbox: Outbox, pending: list[bytes]) -> None:
        """Deliver what a member has not had of these events, the first ones of which it has had."""
        rest = b"".join(pending[outbox.seen :])
        outbox.seen = 0
        if rest:
            self._deliver(outbox, rest)

    def _deliver(self, outbox: Outbox, data: bytes) -> None:
        member = self._owners.get(outbox)
        if member is not None:  # else an earlier delivery of this flush has ended its session
            member.deliver(data)

    def _fall_behind(self, outbox: Outbox, data: bytes, taken: int) -> None:
        member = self._owners.get(outbox)
        if member is not None:
            member.fall_behind(data, taken)

    def _divide(self, parts: list[bytes], everything: bytes, records: list[bytes], due: list[Outbox]) -> None:
        """Record which members have these parts, and which still have to get them."""
        self.divided = True
        self._cut, self._everything, self._records, self._due = len(parts), everything, records, due
        self.pending = parts + self.pending
        if self._render is not None:
            self._rendered += self._cut
        waiting = set(due)
        for outbox in self._owners:
            if outbox not in waiting:
                outbox.seen += self._cut
        due.reverse()

    def _begin_part(self) -> None:
        """Begin to deliver the next of many events."""
        self.divided = True
        self._cut = min(self._ending, _JOINED)
        self._ending -= self._cut
        self._write(self._cut)
        self._everything = b"".join(self.pending[: self._cut])
        self._records = _records_of(self._everything)
        self._due = list(self.members.values())
        self._due.reverse()

    def _go_on(self, room: Callable[[int], int] | None) -> int:
        size = self._go_on_with_part(room)
        while self.divided and room is None:
            size += self._go_on_with_part(None)
        return size

    def _go_on_with_part(self, room: Callable[[int], int] | None) -> int:
        cut, due, everything, records = self._cut, self._due, self._everything, self._records
        most = _BYTES_AT_ONCE // (len(everything) + 1) or 1
        step = most if room is None else min(room(0), most)
        size = served = 0
        while due:
            outbox = due.pop()
            # A member that has left meanwhile took its part with it.
            if outbox.seen < cut and outbox in self._owners:
                if outbox.seen:
                    rest = b"".join(self.pending[outbox.seen : cut])
                    outbox.seen = cut
                    self._owners[outbox].deliver(rest)
                    size += len(rest)
                else:
                    outbox.seen = cut
                    self._give(outbox, everything, records)
                    size += len(everything)
            served += 1
            if room is not None and due and served == step:
                more = room(served)
                if not more:
                    return size
                step = min(more, most)
                served = 0
        del self.pending[:cut]
        if self._render is not None:
            self._rendered -= cut
        for outbox in self._owners:
            outbox.seen -= cut
        if self._ending:
            self._begin_part()
            return size
        self.divided = False
        self._everything = b""
        self._records = []
        return size

    def _give(self, outbox: Outbox, data: bytes, records: list[bytes]) -> None:
        """Write straight to the socket if nothing waits in the outbox.

        ``records`` are the pieces of ``data``.
        """
        if not outbox.ready:
            self._deliver(outbox, data)
            return
        taken = 0
        try:
            for record in records:
                accepted = outbox.write(record)
                taken += accepted
                if accepted < len(record):
                    break
        except OSError:
            # ``send`` learns that the socket is full or broken, and is given what was not accepted.
            taken += outbox.sender.send(memoryview(data)[taken:] if taken else data)
        outbox.sent += taken
        if taken < len(data):
            self._fall_behind(outbox, data, taken)


def _records_of(data: bytes) -> list[bytes]:
    """The data in pieces of one TLS record each, which all members are sent."""
    if len(data) <= RECORD:
        return [data]
    return [data[start : start + RECORD] for start in range(0, len(data), RECORD)]
