"""Series: an action that is sent to Asterisk as several parts, one by one, and answered once.

Each part waits until its user may block Asterisk's session again, so other sessions are
served in between.  The client gets the response to the first part that does not succeed,
otherwise the response to the last part.
"""

# mypyc: compiled

import re
from collections import deque
from typing import Final

from amiproxy.ami import holding, message
from amiproxy.ami.message import Action
from amiproxy.core.servers.answers.failures import LOST, NOT_CONNECTED

#: Also as a session of several servers is sent it; see leg.py.
_NOT_SENT: Final = re.compile(
    rb"Message: (?:" + NOT_CONNECTED + rb"|Server [a-z0-9-]+ is not connected)(?=\r)"
)


class Series:
    """The parts of one action that have not been sent yet."""

    __slots__ = ("_last", "_parts", "waits")

    def __init__(self, parts: list[Action]) -> None:
        self._parts = deque(parts)
        self._last = b""
        #: Whether the next part waits until it may run, so that nothing is in flight.
        self.waits = False

    def next(self) -> Action:
        """The part to send now.  Raises IndexError if there are no more parts."""
        return self._parts.popleft()

    @property
    def has_begun(self) -> bool:
        """Whether Asterisk has executed a part."""
        return bool(self._last)

    def takes(self, answer: bytes) -> bool:
        """Whether to keep this response to a part from the client, because another part follows.

        ``answer`` is a whole message.
        """
        if not self._parts:
            return False
        if answer.startswith(b"Response: Success"):
            self._last = answer
            return True
        self._parts.clear()  # the remaining digits would form a number with a gap
        return False

    def told(self, answer: bytes) -> bytes:
        """The response to the whole action: once a part was sent, it cannot say that nothing was sent."""
        if not self._last:
            return answer
        return _NOT_SENT.sub(b"Message: " + LOST, answer, 1)

    @property
    def seconds(self) -> float:
        """Seconds for which the next part blocks Asterisk's session; -1 if there are no more parts."""
        return holding.seconds_of(self._parts[0]) if self._parts else -1.0

    def give_up(self, text: bytes) -> bytes:
        """The answer to the action with this error; the parts that were not sent are dropped.

        There must be such parts.  ``text`` is the Message of the error, and the answer is a whole message.
        """
        action = self._parts[0]
        self._parts.clear()
        self.waits = False
        return message.error(action.action_id, text)
