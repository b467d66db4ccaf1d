"""Subscription: sessions that share the same view of events.

An event is judged once per subscription and joined once per flush; every
member is then sent the *same* bytes object.  A member that needs something of
its own in between (an answer) first takes what is pending for it, and
remembers in ``seen`` how far it has come.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

from proxy.ami.privilege import may_read
from proxy.core.outbox import Outbox

#: What one record of TLS holds: more than that no single write takes.
_RECORD = 16384


class EventPredicate(Protocol):
    """What a subscription asks about an event that its classes admit."""

    def admits(self, raw: bytes) -> bool:
        """Whether the event, as the client would see it, passes."""


class Member(Protocol):
    """What a subscription knows of a session."""

    seen: int
    outbox: Outbox

    def deliver(self, data: bytes) -> None:
        """Send events."""


class Subscription:
    """An audience: which events it admits, who is in it, what waits for the next flush."""

    __slots__ = ("admits", "key", "mask", "members", "pending")

    def __init__(self, key: Hashable, mask: int, predicate: EventPredicate | None) -> None:
        self.key = key
        self.mask = mask
        #: None when the classes alone decide, so that most events cost no call.
        self.admits: Callable[[bytes], bool] | None = predicate.admits if predicate else None
        self.members: dict[Member, None] = {}
        self.pending: list[bytes] = []

    def may_read(self, required: int) -> bool:
        """Whether the classes admit an event that needs these."""
        return may_read(self.mask, required)

    def join(self, member: Member) -> None:
        """Add a member; events that were pending before are not for it."""
        member.seen = len(self.pending)
        self.members[member] = None

    def leave(self, member: Member) -> None:
        """Remove a member; what was pending for it is lost unless ``take`` came first."""
        self.members.pop(member, None)

    def take(self, member: Member) -> bytes:
        """What is pending for one member, which is then up to date."""
        if member.seen == len(self.pending):
            return b""
        data = b"".join(self.pending[member.seen :])
        member.seen = len(self.pending)
        return data

    def flush(self) -> int:
        """Deliver what is pending to every member; how many bytes that was."""
        pending = self.pending
        everything = b"".join(pending)
        self.pending = []
        size = len(everything)
        fits = size <= _RECORD
        # A copy: a delivery may end a session, which then leaves.
        members = list(self.members)
        for member in members:
            if member.seen:
                rest = b"".join(pending[member.seen :])
                member.seen = 0
                if rest:
                    member.deliver(rest)
                continue
            outbox = member.outbox
            if not outbox.ready:
                member.deliver(everything)
                continue
            # The common case by far: straight to the socket, with nothing of ours around it.
            try:
                taken = outbox.write(everything) if fits else outbox.sender.send(everything)
            except OSError:
                member.deliver(everything)
                continue
            outbox.sent += taken
            if taken < size:
                member.deliver(everything[taken:])
        return size * len(members)
