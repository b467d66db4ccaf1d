"""Conversation: one connection to Asterisk, from its banner to its end.

Reads the banner, logs in by MD5 challenge (the secret is not on the wire) and
hands what follows to its switchboard.  It is never made to wait for a client:
Asterisk drops a manager that does not read (ami.md §6).  It rests only while
what it would bring waits for the next flush anyway.
"""

import asyncio
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from proxy.ami.framing import UpstreamFramer
from proxy.ami.message import Action, Message
from proxy.config.accounts import uid_of
from proxy.config.limits import Limits
from proxy.config.schema import Upstream as Settings
from proxy.core.ports import Upstream
from proxy.net.peerowner import owner_of
from proxy.net.slices import Slices

_BANNER = re.compile(rb"Asterisk Call Manager(?: Proxy)?/[\x21-\x7e]{1,64}\r?\n")
_LONGEST_BANNER = 256
#: What is read at once of that which came while the link rested.
_READ_BYTES = 1 << 18
#: As often at most, before it leaves.
_READS_AT_ONCE = 4


class Switchboard(Protocol):
    """Whom a conversation is for."""

    @property
    def limits(self) -> Limits:
        """As they are now."""

    def link_up(self, upstream: Upstream, banner: bytes) -> None:
        """It has logged in."""

    def link_down(self, reason: str) -> None:
        """It had logged in, and is over."""

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """What one read completed; how many were taken.  The rest is given again, in a later turn."""

    def oversized(self, head: bytes) -> None:
        """How a message began that was too long and is left out."""


class LinkError(Exception):
    """The link could not be made; the text says why."""


class LoginRejected(LinkError):
    """Asterisk refused our manager user."""


class Conversation(asyncio.Protocol):
    """One connection; ``events`` is the mask that it logs in with, as ``on`` or ``off``."""

    def __init__(self, hub: Switchboard, settings: Settings, secret: bytes, events: bytes = b"on") -> None:
        self._hub = hub
        self._events = events
        self._settings = settings
        self.secret = secret
        self._framer = UpstreamFramer(hub.limits.upstream_message_bytes, hub.limits.upstream_unfinished_bytes)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._banner = b""
        self._expected = b""  # the ActionID of our own step
        self._receive: Callable[[bytes], None] = self._await_banner
        self._outgoing: list[bytes] = []
        #: What was read and waits for its turn; meanwhile nothing more is read.
        self._slices = Slices(hub, time.perf_counter)
        self._due = False
        #: The hub has asked for a rest.
        self._resting = False
        self._listening = True
        self.logged_in: asyncio.Future[None] = self._loop.create_future()
        self.logged_in.add_done_callback(_looked_at)
        self.lost: asyncio.Future[str] = self._loop.create_future()
        #: When the last whole message came: what has no end is no sign of life.
        self.last_received = self.last_sent = self._loop.time()
        #: It has logged in, and is not over.
        self.is_up = False

    # -- asyncio.Protocol --------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # uvloop's transports are no subclasses of asyncio's: only the interface is the same.
        self._transport = cast("asyncio.Transport", transport)
        # The link is never made to wait: what we send is small, and bounded by the window.
        self._transport.set_write_buffer_limits(high=1 << 24)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._end(f"connection lost: {exc}" if exc else "closed by Asterisk")

    # -- logging in --------------------------------------------------------

    def _await_banner(self, data: bytes) -> None:
        self._buffer += data
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline and len(line) < _LONGEST_BANNER:
            return
        if not _BANNER.fullmatch(line + newline):
            self._fail(LinkError("what listens there does not greet as an Asterisk manager"))
            return
        try:
            # Not before there is a banner: a connection that nobody accepted has no owner yet.
            self._check_owner()
        except LinkError as error:
            self._fail(error)
            return
        self._banner = line.removesuffix(b"\r") + b"\r\n"
        self._buffer = b""
        self._receive = self._await_challenge
        self._step(b"Challenge", (b"AuthType", b"MD5"))
        if rest:
            self._receive(rest)

    def _check_owner(self) -> None:
        if self._settings.expect_user is not None:
            assert self._transport is not None
            _check_owner(self._transport, self._settings.expect_user)

    def _await_challenge(self, data: bytes) -> None:
        reply, _ = self._own_reply(data)
        if reply is None:
            return
        challenge = reply.get(b"challenge")
        name = (b"Username", self._settings.username.encode())
        if challenge:
            # AMI's own scheme; the challenge is fresh for each connection.
            key = hashlib.md5(challenge + self.secret, usedforsecurity=False).hexdigest().encode()
            self._receive = self._await_login
            self._step(b"Login", (b"AuthType", b"MD5"), name, (b"Key", key), (b"Events", self._events))
        elif self._trusted():
            self._receive = self._await_login
            self._step(b"Login", name, (b"Secret", self.secret), (b"Events", self._events))
        else:
            text = reply.get(b"message").decode("latin-1")
            self._fail(
                LoginRejected(
                    f"no challenge was given ({text!r}), and the secret itself goes only to a process "
                    "of root's, ours or upstream.expect_user's"
                )
            )

    def _trusted(self) -> bool:
        """Whether the other end may see the secret itself: it is root's, ours or ``expect_user``'s.

        Any Asterisk gives a challenge; who sits on its port to catch a login would not.
        """
        owner = _owner(self._transport)
        expected = self._settings.expect_user
        # With expect_user the owner was checked before anything was sent.
        return owner is not None and (expected is not None or owner in {0, os.getuid()})

    def _await_login(self, data: bytes) -> None:
        reply, rest = self._own_reply(data)
        if reply is None:
            return
        if reply.get(b"response") != b"Success":
            text = reply.get(b"message").decode("latin-1")
            self._fail(LoginRejected(f"Asterisk refused user {self._settings.username!r}: {text!r}"))
            return
        self._receive = self._relay
        self.logged_in.set_result(None)
        self.is_up = True
        self._hub.link_up(self, self._banner)
        if rest:
            self._take(rest, (), sound=False)

    def _own_reply(self, data: bytes) -> tuple[Message | None, list[bytes]]:
        """The answer to our step, and what came behind it; None until it is there."""
        messages = self._cut(data)
        for number, raw in enumerate(messages):
            reply = Message(raw)
            if raw.startswith(b"Response:") and reply.get(b"actionid") == self._expected:
                return reply, messages[number + 1 :]
        return None, []

    def _step(self, name: bytes, *headers: tuple[bytes, bytes]) -> None:
        self._expected = secrets.token_hex(16).encode()
        assert self._transport is not None
        self._transport.write(Action([(b"Action", name), *headers]).serialise(self._expected))

    # -- relaying ----------------------------------------------------------

    def _relay(self, data: bytes) -> None:
        self._take(self._cut(data), self._framer.cut, self._framer.sound)

    def _take(self, messages: Sequence[bytes], cut: Sequence[tuple[int, bytes]], sound: bool) -> None:
        if not cut and not self._slices:
            # Mostly there is little, and nothing before it.
            taken = self._hub.from_upstream(messages, sound) if messages else 0
            if taken < len(messages):
                self._slices.add(messages[taken:], (), sound)
                self._go_on()
            return
        self._slices.add(messages, cut, sound)
        if not self._due:
            self._hand_over()

    def _hand_over(self) -> None:
        self._due = False
        try:
            self._slices.run()
        finally:
            self._go_on()

    def _go_on(self) -> None:
        if self._slices:
            self._due = True
            self._loop.call_soon(self._hand_over)
        self._listen()

    def _cut(self, data: bytes) -> list[bytes]:
        discarded = self._framer.discards
        messages = self._framer.feed(data)
        # The end of what is thrown away is a sign of life: it may have been a Pong that it took along.
        if messages or self._framer.cut or (discarded and not self._framer.discards):
            self.last_received = self._loop.time()
        return messages

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._framer.inside

    def send(self, data: bytes) -> None:
        """See Upstream.  What one turn of the loop brings together leaves together."""
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing.append(data)

    def rest(self) -> None:
        """See Upstream.  The kernel keeps what comes, for as long as one flush takes to be due."""
        self._resting = True
        self._listen()

    def catch_up(self) -> None:
        """See Upstream."""
        for _ in range(_READS_AT_ONCE):
            if not self._resting or self._slices:
                return
            assert self._transport is not None
            try:
                data = os.read(self._transport.get_extra_info("socket").fileno(), _READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.read_on()  # its end, or a broken connection: the loop finds out
                return
            self.data_received(data)
            if len(data) < _READ_BYTES:
                return

    def read_on(self) -> None:
        """See Upstream."""
        self._resting = False
        self._listen()

    def _listen(self) -> None:
        """Read, or leave what comes in the kernel, in its order."""
        listening = not self._resting and not self._slices
        if listening == self._listening or self._transport is None or self._transport.is_closing():
            return
        self._listening = listening
        if listening:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _write(self) -> None:
        self.read_on()  # an answer is awaited
        self.last_sent = self._loop.time()
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def recycle(self, reason: str) -> None:
        """See Upstream."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    # -- the end -----------------------------------------------------------

    def _fail(self, error: LinkError) -> None:
        if not self.logged_in.done():
            self.logged_in.set_exception(error)
        self.recycle(str(error))

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self._receive = _ignore
        self._slices.finish()  # what came before the end comes before it
        self.lost.set_result(reason)
        if not self.logged_in.done():
            self.logged_in.set_exception(LinkError(reason))
        elif self.is_up:
            self.is_up = False
            self._hub.link_down(reason)


def _looked_at(future: "asyncio.Future[None]") -> None:
    """Who would have asked may be cancelled before it can: that is nothing to warn of."""
    if not future.cancelled():
        future.exception()


def _ignore(_data: bytes) -> None:
    """The conversation is over."""


def _owner(transport: asyncio.BaseTransport | None) -> int | None:
    """The uid at the other end of a loopback connection; None where that cannot be told."""
    if transport is None or transport.is_closing():
        return None
    host, port = transport.get_extra_info("peername")[:2]
    our_host, our_port = transport.get_extra_info("sockname")[:2]
    return owner_of(host, port, our_host, our_port)


def _check_owner(transport: asyncio.BaseTransport, user: str) -> None:
    """Raise LinkError unless ``user`` (login name or uid) owns the other end."""
    port = transport.get_extra_info("peername")[1]
    uid = _owner(transport)
    try:
        expected = uid_of(user)
    except KeyError:
        raise LinkError(f"upstream.expect_user: there is no user {user!r} on this host") from None
    if uid != expected:
        raise LinkError(f"port {port} belongs to uid {uid}, not to {user!r}: no login is sent there")


def why(error: Exception) -> str:
    """In words: why there is no connection."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
