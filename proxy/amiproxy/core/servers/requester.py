"""Requester: who an answer is for, as the exchange sees it."""

# mypyc: compiled

from typing import Protocol


class Requester(Protocol):
    """The recipient of an answer: a session."""

    @property
    def payer(self) -> str:
        """Name of the user to whom Asterisk's time for the action is charged."""

    def reply(self, data: bytes) -> None:
        """Send the client a part of the answer, with the client's own ActionID."""

    def late(self, data: bytes) -> None:
        """Send the client a part of an answer that continued after ``finished``."""

    def finished(self) -> None:
        """The answer is complete; the next action may be sent."""

    def hit(self, limit: str, **fields: object) -> None:
        """The answer exceeds this limit, named as in the configuration."""
