"""WaitEvent: hold a session's events until the first one, its time, or any input.

On the link it would keep everybody's events back, so it never goes there.  As
on Asterisk's TCP port it ends with the first event (here: the first that this
client may see; a hidden one ending it would tell of its existence), and what
came is sent between its response and its Complete (ami.md §7.2).
"""

from typing import TYPE_CHECKING

from proxy.ami import message
from proxy.ami.message import Action
from proxy.ami.values import c_int_any_base
from proxy.core.ports import Timer

if TYPE_CHECKING:
    from proxy.core.session import Session


class WaitEvent:
    """One WaitEvent under way; its session is in state WAITING and its outbox holds."""

    __slots__ = ("_action", "_session", "_timer")

    def __init__(self, session: "Session", action: Action) -> None:
        self._session = session
        self._action = action
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Wait, or be over at once."""
        session = self._session
        session.push()
        session.outbox.hold()
        timeout = c_int_any_base(self._action.get(b"timeout"))
        if timeout == 0 or session.has_input:
            self.over()
            return
        session.hub.waiters.add(session)
        if timeout is not None and timeout > 0:  # less, or no number at all, is no limit
            self._timer = session.hub.scheduler.later(timeout, self.over)

    @property
    def has_event(self) -> bool:
        """Whether an event has come."""
        return self._session.outbox.held > 0

    def over(self) -> None:
        """Send the response, the events that came, and the Complete."""
        session, action = self._session, self._action
        self.cancel()
        if session.subscription is not None:
            session.deliver(session.subscription.take(session))  # held, so in order
        echo = [(b"ActionID", action.action_id)] if action.action_id else []
        session.release(
            message.success(action.action_id, b"Waiting for Event completed."),
            message.event(b"WaitEventComplete", *echo),
        )
        session.resume()

    def cancel(self) -> None:
        """Wait no more, and say nothing."""
        self._session.hub.waiters.discard(self._session)
        if self._timer is not None:
            self._timer.cancel()
