"""The states of a session."""

from enum import Enum
from typing import Final


class State(Enum):
    """What a session is doing."""

    GREETED = "not logged in"
    JUDGED = "its login is being checked, or its refusal delayed"
    READY = "logged in, nothing under way"
    BUSY = "an action is upstream"
    HELD = "over a rate: its next action waits"
    WAITING = "in WaitEvent"
    CLOSING = "the last bytes are on their way"
    CLOSED = "gone"


# Tuples: to look for a state in a set calls Enum's own __hash__, several times an action.

#: Nothing more is read from the client.
OVER: Final = (State.CLOSING, State.CLOSED)
#: Nothing more is read until what is under way is over.
UNREAD: Final = (State.JUDGED, State.HELD)
#: The next action may run.
RUNNING: Final = (State.READY, State.GREETED)
