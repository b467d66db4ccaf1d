"""Share: how much of a common resource one user, or one network of unauthenticated clients, has used."""

# mypyc: compiled

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
#: A piece of work that waits for its turn.
Job = Callable[[], None]


class Member(Generic[Item]):
    """A member of one queue that is fair by time, with its waiting items; see ``limits.fairtime``."""

    __slots__ = ("at", "had", "is_queued", "waiting")

    def __init__(self) -> None:
        #: Seconds that it has used, weighted as of the time ``at``.
        self.had = 0.0
        self.at = 0.0
        self.waiting: deque[Item] = deque()
        #: Whether it is in the heap, or being served.
        self.is_queued = False


class Share(Member[Job]):
    """The share of one user, or of one network of unauthenticated clients."""

    __slots__ = ("is_user", "name", "seconds")

    def __init__(self, name: str, is_user: bool) -> None:
        super().__init__()
        self.name = name
        self.is_user = is_user
        #: Seconds spent on it since the start.
        self.seconds = 0.0
