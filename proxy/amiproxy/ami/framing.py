"""Framing: cut the AMI byte stream into messages.

A message is a run of lines ended by an empty line.  Asterisk writes CRLF but
also *accepts* a bare LF as a line end (measured), so a framer that insisted on
CRLF would see one message where Asterisk sees two.  The framers do not look at
headers, with one exception: up to Asterisk 13 the response to ``Command`` is
free text up to a marker, which only its first lines show.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.errors import MessageTooLong
from amiproxy.ami.relay import RELAY_MARK

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_FOLLOWS_END = re.compile(rb"--END COMMAND--\r?\n\r?\n")
_LONGEST_HEAD = len(b"Response: Follows\r\nPrivilege: Command\r\nActionID: ")

#: Bytes kept of a message that is too long: its first lines say which action it answers.
HEAD = 2048

#: An unfinished message of up to this many bytes is scanned again from its beginning with each read.
_SHORT: Final = 16384
_ALL_BUT_LINE_ENDS: Final = bytes(sorted(set(range(256)) - {*b"\r\n\0"}))
_END: Final = b"\r\n\r\n"

#: Longest part of a terminator that may lie in the bytes searched already.
_OVERLAP: Final = len(b"--END COMMAND--\r\n\r\n")


class ActionFramer:
    """Cuts the client's stream into messages.  An empty line where a message should start is a message too.

    Asterisk answers such a line with ``Missing action in request``, so it is
    returned (as the line itself) instead of being skipped.
    Memory is bounded by ``limit`` (bytes of one message) plus one read.
    """

    __slots__ = ("_buffer", "_searched", "limit")

    def __init__(self, limit: int = 65536) -> None:
        self._buffer = b""
        self._searched = 0
        self.limit = limit

    @property
    def pending(self) -> int:
        """Number of buffered bytes of the unfinished message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completed, each with its blank line.

        Raises MessageTooLong when a message, finished or not, is over the limit.
        The stream cannot be resynchronised after that: close it.
        """
        buffer = self._buffer + data if self._buffer else data
        messages: list[bytes] = []
        start = 0
        search_from = self._searched
        end = len(buffer)
        # Position of the next empty line of either kind (LF, CRLF).  A regular expression would be slower:
        # it tries at the end of each line.
        bare = full = -1
        while start < end:
            if buffer.startswith(b"\r\n", start):
                stop = start + 2
            elif buffer.startswith(b"\n", start):
                stop = start + 1
            else:
                # ``end`` stands for "not found".
                if bare < search_from:
                    bare = buffer.find(b"\n\n", search_from)
                    if bare < 0:
                        bare = end
                if full < search_from:
                    full = buffer.find(b"\n\r\n", search_from)
                    if full < 0:
                        full = end
                if bare == full:
                    break
                stop = bare + 2 if bare < full else full + 3
            if stop - start > self.limit:
                raise MessageTooLong
            messages.append(buffer[start:stop])
            start = search_from = stop
        self._buffer = buffer[start:] if start else buffer
        if len(self._buffer) > self.limit:
            raise MessageTooLong
        self._searched = max(0, len(self._buffer) - 2)
        return messages


class UpstreamFramer:
    """Cuts Asterisk's stream into messages.  Skips the stray empty lines that Asterisk writes between them.

    A complete message over ``limit`` bytes is left out.  A message that does not
    end within ``longest`` bytes is discarded as it arrives, up to its end, so that
    memory is bounded however long it is.  ``cut`` has the beginning of both kinds,
    with the index that the message would have had in the list that ``feed`` returned.

    A response is read as free text only if its ActionID begins with ``mark``, which
    only the proxy and Asterisk know.  Otherwise a caller who gets ``Response: Follows``
    into a value could make the framer swallow the messages of all clients.
    """

    __slots__ = (
        "_buffer",
        "_end",
        "_free_text",
        "_head_length",
        "_searched",
        "cut",
        "limit",
        "longest",
        "sound",
    )

    def __init__(self, limit: int = 1 << 20, longest: int = 4 << 20, mark: bytes = RELAY_MARK) -> None:
        self._buffer = b""
        self._searched = 0
        self._free_text = re.compile(
            rb"Response: Follows\r?\n(?:Privilege: Command\r?\n)?ActionID: " + re.escape(mark)
        )
        self._head_length = _LONGEST_HEAD + len(mark)
        #: Terminator of the message that is being discarded; None if no message is.
        self._end: re.Pattern[bytes] | None = None
        #: Messages that were too long: (index in the list that ``feed`` returned last, first HEAD bytes).
        self.cut: list[tuple[int, bytes]] = []
        #: True if all line ends in what ``feed`` returned last are CRLF, and it contains no NUL.  False says
        #: nothing either way.
        self.sound = False
        self.limit = limit
        self.longest = longest

    @property
    def inside(self) -> bool:
        """Whether the stream is inside a message."""
        return bool(self._buffer)

    @property
    def discards(self) -> bool:
        """Whether input is being discarded, up to the end of a message that is too long."""
        return self._end is not None

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completed, each with its blank line; ``cut`` has the others.

        Each call replaces ``cut``.  It never raises: what is too long is discarded.
        """
        if self.cut:
            self.cut = []
        if self._end is None and len(self._buffer) <= _SHORT:
            messages = self._sound_messages(self._buffer + data)
            if messages is not None:
                self.sound = True
                return messages
        self.sound = False
        buffer = self._buffer + data if self._buffer else data
        if self._end is not None:
            found = self._end.search(buffer)
            if found is None:
                self._buffer = buffer[-_OVERLAP:]
                return []
            self._end = None
            self._searched = 0
            buffer = buffer[found.end() :]
        messages = []
        start = 0
        search_from = self._searched
        end = len(buffer)
        pattern: re.Pattern[bytes] | None = None
        # As in ActionFramer.  Asterisk never writes the bare kind, so it is searched for only once.
        bare = full = -1
        limit = self.limit
        while start < end:
            first = buffer[start]
            if first <= 0x0D and first in b"\r\n":
                stray = _stray_line(buffer, start)
                if stray == 0:
                    break
                start += stray
                search_from = start
                continue
            if first == 0x52 and buffer.startswith(b"Response: Follows", start):
                pattern = self._end_of_answer(buffer[start : start + self._head_length])
                if pattern is None:
                    break
                found = pattern.search(buffer, max(search_from, start))
                if found is None:
                    break
                stop = found.end()
            else:
                pattern = _BLANK_LINE
                search_from = max(search_from, start)
                if bare < search_from:
                    bare = buffer.find(b"\n\n", search_from)
                    if bare < 0:
                        bare = end
                if full < search_from:
                    full = buffer.find(b"\n\r\n", search_from)
                    if full < 0:
                        full = end
                if bare == full:
                    break
                stop = bare + 2 if bare < full else full + 3
            if stop - start > limit:
                self.cut.append((len(messages), buffer[start : min(stop, start + HEAD)]))
            else:
                messages.append(buffer[start:stop])
            start = search_from = stop
        self._buffer = buffer[start:] if start else buffer
        if len(self._buffer) > self.longest:
            self._end = pattern
            self.cut.append((len(messages), self._buffer[:HEAD]))
            self._buffer = self._buffer[-_OVERLAP:]
        self._searched = max(0, len(self._buffer) - _OVERLAP)
        return messages

    def _sound_messages(self, buffer: bytes) -> list[bytes] | None:
        """The fast path of ``feed``, for input that is ``sound`` and ordinary; None if it may not be."""
        others = len(buffer.translate(None, _ALL_BUT_LINE_ENDS)) - 2 * buffer.count(b"\r\n")
        # The CR at the end of a read may be half of a line end.
        if others and (others > 1 or not buffer.endswith(b"\r")):
            return None
        if len(buffer) > self.limit or len(buffer) > self.longest:
            return None
        parts = buffer.split(_END)
        rest = parts.pop()
        # Line ends sort before letters: this is an empty line where a message should begin.
        if parts and min(parts) < b" ":
            return None
        messages: list[bytes] = []
        for part in parts:
            if part.startswith(b"Response: Follows"):
                return None
            messages.append(part + _END)
        if rest.startswith(b"Response: Follows"):
            return None
        self._buffer = rest
        self._searched = max(0, len(rest) - _OVERLAP)
        return messages

    def _end_of_answer(self, head: bytes) -> re.Pattern[bytes] | None:
        """The terminator of a response that begins with ``head``; None if more bytes are needed to decide."""
        if self._free_text.match(head):
            return _FOLLOWS_END
        if len(head) < self._head_length and not _BLANK_LINE.search(head):
            return None
        return _BLANK_LINE


def _stray_line(buffer: bytes, start: int) -> int:
    """Length of the empty line at ``start``; 0 if the next byte is needed to decide.

    A CR without an LF after it does not end a line: it is skipped as one byte of noise.
    """
    if buffer[start] == 0x0A:
        return 1
    if start + 1 == len(buffer):
        return 0
    return 2 if buffer[start + 1] == 0x0A else 1
