"""Waiting: the WaitEvents of web sessions.

As in Asterisk by HTTP, a WaitEvent ends at the first event since the last one, at its timeout, or when the
session sends another one; other actions of the session run meanwhile.  Unlike there, only an event that the
client may see ends it; otherwise its end would reveal that there was a hidden event.
"""

# mypyc: compiled

from typing import Final

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.values import c_int_any_base
from amiproxy.core.clients.history.pieces import Pieces
from amiproxy.core.clients.web.lane import Lane
from amiproxy.core.clients.web.unread import Unread
from amiproxy.core.context import Context
from amiproxy.core.model.share import Share
from amiproxy.core.ports import Timer

#: Seconds of reading after which others are served.
_SLICE: Final = 0.0005
#: Bytes of events after which a WaitEvent ends although there are more, for the next one.
_MOST: Final = 1 << 20


class WebWait:
    """A running WaitEvent, whose lane is in state WAITING.  See ``Waiting`` in ports.py."""

    __slots__ = ("_action", "_is_due", "_timer", "_unread", "_waits", "lane")

    def __init__(self, waits: "Waits", unread: Unread, lane: Lane, action: Action) -> None:
        self._waits = waits
        self._unread = unread
        self.lane = lane
        self._action = action
        self._timer: Timer | None = None
        #: Whether it ends as soon as everything that is there has been read.
        self._is_due = False

    @property
    def share(self) -> Share:
        """Of whom the time is charged that it takes."""
        return self.lane.principal.share

    def begin(self, most: float) -> None:
        """Begin to wait, for at most this many seconds."""
        self._waits.add(self)
        seconds = c_int_any_base(self._action.get(b"timeout"))
        if seconds == 0:
            self._expire()
            return
        wait = most if seconds is None or seconds < 0 else min(seconds, most)
        self._timer = self.lane.ctx.scheduler.later(wait, self._expire)

    def _expire(self) -> None:
        self._is_due = True
        self._waits.due(self)

    def serve(self, pieces: Pieces) -> bool:
        """Read a part of what is there; returns whether there is more to do."""
        unread = self._unread
        most = min(_MOST, self.lane.ctx.limits.http_answer_bytes // 2)
        if unread.found_bytes < most and unread.step(pieces, most):
            return True
        if unread.found or self._is_due:
            self.over()
        return False

    @property
    def has_event(self) -> bool:
        """See Waiting."""
        return bool(self._unread.found)

    def over(self) -> None:
        """See Waiting."""
        lane, action = self.lane, self._action
        self.cancel()
        echo = [(b"ActionID", action.action_id)] if action.action_id else []
        response = message.success(action.action_id, b"Waiting for Event completed.")
        lane.answer(response + self._unread.take() + message.event(b"WaitEventComplete", *echo))
        lane.resume()

    def replaced(self) -> None:
        """End it with an empty answer, and without events: another one begins, or its client has left."""
        lane = self.lane
        self.cancel()
        lane.end_answer()
        lane.resume()

    def fail(self) -> None:
        """It cannot go on: end its lane."""
        self.lane.close("fault", abort=True)

    def cancel(self) -> None:
        """See Waiting."""
        self._waits.remove(self)
        if self._timer is not None:
            self._timer.cancel()


class Waits:
    """The WaitEvents of all web sessions; they take turns."""

    __slots__ = ("_all", "_ctx", "_due", "_pieces", "_seen", "_turn_due")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._all: dict[WebWait, None] = {}
        #: Those that may have something to read, or are to end.
        self._due: dict[WebWait, None] = {}
        self._turn_due = False
        #: How far the journals had come when they were looked at: epochs and numbers, by the server's name.
        self._seen: dict[str, tuple[int, int]] = {}
        self._pieces = Pieces()

    def add(self, wait: WebWait) -> None:
        """A WaitEvent begins: look for events that are there already."""
        self._all[wait] = None
        self.due(wait)

    def remove(self, wait: WebWait) -> None:
        """It is over."""
        self._all.pop(wait, None)
        self._due.pop(wait, None)
        if not self._all:
            self._pieces.clear()

    def due(self, wait: WebWait) -> None:
        """Serve it in the next turn."""
        self._due[wait] = None
        if not self._turn_due:
            self._turn_due = True
            self._ctx.scheduler.later(0, self._turn)

    def settle(self) -> None:
        """Events may have come from a server."""
        if not self._all:
            return
        seen: dict[str, tuple[int, int]] = {}
        for server in self._ctx.servers:
            journal = server.journal
            if journal is not None:
                seen[server.name] = journal.epoch, journal.last
        if seen != self._seen:
            self._seen = seen
            for wait in self._all:
                self.due(wait)

    def _turn(self) -> None:
        """Serve those that are due for one slice, a part each at a time."""
        self._turn_due = False
        due, ctx = self._due, self._ctx
        clock = ctx.scheduler.clock
        before = clock()
        until = before + _SLICE
        while due and before < until:
            wait = next(iter(due))
            del due[wait]
            share = wait.share
            try:
                if wait.serve(self._pieces):
                    due[wait] = None
            except Exception as fault:
                ctx.fault(fault, "WaitEvent")
                wait.fail()
            now = clock()
            ctx.shares.charge(share, now - before)
            before = now
        if due:
            self.due(next(iter(due)))
        ctx.settle()
