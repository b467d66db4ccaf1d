"""Job: an action that a client of a web session has asked for, until it has its answer."""

from collections.abc import Callable

from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, parse_action

#: Call it when the client has left: ``done`` is then not called any more.  It may be called at any time.
Cancel = Callable[[], None]


class Job:
    """An action to run, and whom to give its answer to."""

    __slots__ = ("action", "counts", "done", "is_cancelled", "is_done")

    def __init__(self, action: bytes, done: Callable[[bytes], None], *, counts: bool = True) -> None:
        self.action = action
        #: Whether it counts as in flight: all but a WaitEvent do.
        self.counts = counts
        self.done = done
        self.is_cancelled = False
        #: Whether ``done`` has been called.
        self.is_done = False

    @property
    def action_id(self) -> bytes:
        """The client's own ActionID; b"" if it has none."""
        parsed = _parsed(self.action)
        return b"" if parsed is None else parsed.action_id

    def cancel(self) -> None:
        """Do not call ``done``; if it has not begun, do not run it either."""
        self.is_cancelled = True


def job_of(action: bytes, done: Callable[[bytes], None]) -> Job:
    """The job of an action, a whole message.  Raises ValueError if it is not exactly one message."""
    # What ActionFramer takes for one message; lines in AMI may end with LF alone.
    ends = action.endswith(b"\r\n\r\n") and action.find(b"\n\r\n") == len(action) - 3
    if not ends or b"\n\n" in action or action.startswith((b"\r\n", b"\n")):
        raise ValueError("not exactly one action")
    parsed = _parsed(action) if b"waitevent" in action.lower() else None
    return Job(action, done, counts=parsed is None or parsed.key != b"waitevent")


def _parsed(action: bytes) -> Action | None:
    try:
        return parse_action(action)
    except ProtocolError:
        return None  # the lane answers it with this error
