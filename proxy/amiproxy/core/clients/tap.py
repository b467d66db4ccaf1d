"""Taps: show an operator live what one user's sessions send and are sent.

A tap costs nothing while it is not in use: it replaces the session's framer and the sender
of its outbox, and restores both when it is removed.

If the session's door has a form of its own, what is shown is AMI all the same: the actions as the door gives
them to the session, and the answers as the session gives them to the door's writer, which the tap replaces
instead of the sender.  The events of such a session are not shown, because they are only there in the door's
form, in which a secret could not be found.
"""

from collections.abc import Callable
from typing import Protocol

from amiproxy.ami.encodings.json import messages_in
from amiproxy.core.audit.masking import masked
from amiproxy.core.clients.session import Session
from amiproxy.core.model.users import folded
from amiproxy.core.ports import AnswerWriter, Framing, Sender

_END_OF_MESSAGE = b"\r\n\r\n"
#: Bytes past which an unfinished message is shown in pieces.
_LONGEST = 64 << 10


class Watcher(Protocol):
    """Receives the messages of tapped sessions."""

    def saw(self, session: Session, sent: bool, message: bytes) -> None:
        """Take a message that the session was sent (``sent``) or that came from it; secrets are masked.

        It is a whole message.
        """


class Tap:
    """Copies the input and output of one session to its watchers."""

    __slots__ = ("_framer", "_partial", "_sender", "_session", "_writer", "watchers")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._partial = b""
        self.watchers: list[Watcher] = []
        self._framer: Framing
        self._sender: Sender
        self._framer, self._sender = session.streams
        self._writer: AnswerWriter | None = session.writer
        if self._writer is None:
            session.streams = self, self
        else:
            session.streams = self, self._sender
            session.writer = _TappedWriter(self._writer, self._show_answer)

    def remove(self) -> None:
        """Restore the session's own framer, sender and writer."""
        self._session.streams = self._framer, self._sender
        self._session.writer = self._writer

    def feed(self, data: bytes) -> list[bytes]:
        """See Framing in ports.py."""
        messages = self._framer.feed(data)
        for message in messages:
            self._show(False, message)
        return messages

    def write(self, data: bytes) -> int:
        """See Sender in ports.py."""
        return self.send(data)

    def send(self, data: bytes | memoryview) -> int:
        """See Sender in ports.py."""
        taken = self._sender.send(data)
        *messages, rest = (self._partial + bytes(data[:taken])).split(_END_OF_MESSAGE)
        for message in messages:
            self._show(True, message + _END_OF_MESSAGE)
        if len(rest) > _LONGEST:
            # Cut at the end of a line: otherwise a secret could be separated from its header's name,
            # and would not be masked.
            head, end, rest = rest.rpartition(b"\n")
            self._show(True, head + end)
            rest = rest if len(rest) <= _LONGEST else b""
        self._partial = rest
        return taken

    def _show_answer(self, data: bytes) -> None:
        for message in messages_in(data):
            self._show(True, message)

    def _show(self, sent: bool, message: bytes) -> None:
        if message.strip():
            shown = masked(message)
            for watcher in list(self.watchers):
                watcher.saw(self._session, sent, shown)


class _TappedWriter:
    """A writer that shows what it is given."""

    __slots__ = ("_show", "_writer", "ended", "farewell", "link")

    def __init__(self, writer: AnswerWriter, show: Callable[[bytes], None]) -> None:
        self._writer = writer
        self._show = show
        self.ended = writer.ended
        self.farewell = writer.farewell
        self.link = writer.link

    def banner(self, banner: bytes) -> bytes:
        """See AnswerWriter."""
        return self._writer.banner(banner)

    def answer(self, data: bytes) -> bytes:
        """See AnswerWriter."""
        self._show(data)
        return self._writer.answer(data)


class Taps:
    """The taps of all sessions; user names are matched without regard to case."""

    def __init__(self) -> None:
        self._watchers: dict[bytes, list[Watcher]] = {}
        self._taps: dict[Session, Tap] = {}

    def watch(self, user: str, sessions: list[Session], watcher: Watcher) -> None:
        """Show the user's open sessions, and those that log in later."""
        self._watchers.setdefault(folded(user), []).append(watcher)
        for session in sessions:
            self._tap(session, watcher)

    def unwatch(self, user: str, watcher: Watcher) -> None:
        """End a ``watch``."""
        watchers = self._watchers[folded(user)]
        watchers.remove(watcher)
        if not watchers:
            del self._watchers[folded(user)]
        for session, tap in list(self._taps.items()):
            if watcher in tap.watchers:
                tap.watchers.remove(watcher)
            if not tap.watchers:
                tap.remove()
                del self._taps[session]

    def entered(self, session: Session) -> None:
        """Tap a session that has logged in, if its user is watched."""
        assert session.principal.user is not None
        for watcher in self._watchers.get(folded(session.principal.user.name), ()):
            self._tap(session, watcher)

    def left(self, session: Session) -> None:
        """Forget a session that ends; its tap stays in place, so that its last bytes are still shown."""
        self._taps.pop(session, None)

    def _tap(self, session: Session, watcher: Watcher) -> None:
        tap = self._taps.get(session)
        if tap is None:
            tap = self._taps[session] = Tap(session)
        tap.watchers.append(watcher)
