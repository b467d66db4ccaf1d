"""Answers without an exchange: messages for them, and a requester that records its calls."""

from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.deadlines import Deadlines

#: The relay id of the answers.
OURS = b"f" * 48
DEADLINES = Deadlines(list_item=15.0, list_total=120.0, list_items=2)


class Requester:
    """A requester that records its calls."""

    payer = "boss"
    on_behalf: OnBehalf | None = None

    def __init__(self) -> None:
        self.replies: list[bytes] = []
        #: b"finished", or the reason of ``failed``.
        self.ends: list[bytes] = []
        self.limits: list[str] = []

    def sent_as(self, request: str) -> None:
        """Its lines are not audited."""

    def reply(self, data: bytes) -> None:
        self.replies.append(data)

    def late(self, data: bytes) -> None:
        raise AssertionError(data)

    def finished(self) -> None:
        self.ends.append(b"finished")

    def failed(self, data: bytes, reason: bytes) -> None:
        if data:
            self.replies.append(data)
        self.ends.append(reason)

    def release_events(self) -> None:
        """It is sent none."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        self.limits.append(limit)


def said(*lines: bytes) -> bytes:
    """A message from Asterisk with the relay id as its second line."""
    return b"\r\n".join((lines[0], b"ActionID: " + OURS, *lines[1:])) + b"\r\n\r\n"
