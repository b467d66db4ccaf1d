"""Sieve: what a client would have been sent of events of one server that have passed already.

It judges by the rights that the client has now: classes, mask, filters and scope.  A client with a scope is
sent the events of a call of which it is known by now that it is the client's own: of those before that was
known, the first ones, which the tracker has kept.  They are the same that ``View`` shows live.
"""

# mypyc: compiled

from bisect import bisect_left
from typing import Final

from amiproxy.ami import privilege
from amiproxy.ami.relay import BROADCAST_HEAD
from amiproxy.core.calls.call import Call, owned_since
from amiproxy.core.calls.callfacts import read_facts
from amiproxy.core.calls.scope import CallTracker, admits_event_of_no_call
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.forms import Forms
from amiproxy.core.history.journal import Entries, Journal
from amiproxy.core.model.encoding import AMI, Encoding
from amiproxy.core.model.rules import Scope
from amiproxy.core.servers.server import Server

#: A client of several servers is sent this event whatever its classes and filters; see ``Inflow``.
_BOOTED: Final = b"FullyBooted"
_END_OF_HEAD: Final = b",all\r\n"
#: Most parts of the journal of which it is known what the tracker knew when they were judged.
_MOST_PARTS: Final = 512


class _Verdict:
    """Since which event, a number of the tracker, a call is known to be the client's; None if it is not."""

    __slots__ = ("revision", "root", "since")

    def __init__(self, root: Call, since: int | None) -> None:
        #: The call that it has been joined to, at any number of removes; itself if it has not.
        self.root = root
        self.revision = root.revision
        self.since = since


class Sieve:
    """Lets those events of one server pass that a client with this view is to be sent."""

    __slots__ = (
        "_admits",
        "_ends",
        "_forms",
        "_heads",
        "_is_seen",
        "_known",
        "_mask",
        "_render",
        "_scope",
        "_searched",
        "_server",
        "_verdicts",
        "_view",
    )

    def __init__(self, view: EventView, server: Server, encoding: Encoding = AMI) -> None:
        """If the view is empty or has no sight of this server, nothing passes."""
        self._view = view
        self._server = server
        self._mask = 0
        self._scope: Scope | None = None
        self._is_seen = False
        for sight in view.sights:
            if sight.server == server.name and not view.is_empty:
                self._mask, self._scope, self._is_seen = sight.mask, sight.scope, True
        self._admits = view.filters.admits if view.filters else None
        self._render = encoding.render
        self._forms = Forms(server.name)
        #: By the first two lines of an event: whether classes and mask admit it, and whether it passes
        #: whatever these and the filters say.
        self._heads: dict[bytes, tuple[bool, bool]] = {}
        self._verdicts: dict[Call, _Verdict] = {}
        #: The events that have been judged, in parts: the last one of each, and the last one that the tracker
        #: knew then.  Both are numbers of the tracker, which counts the same events as the journal.
        self._ends: list[int] = []
        self._known: list[int] = []
        #: Calls of which earlier events have been judged again, and what the tracker knew then.
        self._searched: dict[Call, int] = {}

    def sift(self, entries: Entries) -> list[bytes]:
        """Those of these events that the client is to be sent, each a whole message as it is sent.

        To be called for consecutive parts of the journal; the client has been sent what it was to be sent
        before the first one.  Events that were left out earlier come now if their call turned out to be the
        client's since, as they do when events pass live.
        """
        found: list[bytes] = []
        journal, tracker = self._server.journal, self._server.tracker
        if not self._is_seen:
            return found
        if self._scope is not None and journal is not None and tracker is not None:
            self._sift_calls(entries, journal, tracker, found)
            return found
        sequence = entries.first
        for raw in entries.raws:
            # As for a subscription: without a tracker, a scope shows nothing.
            if self._scope is None or self._of_head(raw)[1]:
                self._send(raw, entries.epoch, sequence, found)
            sequence += 1
        return found

    def one(self, raw: bytes, epoch: int, sequence: int) -> bytes:
        """One event of the journal as a client without a scope is to be sent it; b"" if it is not to be."""
        found: list[bytes] = []
        if self._is_seen:
            self._send(raw, epoch, sequence, found)
        return found[0] if found else b""

    def single(self, raw: bytes, call: Call | None = None) -> bytes:
        """An event that is in no journal, as the client is to be sent it: without a position.

        b"" if it is not to be.  ``call`` is the one that it belongs to; None if it belongs to none that is
        known.
        """
        if not self._is_seen or not self._is_own(raw, call):
            return b""
        event = self._forms.named(raw) if self._view.named else raw
        if not self._passes(raw, event):
            return b""
        return event if self._render is None else self._render(event)

    # -- one event ---------------------------------------------------------

    def _send(self, raw: bytes, epoch: int, sequence: int, found: list[bytes]) -> None:
        named = self._view.named
        event = self._forms.named(raw) if named else raw
        if not self._passes(raw, event):
            return
        journal = self._server.journal
        if self._view.numbered and journal is not None and journal.epoch == epoch:
            event = self._forms.numbered(raw, journal.token(sequence), named=named)
        found.append(event if self._render is None else self._render(event))

    def _passes(self, raw: bytes, event: bytes) -> bool:
        """Whether classes, mask and filters admit an event; ``event`` is how the filters see it."""
        may_read, always = self._of_head(raw)
        return always or (may_read and (self._admits is None or self._admits(event)))

    def _of_head(self, raw: bytes) -> tuple[bool, bool]:
        head = raw[: raw.find(_END_OF_HEAD) + len(_END_OF_HEAD)]
        known = self._heads.get(head)
        if known is None:
            match = BROADCAST_HEAD.match(raw)
            assert match is not None
            may_read = privilege.may_read(self._mask, privilege.required_classes(match[3]))
            known = may_read, self._view.named and match[2] == _BOOTED
            if match[1] == head:
                self._heads[head] = known
        return known

    # -- calls -------------------------------------------------------------

    def _is_own(self, raw: bytes, call: Call | None) -> bool:
        """Whether the scope admits an event, by what is known now."""
        if self._scope is None or self._of_head(raw)[1]:
            return True
        if call is None:
            return admits_event_of_no_call(self._scope, read_facts(raw))
        return self._verdict(call).since is not None

    def _verdict(self, call: Call) -> _Verdict:
        known = self._verdicts.get(call)
        if known is None or known.root.joined is not None or known.revision != known.root.revision:
            assert self._scope is not None
            root = call
            while root.joined is not None:
                root = root.joined
            known = self._verdicts[call] = _Verdict(root, owned_since(self._scope, call))
        return known

    def _sift_calls(
        self, entries: Entries, journal: Journal, tracker: CallTracker, found: list[bytes]
    ) -> None:
        number = tracker.number_before(journal.last + 1 - entries.first)
        if not self._ends:
            # Those before have been judged as they passed.
            self._ends.append(number - 1)
            self._known.append(number - 1)
        sequence = entries.first
        for raw, call in zip(entries.raws, entries.calls, strict=True):
            if call is not None and self._has_earlier(call):
                self._find_earlier(call, sequence - 1, journal, tracker, found)
            if self._is_own(raw, call) and (call is None or self._is_in_time(call, number)):
                self._send(raw, entries.epoch, sequence, found)
            sequence += 1
            number += 1
        self._ends.append(number - 1)
        self._known.append(tracker.number)
        if len(self._ends) > _MOST_PARTS:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Take the older half of the parts for one that was judged last of them.

        A client may follow a journal for hours.  Of a call that became its own while these parts were judged,
        and of which there was no event since, it is not sent the first events any more.
        """
        half = len(self._ends) // 2
        del self._ends[:half]
        del self._known[:half]
        known = self._known[0]
        self._searched = {call: number for call, number in self._searched.items() if number > known}
        self._verdicts.clear()  # they are found again when they are needed

    def _is_in_time(self, call: Call, number: int) -> bool:
        """Whether an event of a call that is the client's was shown live, at once or because it was kept."""
        since = self._verdict(call).since
        return since is None or since <= number or call.has_kept(number)

    def _judged(self, call: Call, number: int) -> int:
        """The last event that the tracker knew when this one, of this call, was judged last."""
        return max(self._known[bisect_left(self._ends, number)], self._searched.get(call, 0))

    def _has_earlier(self, call: Call) -> bool:
        """Whether this call may have earlier events that were left out and would be shown now."""
        verdict = self._verdict(call)
        root = verdict.root
        if verdict.since is None or root.began > self._ends[-1]:
            return False
        return max(verdict.since, root.grew) > self._judged(root, root.began)

    def _find_earlier(
        self, call: Call, sequence: int, journal: Journal, tracker: CallTracker, found: list[bytes]
    ) -> None:
        """Add the first events of this call that were left out in earlier parts and would be shown now.

        Their position is ``sequence``: a client that has been sent only some of them has to be sent all that
        follows.
        """
        root = self._verdict(call).root
        late: list[tuple[int, bytes]] = []
        for part in (root, *root.parts):
            since = self._verdict(part).since
            assert since is not None  # as the whole call is the client's
            kept = part.kept_up_to(self._ends[-1])
            late.extend(event for event in kept if since > self._judged(part, event[0]))
            self._searched[part] = tracker.number
        late.sort()
        for number, early in late:
            raw = early or journal.event(journal.last - (tracker.number - number))
            if raw:
                self._send(raw, journal.epoch, sequence, found)
