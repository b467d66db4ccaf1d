"""Framing: cut the AMI byte stream into messages.

A message is a run of lines closed by an empty one.  Asterisk writes CRLF but
also *reads* a bare LF as a line end (ami.md §1.1), so a framer that insisted
on CRLF would see one message where Asterisk sees two.  What the headers say is
none of its business, with one exception: up to Asterisk 13 the answer to
``Command`` is free text up to a marker, and only the first lines tell.
"""

import re

from proxy.ami.errors import MessageTooLong
from proxy.ami.relay import RELAY_MARK

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FOLLOWS_END = re.compile(rb"--END COMMAND--\r?\n\r?\n")
_LONGEST_HEAD = len(b"Response: Follows\r\nPrivilege: Command\r\nActionID: ")

#: Bytes of a message that is too long that are kept: whose it is stands in the first lines.
HEAD = 2048

#: Up to so many bytes of an unfinished message, it is looked at again from its beginning with each read.
_SHORT = 16384
_ALL_BUT_LINE_ENDS = bytes(sorted(set(range(256)) - {*b"\r\n\0"}))
#: The line ends of any read of usual length, and more.
_LINE_ENDS = b"\r\n" * 65536
_END = b"\r\n\r\n"

#: Longest overlap of a terminator with what was already searched.
_OVERLAP = len(b"--END COMMAND--\r\n\r\n")


class ActionFramer:
    """Cuts what a client sends.  An empty line where a message should start is a message too.

    Asterisk answers such a line with ``Missing action in request``, so it is
    returned (as the line itself) instead of being skipped.
    Memory is bounded by ``limit`` plus one read.
    """

    __slots__ = ("_buffer", "_searched", "limit")

    def __init__(self, limit: int = 65536) -> None:
        self._buffer = b""
        self._searched = 0
        self.limit = limit

    @property
    def pending(self) -> int:
        """Bytes of the unfinished message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completed, blank line included.

        Raises MessageTooLong when the unfinished message is over the limit.
        There is no way back into step: close the stream.
        """
        buffer = self._buffer + data if self._buffer else data
        messages: list[bytes] = []
        start = 0
        search_from = self._searched
        end = len(buffer)
        # Where the next empty line is, of either kind; a regular expression would try at each line's end.
        bare = full = -1
        while start < end:
            if buffer.startswith(b"\r\n", start):
                stop = start + 2
            elif buffer.startswith(b"\n", start):
                stop = start + 1
            else:
                # Behind everything, where there is none.
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
    """Cuts what Asterisk sends.  Stray empty lines between messages are skipped (ami.md §1.2).

    A complete message over ``limit`` bytes is left out.  One that has no end
    within ``longest`` bytes is thrown away as it comes, up to its end, so that
    memory is bounded however long it is.  Of both the beginning is in ``cut``,
    with the place that it would have had in the list that ``feed`` returned.

    Free text is taken for such only if its ActionID begins with ``mark``, which
    nobody but us and Asterisk knows: a caller's ``Response: Follows`` (ami.md
    §4.4) would otherwise swallow what comes for everybody.
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
        #: What ends the message that is being thrown away; None if there is none.
        self._end: re.Pattern[bytes] | None = None
        #: Messages that were too long: their places in what ``feed`` returned last, and how they began.
        self.cut: list[tuple[int, bytes]] = []
        #: Whether all line ends of what ``feed`` returned last are CRLF, and no NUL is in it.  Where this is
        #: False, that may be so or not.
        self.sound = False
        self.limit = limit
        self.longest = longest

    @property
    def inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    @property
    def discards(self) -> bool:
        """Whether what comes is thrown away, up to the end of a message that is too long."""
        return self._end is not None

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completed, blank line included; see ``cut`` for the others."""
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
        # As in ActionFramer.  Asterisk writes none of the bare kind, so that is looked for once.
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
        """What ``feed`` returns where it is sound and has no surprises; None if it may not be so."""
        ends = buffer.translate(None, _ALL_BUT_LINE_ENDS)
        if ends != _LINE_ENDS[: len(ends)] or b"Response: Follows" in buffer:
            return None
        if len(buffer) > self.limit or len(buffer) > self.longest:
            return None
        parts = buffer.split(_END)
        rest = parts.pop()
        # Before any letter: an empty line where a message should begin.
        if parts and min(parts) < b" ":
            return None
        self._buffer = rest
        self._searched = max(0, len(rest) - _OVERLAP)
        return [part + _END for part in parts]

    def _end_of_answer(self, head: bytes) -> re.Pattern[bytes] | None:
        """What ends an answer that begins like this; None if more of it is needed to tell."""
        if self._free_text.match(head):
            return _FOLLOWS_END
        if len(head) < self._head_length and not _BLANK_LINE.search(head):
            return None
        return _BLANK_LINE


def _stray_line(buffer: bytes, start: int) -> int:
    """Length of the empty line at ``start``; 0 if the next byte is needed to tell.

    A CR that no LF follows is not a line end: it is skipped as one byte of noise.
    """
    if buffer[start] == 0x0A:
        return 1
    if start + 1 == len(buffer):
        return 0
    return 2 if buffer[start + 1] == 0x0A else 1
