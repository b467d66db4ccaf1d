"""The states of a session."""

# mypyc: compiled

from enum import Enum
from typing import Final


class State(Enum):
    """What a session is doing; the values are shown to operators."""

    GREETED = "not logged in"
    JUDGED = "its login is being checked, or its refusal delayed"
    READY = "logged in, nothing under way"
    BUSY = "waiting for Asterisk's response to an action"
    HELD = "over a rate: its next action waits"
    WAITING = "in WaitEvent"
    CLOSING = "closing: the last bytes are being sent"
    CLOSED = "closed"


# Tuples, because looking up a state in a set calls Enum.__hash__, which is slow, several times per action.

#: Nothing more is read from the client.
OVER: Final = (State.CLOSING, State.CLOSED)
#: Reading is paused until the login check, or the wait for a rate, is over.
UNREAD: Final = (State.JUDGED, State.HELD)
#: The next action may run.
RUNNING: Final = (State.READY, State.GREETED)
