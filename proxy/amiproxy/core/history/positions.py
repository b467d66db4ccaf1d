"""Positions: what a client says when it resumes.

A token is one position at one server, sealed (see ``Sealer``): it tells nothing of what others are sent.  A
client of several servers gets them all in one cursor token: the tokens of its servers, joined.  It may also
join the tokens that it saw itself, in any order.
"""

# mypyc: compiled

from collections.abc import Iterable
from typing import Final, NamedTuple

from amiproxy.core.ports import Sealer

_JOINT: Final = b"."


class Position(NamedTuple):
    """A place in the events of one server: behind the event with this number; 0 is before the first."""

    #: The server's, as each server has epochs of its own.
    epoch: int
    sequence: int


def joined(tokens: Iterable[bytes]) -> bytes:
    """One cursor token of the tokens of several servers; a single token is one already."""
    return _JOINT.join(tokens)


def positions_in(token: bytes, sealer: Sealer) -> list[Position] | None:
    """The positions in a token or a cursor token; None if any part of it is not a token of ours.

    While keys are changed a part may have several: at most one of them is a position of a server, as nobody
    has the epochs of the others.
    """
    found: list[Position] = []
    for part in token.split(_JOINT):
        opened = sealer.open(part)
        if not opened:
            return None
        found.extend([Position(*one) for one in opened])
    return found
