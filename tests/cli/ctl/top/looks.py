"""Looks at a service, for tests of ``ctl top``."""

from typing import Any

from amiproxy.cli.ctl.top.board import Board, Look
from tests.cli.ctl.answering import SESSION, STATUS, STATUS_OF_SEVERAL


def session(number: int, user: str | None = "wall", **fields: Any) -> dict[str, Any]:
    """A session that has sent and received nothing, unless the fields say otherwise."""
    idle = {"bytes_in": 0, "bytes_out": 0, "outbox": 0, "denied": 0, "proxy_seconds": 0.0}
    row = {**SESSION, **idle, "asterisk_seconds": 0.0, "id": f"{number:012x}", "user": user, "port": number}
    return {**row, **fields}


def status(**counters: float) -> dict[str, Any]:
    return {**STATUS, "counters": {**STATUS["counters"], **counters}}


def board(*sessions: dict[str, Any]) -> Board:
    """A board after its first look."""
    made = Board()
    made.take(Look(0.0, STATUS, sessions))
    return made


def board_of_several(*sessions: dict[str, Any]) -> Board:
    """The same of a service with several servers."""
    made = Board()
    made.take(Look(0.0, STATUS_OF_SEVERAL, sessions))
    return made
