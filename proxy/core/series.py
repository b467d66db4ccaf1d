"""Series: an action that is sent as several, one by one, and answered once.

Each part waits until its user may hold Asterisk's session again, so other
sessions are served in between.  The first part that is not answered with
Success is the answer to the whole; else it is the last one's.
"""

from collections import deque
from typing import TYPE_CHECKING

from proxy.ami import message
from proxy.ami.message import Action
from proxy.core import holding
from proxy.core.exchange import LOST, NOT_CONNECTED
from proxy.core.rests import Rest

if TYPE_CHECKING:
    from proxy.core.session import Session


class Series:
    """The parts of one action that are not sent yet."""

    __slots__ = ("_last", "_parts", "waits")

    def __init__(self, parts: list[Action]) -> None:
        self._parts = deque(parts)
        self._last = b""
        #: Whether the next part waits for its time, and nothing is under way.
        self.waits = False

    def next(self) -> Action:
        """The part to send now."""
        return self._parts.popleft()

    def takes(self, answer: bytes) -> bool:
        """Whether this answer to a part is not the client's, because another part follows."""
        if not self._parts:
            return False
        if answer.startswith(b"Response: Success"):
            self._last = answer
            return True
        self._parts.clear()  # the rest would be digits of a number that has a hole
        return False

    def told(self, answer: bytes) -> bytes:
        """The answer to the whole: once a part was sent, the rest cannot be called unsent."""
        if not self._last:
            return answer
        return answer.replace(b"Message: " + NOT_CONNECTED, b"Message: " + LOST, 1)

    def goes_on(self, session: "Session") -> bool:
        """Whether there is another part, which is then sent in its time."""
        if not self._parts:
            return False
        seconds = holding.seconds_of(self._parts[0])
        self.waits = True
        session.hub.bounds.rates.rests(session).join(Rest(session, seconds, lambda: session.send_next(self)))
        return True

    def give_up(self, session: "Session", text: bytes) -> None:
        """Answer now; what was not sent is not sent any more."""
        action = self._parts[0]
        self._parts.clear()
        self.waits = False
        session.reply(message.error(action.action_id, text))
        session.finished()
