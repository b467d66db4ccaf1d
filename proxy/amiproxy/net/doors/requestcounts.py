"""RequestCounts: the HTTP requests that were answered, and the connections that became streams."""

from collections import Counter
from typing import Final

#: What requests ask for: a door, a health check or metrics, or nothing that is there.
ASKED: Final = ("ajam", "api", "page", "ws", "probe", "other")
#: The classes of statuses that responses may have.
STATUSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")


class RequestCounts:
    """Counts since the start of the process, and what is open now."""

    def __init__(self) -> None:
        #: By what was asked for, of ``ASKED``, and class of the status, of ``STATUSES``.
        self.answered: Counter[tuple[str, str]] = Counter()
        #: Connections that are WebSockets or event streams, by door.
        self.streams: Counter[str] = Counter()

    def answer(self, asked: str, status: int) -> None:
        """Count a response."""
        self.answered[asked, f"{status // 100}xx"] += 1
