"""Job: an action that a client of a web session has asked for, until it has its answer."""

from collections.abc import Callable
from typing import Final, NamedTuple

from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.ports import Peer

#: Call it when the client has left: ``done`` is then not called any more.  It may be called at any time.
Cancel = Callable[[], None]
#: Why a session ends whose actions an edge sends: the edge may not do that any more.
EDGE_REFUSED: Final = "edge not permitted"
#: Given the whole answer of an action.
Done = Callable[[bytes], None]


class EdgeRequest(NamedTuple):
    """What an edge says of an action that it has sent for one of its clients."""

    edge: str
    #: The id of the request, in hexadecimal digits.
    id: str
    #: Where the client is connected from, as the edge says.
    peer: Peer
    #: When the action expires, in monotonic seconds.
    expires: float


class Job:
    """An action to run, and whom to give its answer to."""

    __slots__ = ("action", "counts", "done", "is_cancelled", "is_done", "request")

    def __init__(
        self,
        action: bytes,
        done: Done,
        *,
        counts: bool = True,
        request: EdgeRequest | None = None,
    ) -> None:
        self.action = action
        #: Where it comes from, if an edge has sent it.
        self.request = request
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


def job_of(action: bytes, done: Done, request: EdgeRequest | None = None) -> Job:
    """The job of an action, a whole message.  Raises ValueError if it is not exactly one message."""
    if not is_one_message(action):
        raise ValueError("not exactly one action")
    parsed = _parsed(action) if b"waitevent" in action.lower() else None
    return Job(action, done, counts=parsed is None or parsed.key != b"waitevent", request=request)


def is_one_message(data: bytes) -> bool:
    """Whether ActionFramer takes this for exactly one message."""
    # Lines in AMI may end with LF alone.
    ends = data.endswith(b"\r\n\r\n") and data.find(b"\n\r\n") == len(data) - 3
    return ends and b"\n\n" not in data and not data.startswith((b"\r\n", b"\n"))


def _parsed(action: bytes) -> Action | None:
    try:
        return parse_action(action)
    except ProtocolError:
        return None  # the lane answers it with this error
