"""Recorded sessions: the answer that belongs to each action.

A recording is two byte streams, client to Asterisk and back, without timing.
The second is split where the responses to the recorded actions begin; everything
after a response (list items, events) belongs to it until the next response.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from amiproxy.tools.simulator.reading import Request, RequestReader

# A response is recognised only at the start of a message: events have headers of that name too.
# "Response: Follows" has a Privilege line before its ActionID.
_RESPONSE = re.compile(
    rb"(?:\A[^\n]*\n|\n\r?\n)"
    rb"(?=Response: [^\r\n]*\r?\n(?:Privilege: [^\r\n]*\r?\n)?(?:ActionID: (?P<id>[^\r\n]*)\r?\n)?)"
)
_ACTION_ID = re.compile(rb"^ActionID: ([^\r\n]*)\r?\n", re.MULTILINE)
#: After these Asterisk closes the connection.
_FAREWELLS = (
    b"Response: Goodbye",
    b"Message: Authentication failed",
    b"Message: Login Already In Use",
    b"Event: Shutdown",
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded action and everything Asterisk sent from its response to the next."""

    request: Request
    answer: bytes


@dataclass(frozen=True, slots=True)
class Transcript:
    """One recorded session.  ``greeting`` is what came before the first response: the banner."""

    greeting: bytes
    exchanges: tuple[Exchange, ...]

    @property
    def is_closed_by_asterisk(self) -> bool:
        """Whether Asterisk ended the session after the last answer."""
        return bool(self.exchanges) and any(text in self.exchanges[-1].answer for text in _FAREWELLS)


def load_transcript(stem: Path) -> Transcript:
    """Read ``stem.out`` and ``stem.in``.  Raises OSError if one is missing."""
    return read_transcript(_beside(stem, ".out").read_bytes(), _beside(stem, ".in").read_bytes())


def read_transcript(sent: bytes, received: bytes) -> Transcript:
    """A transcript of the bytes that a client sent and received: the whole of each direction.

    An action without its own response (there are a few) has an empty answer.
    """
    requests = RequestReader().feed(sent)
    starts: list[int | None] = []
    position = 0
    for request in requests:
        start = _find_response(received, request.action_id, position)
        starts.append(start)
        position = position if start is None else start + 1
    ends = [*starts[1:], len(received)][: len(starts)]
    for index in range(len(ends) - 2, -1, -1):
        if ends[index] is None:
            ends[index] = ends[index + 1]
    exchanges = tuple(
        Exchange(request, b"" if start is None else received[start:end])
        for request, start, end in zip(requests, starts, ends, strict=True)
    )
    first = next((start for start in starts if start is not None), len(received))
    return Transcript(received[:first], exchanges)


class ActionIDs:
    """The recorded ActionIDs, and the client's own ActionIDs for the same actions."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def pair(self, recorded: bytes, actual: bytes) -> None:
        """Replace ``recorded`` by ``actual`` from now on; b"" means no ActionID."""
        if recorded:
            self._known[recorded] = actual

    def translate(self, answer: bytes) -> bytes:
        """The recorded answer with the client's ActionIDs; a line is left out if the client sent none."""
        return _ACTION_ID.sub(self._line, answer)

    def _line(self, found: re.Match[bytes]) -> bytes:
        actual = self._known.get(found[1])
        if actual is None:
            return found[0]
        return b"ActionID: %b\r\n" % actual if actual else b""


def _find_response(received: bytes, action_id: bytes, position: int) -> int | None:
    for found in _RESPONSE.finditer(received):
        if found.end() >= position and (found["id"] or b"") == action_id:
            return found.end()
    return None


def _beside(stem: Path, suffix: str) -> Path:
    # Not with_suffix: the stem itself may contain a dot.
    return stem.with_name(stem.name + suffix)
