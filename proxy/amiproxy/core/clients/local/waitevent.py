"""WaitEvent: hold a session's events until the first event, the timeout, or any input.

On the link it would hold back the events of all clients, so it is never sent there.  As on
Asterisk's TCP port it ends with the first event, and the events that arrived are sent between
its response and its WaitEventComplete.  Unlike in Asterisk, only an event that this client may
see ends it; otherwise its end would reveal that there was a hidden event.
"""

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.values import c_int_any_base
from amiproxy.core.clients.session import Session
from amiproxy.core.ports import Timer


class WaitEvent:
    """A running WaitEvent; its session is in state WAITING, and its outbox holds events back."""

    __slots__ = ("_action", "_session", "_timer")

    def __init__(self, session: Session, action: Action) -> None:
        self._session = session
        self._action = action
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Begin to wait, or end at once if the timeout is 0 or there is input already."""
        session = self._session
        session.push()
        session.outbox.hold()
        timeout = c_int_any_base(self._action.get(b"timeout"))
        if timeout == 0 or session.queue.messages:
            self.over()
            return
        session.ctx.waiting.add(self)
        if timeout is not None and timeout > 0:  # a negative number, or none, means no timeout
            self._timer = session.ctx.scheduler.later(timeout, self.over)

    @property
    def has_event(self) -> bool:
        """Whether an event has arrived."""
        return self._session.outbox.held > 0

    def over(self) -> None:
        """Send the response, the events that arrived, and the WaitEventComplete."""
        session, action = self._session, self._action
        self.cancel()
        if session.subscription is not None:
            session.deliver(session.subscription.take(session))  # goes behind the events already held
        echo = [(b"ActionID", action.action_id)] if action.action_id else []
        session.release(
            session.written(message.success(action.action_id, b"Waiting for Event completed.")),
            session.written(message.event(b"WaitEventComplete", *echo)),
        )
        session.end_answer()
        session.resume()

    def cancel(self) -> None:
        """Stop waiting without an answer."""
        self._session.ctx.waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()
