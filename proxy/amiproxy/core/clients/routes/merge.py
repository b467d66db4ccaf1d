"""Merge: one event list of the answers of several servers to the same list query.

The client is sent one response, the items of all servers as they come, each with its ``Server`` header, and
one last event, which adds up the counts and says which servers' lists are in it and which are missing.  What
a server answers instead of a list is not sent between the items, because client libraries take everything
with their ActionID for a part of the list.
"""

# mypyc: compiled

import re
from collections.abc import Callable
from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.answers import succeeded
from amiproxy.ami.listqueries import COUNTS, says_empty
from amiproxy.ami.message import Action, Message
from amiproxy.ami.relay import event_list_of
from amiproxy.ami.stamp import AROUND_NAME, without_server
from amiproxy.core.servers.answers.failures import NO_ANSWER

_END: Final = b"\r\n\r\n"
#: Headers of ours that a server could write into a response.
_FOREIGN: Final = re.compile(
    rb"\n" + AROUND_NAME + rb"(?i:servers|serversmissing)" + AROUND_NAME + rb":[^\n]*+(?=\n)"
)
#: A count that a server may send.  Python raises an error for numbers of thousands of digits.
_COUNT: Final = re.compile(rb"[0-9]{1,15}")
#: Headers of a last event that are not taken over from a server's, in lower case.
_OURS: Final = frozenset(
    {b"event", b"actionid", b"eventlist", b"listitems", b"server", b"servers", b"serversmissing"}
)


class Questioner(Protocol):
    """The session that is sent the merged list.  See ``Requester`` in requester.py."""

    def reply(self, data: bytes) -> None:
        """Take part of the answer: whole messages, with the session's own ActionID."""

    def finished(self) -> None:
        """The answer is complete."""

    def limit_reached(self, limit: str, **fields: object) -> None:
        """The answer exceeds this limit, named as in the configuration."""


class Part:
    """The answer of one server, as its requester receives it."""

    __slots__ = ("_merge", "ack", "error", "items", "last", "leave", "name", "over", "stamp")

    def __init__(
        self, merge: "Merge", name: bytes, stamp: Callable[[bytes], bytes], leave: Callable[[], None]
    ) -> None:
        self._merge = merge
        self.name = name
        self.stamp: Callable[[bytes], bytes] = stamp
        self.leave: Callable[[], None] = leave
        #: A response that announces no list; items may follow even so.
        self.ack = b""
        #: The server's error, or ours in its place; b"" if there is none.
        self.error = b""
        #: The last event of its list, or an item that looks like it, if nothing has followed yet.
        self.last = b""
        #: How many of its items the client was sent.
        self.items = 0
        #: Whether nothing more of it comes.
        self.over = False

    @property
    def is_missing(self) -> bool:
        """Whether the client has not had all of the server's list."""
        return not self.over or (bool(self.error) and not says_empty(self.error))

    def reply(self, data: bytes) -> None:
        """Take one or more whole messages of the answer."""
        if data.startswith(b"Response: Follows"):
            # Free text, which no server of ours sends instead of a list: it could look like further messages.
            self.error = message.error(self._merge.action_id, NO_ANSWER)
            return
        if data.startswith(b"Response:"):
            end = data.index(_END) + len(_END)
            self._respond(data[:end])
            data = data[end:]
        if data:
            self._take_events(data)

    def _respond(self, raw: bytes) -> None:
        if not succeeded(raw):
            self.error = raw
        elif event_list_of(raw) == b"start":
            self._merge.begin(raw)
        elif not self.ack:
            self.ack = raw

    def _take_events(self, data: bytes) -> None:
        if self.last:
            data = self.last + data  # more follows, so it was an item with the name of the last event
        start = data.rfind(_END, 0, -len(_END))
        start = 0 if start < 0 else start + len(_END)
        if data.startswith(self._merge.last_line, start):
            self.last = data[start:]
            data = data[:start]
        else:
            self.last = b""
        if data:
            self._merge.begin(self.ack)
            self.items += data.count(_END)
            self._merge.pass_on(self.stamp(data))

    def finished(self) -> None:
        """The answer is complete."""
        self._end()

    def failed(self, data: bytes, reason: bytes) -> None:
        """The rest of the answer will not come; see ``Requester.failed``."""
        if not self.error:
            is_error = data.startswith(b"Response:")
            self.error = data if is_error else message.error(self._merge.action_id, reason)
        self._end()

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self._merge.settle()


class Merge:
    """The answers to one list query."""

    __slots__ = (
        "_action",
        "_begun",
        "_complete",
        "_items",
        "_most",
        "_questioner",
        "action_id",
        "is_over",
        "last_line",
        "parts",
    )

    def __init__(self, questioner: Questioner, action: Action, complete: bytes, most: int) -> None:
        """``complete`` is the name of the event that ends each server's list.

        The list is cancelled when it has more than ``most`` items.
        """
        self._questioner = questioner
        self._action = action
        self._complete = complete
        self._most = most
        self._items = 0
        #: Whether the client has been sent the response.
        self._begun = False
        self.action_id = action.action_id
        #: How each server's last event begins.
        self.last_line = b"Event: %b\r\n" % complete
        #: Whether the client has been sent everything.
        self.is_over = False
        #: One for each server, in the order of the configuration.
        self.parts: list[Part] = []

    def add(self, name: bytes, stamp: Callable[[bytes], bytes], leave: Callable[[], None]) -> Part:
        """Await the answer of this server.  All must be added before the first of them answers.

        ``stamp`` returns whole messages with the server's header in each; ``leave`` is called if the server's
        answer is not awaited any more.
        """
        part = Part(self, name, stamp, leave)
        self.parts.append(part)
        return part

    def dismiss(self, text: bytes) -> None:
        """End the answer now: as a list that was cancelled, or with this error if no list has begun."""
        if self.is_over:
            return
        if self._begun:
            self._end(self._last_event(b"Cancelled"))
        else:
            self._end(message.error(self.action_id, text))

    # -- from the parts ----------------------------------------------------

    def begin(self, response: bytes) -> None:
        """Send the response, with which a server's list begins, unless the client has had one.

        b"" if the server has sent items without a response.
        """
        if self._begun or self.is_over:
            return
        self._begun = True
        announcing = _announcing(response or message.response(b"Success", self.action_id))
        self._questioner.reply(without_server(announcing))

    def pass_on(self, items: bytes) -> None:
        """Send items of a server."""
        if self.is_over:
            return
        self._items += items.count(_END)
        self._questioner.reply(items)
        if self._items > self._most:
            self._questioner.limit_reached("list_items", action=self._action.name)
            self._end(self._last_event(b"Cancelled"))

    def settle(self) -> None:
        """End the answer, if nothing more of it comes."""
        if not self.is_over and all(part.over for part in self.parts):
            self._end(self._last_event(b"Complete") if self._begun else self._without_list())

    def _end(self, data: bytes) -> None:
        self.is_over = True
        for part in self.parts:
            if not part.over:
                part.over = True
                part.leave()
        self._questioner.reply(data)
        self._questioner.finished()

    # -- what ends it ------------------------------------------------------

    def _last_event(self, how: bytes) -> bytes:
        lasts = [Message(part.last) for part in self.parts if part.last and not part.error]
        counts: dict[bytes, int] = {}
        for last in lasts:
            for name, value in last.headers:
                key = name.lower()
                if key in COUNTS and _COUNT.fullmatch(value):
                    counts[key] = counts.get(key, 0) + int(value)
        # The items of a server that did not end its list are in the merged one, too.
        unended = sum(part.items for part in self.parts if not part.last or part.error)
        headers = [(b"ActionID", self.action_id)] if self.action_id else []
        headers.append((b"EventList", how))
        headers.append((b"ListItems", b"%d" % (counts.get(b"listitems", 0) + unended)))
        for name, value in lasts[0].headers if lasts else []:
            key = name.strip().lower()
            if key not in _OURS:
                headers.append((name, b"%d" % counts[key] if key in counts else value))
        return message.event(self._complete, *headers, *self._servers())

    def _without_list(self) -> bytes:
        acks = [part.ack for part in self.parts if part.ack and not part.error]
        empty = [part.error for part in self.parts if part.error and not part.is_missing]
        errors = [part.error for part in self.parts if part.error]
        found = [*acks, *empty, *errors, message.error(self.action_id, NO_ANSWER)][0]
        return (
            _FOREIGN.sub(b"", without_server(found))[:-2]
            + b"".join([b"%b: %b\r\n" % header for header in self._servers()])
            + b"\r\n"
        )

    def _servers(self) -> list[tuple[bytes, bytes]]:
        here = [part.name for part in self.parts if not part.is_missing]
        missing = [part.name for part in self.parts if part.is_missing]
        headers = [(b"Servers", b", ".join(here))] if here else []
        if missing:
            headers.append((b"ServersMissing", b", ".join(missing)))
        return headers


def _announcing(response: bytes) -> bytes:
    """The response with the ``EventList: start`` of a list, which some modules leave out."""
    if event_list_of(response) == b"start":
        return response
    lines = response.split(b"\r\n")
    place = 2 if lines[1].startswith(b"ActionID:") else 1
    return b"\r\n".join([*lines[:place], b"EventList: start", *lines[place:]])
