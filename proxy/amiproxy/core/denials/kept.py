"""The last denied actions, so that operators can look at them and see what would allow them.

An action is kept when its line is logged, so the rations of the log bound how often that is.  What is kept
of it has no secrets: see ``masked_copy``.
"""

from collections import deque
from typing import Final, NamedTuple

from amiproxy.ami.arguments import ARGUMENTS, FRAME, Kind
from amiproxy.ami.message import Action
from amiproxy.core.audit.appdata import MASK
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.audit.masking import masked
from amiproxy.core.audit.targets import hides_digits, is_shown
from amiproxy.core.learning.examples import UNRECORDED, example, hidden
from amiproxy.core.ports import Scheduler

#: Denied actions that are kept.
KEPT: Final = 200
#: Bytes of all of them, and of one; a longer one is not kept.
MAX_BYTES: Final = 1 << 20
MAX_BYTES_OF_ONE: Final = 16 << 10


class Denied(NamedTuple):
    """One denied action; ``at`` is in seconds since the epoch."""

    id: int
    at: float
    user: str
    #: The server at which it was judged; None if servers have no names.
    server: str | None
    rule: str
    #: The action without its secrets.
    action: Action
    #: Names of the headers, in lower case, whose values are not the client's.
    hidden: frozenset[bytes]

    @property
    def size(self) -> int:
        """Bytes of the action."""
        return _size(self.action)


class Denials:
    """Keeps the last denied actions of users that are logged in."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._kept: deque[Denied] = deque()
        self._bytes = 0
        self._last = 0

    def keep(self, who: SessionFacts, action: Action, rule: str) -> int | None:
        """Keep a denied action and return its id; None if it is too long, or if its client is not logged in.

        No two have the same id, even if the proxy was restarted between them.
        """
        if who.user is None or _size(action) > MAX_BYTES_OF_ONE:
            return None
        wall = self._scheduler.wall()
        self._last = max(self._last + 1, int(wall * 1000))
        copy, changed = masked_copy(action)
        denied = Denied(self._last, wall, who.user, who.server, rule, copy, changed)
        self._kept.append(denied)
        self._bytes += denied.size
        while len(self._kept) > KEPT or self._bytes > MAX_BYTES:
            self._bytes -= self._kept.popleft().size
        return denied.id

    def find(self, number: int) -> Denied | None:
        """The denied action with this id; None if it is not kept, or not any longer."""
        return next((denied for denied in self._kept if denied.id == number), None)


def masked_copy(action: Action) -> tuple[Action, frozenset[bytes]]:
    """The action without secrets, and the names, in lower case, of the headers that were changed.

    Of an argument that the audit log shows, the copy has what the log shows.  Of any other it has an example,
    which the policy judges like the value itself as far as that is possible (``core/learning/examples.py``).
    """
    described = ARGUMENTS.get(action.key)
    lines = masked(b"\r\n".join(action.lines())).split(b"\r\n")
    headers: list[tuple[bytes, bytes]] = []
    changed: set[bytes] = set()
    for (name, value), line in zip(action.headers, lines, strict=True):
        key = name.lower()
        if key in FRAME:
            # The client's ActionID may be any text, and no check looks at it.
            if key != b"actionid":
                headers.append((name, value))
            continue
        argument = None if described is None else described.find(key)
        kept = _kept_of(None if argument is None else argument.kind, line.partition(b":")[2].lstrip(b" \t"))
        headers.append((name, kept))
        if kept != value:
            changed.add(key)
    return Action(tuple(headers)), frozenset(changed)


def _kept_of(kind: Kind | None, value: bytes) -> bytes:
    if kind is None:
        return hidden(value)
    if kind in UNRECORDED or hides_digits(kind):
        return MASK
    # The data of an application are masked by a table of their own, unlike any other text.
    return value if is_shown(kind) or kind is Kind.APPLICATION_DATA else example(kind, value)


def _size(action: Action) -> int:
    return sum(len(name) + len(value) for name, value in action.headers)
