"""The states of a session, and the table of the transitions between them.

``Actor.move`` is the only function that changes a state, and it follows this table.
"""

# mypyc: compiled

from enum import Enum
from typing import Final, final


class State(Enum):
    """What a session is doing; the values are shown to operators."""

    GREETED = "not logged in"
    JUDGED = "its login is being checked, or its refusal delayed"
    READY = "logged in, nothing under way"
    BUSY = "waiting for the answer to an action"
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


@final
class Transition:
    """A row of the table: the states that it may begin in, and the one that it ends in."""

    __slots__ = ("after", "before", "name")

    def __init__(self, name: str, before: tuple[State, ...], after: State) -> None:
        #: What happens, as in the diagram of ARCHITECTURE.md.
        self.name = name
        self.before = before
        self.after = after


#: A Login is checked; a refusal waits for its delay.
JUDGE: Final = Transition("judge", (State.GREETED,), State.JUDGED)
REFUSE: Final = Transition("refuse", (State.GREETED, State.JUDGED), State.JUDGED)
ADMIT: Final = Transition("admit", (State.JUDGED,), State.READY)
#: An action is sent to Asterisk, and answered.
SEND: Final = Transition("send", (State.READY,), State.BUSY)
FINISH: Final = Transition("finish", (State.BUSY,), State.READY)
#: An action over the session's own rate waits, and then runs.
HOLD_BACK: Final = Transition("hold back", (State.READY,), State.HELD)
LET_GO: Final = Transition("let go", (State.HELD,), State.READY)
#: A WaitEvent begins, and is over.
WAIT: Final = Transition("wait", (State.READY,), State.WAITING)
RESUME: Final = Transition("resume", (State.WAITING,), State.READY)
#: The session ends.  It is closed when its last bytes have been sent, or at once.
CLOSE: Final = Transition(
    "close",
    (State.GREETED, State.JUDGED, State.READY, State.BUSY, State.HELD, State.WAITING),
    State.CLOSING,
)
END: Final = Transition("end", (State.CLOSING,), State.CLOSED)

#: The whole table.
TRANSITIONS: Final = (JUDGE, REFUSE, ADMIT, SEND, FINISH, HOLD_BACK, LET_GO, WAIT, RESUME, CLOSE, END)
