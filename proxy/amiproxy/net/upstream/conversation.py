"""Conversation: one connection to Asterisk, from its banner to its end.

Reads the banner and logs in by MD5 challenge (the secret is not sent); all later messages pass through its
stream.
"""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from typing import cast

from amiproxy.ami.message import Action, Message
from amiproxy.config.schema import UpstreamSettings
from amiproxy.net.upstream.errors import LinkError, LoginRejected
from amiproxy.net.upstream.slices import ALONE, AMONG_SEVERAL
from amiproxy.net.upstream.socketowner import check_owner, owner_beyond
from amiproxy.net.upstream.stream import Stream
from amiproxy.net.upstream.switchboard import Switchboard
from amiproxy.net.upstream.tls import LinkTls
from amiproxy.net.upstream.turns import Turns

_BANNER = re.compile(rb"Asterisk Call Manager(?: Proxy)?/[\x21-\x7e]{1,64}\r?\n")
_LONGEST_BANNER = 256


class Conversation(asyncio.Protocol):
    """One connection to Asterisk; ``events`` is the event mask of its login, such as ``on`` or ``off``.

    ``tls`` encrypts it; None for plain text.  ``turns``: see ``Link``.
    """

    def __init__(
        self,
        server: Switchboard,
        settings: UpstreamSettings,
        secret: bytes,
        tls: LinkTls | None = None,
        events: bytes = b"on",
        turns: Turns | None = None,
    ) -> None:
        self._server = server
        self._tls = tls
        self._events = events
        self._settings = settings
        self.secret = secret
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._banner = b""
        self._expected = b""  # the ActionID of our pending login action
        self._receive: Callable[[bytes], None] = self._await_banner
        seconds = ALONE if turns is None else AMONG_SEVERAL
        #: The part that reads messages and sends actions.
        self.stream = Stream(server, self, self._loop, turns, self.data_received, seconds)
        #: Done once the server is verified; at once without TLS.
        self.secured: asyncio.Future[None] = self._loop.create_future()
        self.secured.add_done_callback(_looked_at)
        self.logged_in: asyncio.Future[None] = self._loop.create_future()
        self.logged_in.add_done_callback(_looked_at)
        self.lost: asyncio.Future[str] = self._loop.create_future()
        #: Logged in, and not ended.
        self.is_up = False

    # -- asyncio.Protocol --------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # uvloop's transports are not subclasses of asyncio's; they only have the same interface.
        self._transport = cast("asyncio.Transport", transport)
        self.stream.through(self._transport, transport.get_extra_info("socket").fileno())
        # Never pause writing: what we send is small, and bounded by the window of actions in flight.
        self._transport.set_write_buffer_limits(high=1 << 24)
        if self._tls is None:
            self.secured.set_result(None)
        else:
            self._tls.begin()
            self._transport.write(self._tls.take())

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._tls is None:
            self._receive(data)
        else:
            self._decrypt(self._tls, data)

    def _decrypt(self, tls: LinkTls, data: bytes) -> None:
        try:
            plain = tls.decrypt(data)
        except LinkError as error:
            self._fail(error)
            return
        assert self._transport is not None
        if (reply := tls.take()) and not self._transport.is_closing():
            self._transport.write(reply)
        if tls.is_established and not self.secured.done():
            self.secured.set_result(None)
        if plain:
            self._receive(plain)
        if tls.is_closed:
            self.recycle("closed by Asterisk")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        reason = f"connection lost: {exc}" if exc else "closed by Asterisk"
        if self._tls is not None and not self._banner:
            reason += f"; {self._tls.doubt}"
        self._end(reason)

    # -- logging in --------------------------------------------------------

    def _await_banner(self, data: bytes) -> None:
        self._buffer += data
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline and len(line) < _LONGEST_BANNER:
            return
        if not _BANNER.fullmatch(line + newline):
            self._fail(LinkError("the server did not send the banner of an Asterisk manager"))
            return
        try:
            # Not before the banner: until the server accepts the connection, its socket has no owner.
            self._check_owner()
        except LinkError as error:
            self._fail(error)
            return
        self._banner = line.removesuffix(b"\r") + b"\r\n"
        self._buffer = b""
        if self._tls is not None:
            # The server is verified, and may have only a hash of the secret, with which no challenge works.
            self._log_in_plainly()
        else:
            self._receive = self._await_challenge
            self._step(b"Challenge", (b"AuthType", b"MD5"))
        if rest:
            self._receive(rest)

    def _check_owner(self) -> None:
        if self._settings.expect_user is not None:
            assert self._transport is not None
            check_owner(self._transport, self._settings.expect_user)

    def _await_challenge(self, data: bytes) -> None:
        reply, _ = self._own_reply(data)
        if reply is None:
            return
        challenge = reply.get(b"challenge")
        if challenge:
            # AMI's own scheme; the challenge is new for each connection.
            key = hashlib.md5(challenge + self.secret, usedforsecurity=False).hexdigest().encode()
            self._receive = self._await_login
            self._step(b"Login", (b"AuthType", b"MD5"), self._name, (b"Key", key), (b"Events", self._events))
        elif self._trusted():
            self._log_in_plainly()
        else:
            text = reply.get(b"message").decode("latin-1")
            self._fail(
                LoginRejected(
                    f"the server gave no challenge ({text!r}), and the secret itself is only sent to a "
                    "process of root, of our own user or of upstream.expect_user"
                )
            )

    @property
    def _name(self) -> tuple[bytes, bytes]:
        return (b"Username", self._settings.username.encode())

    def _log_in_plainly(self) -> None:
        """Log in with the secret itself."""
        self._receive = self._await_login
        self._step(b"Login", self._name, (b"Secret", self.secret), (b"Events", self._events))

    def _trusted(self) -> bool:
        """Whether the secret itself may be sent: the server runs as root, as us or as ``expect_user``.

        Every Asterisk gives a challenge; a program that took its port to catch logins would not.
        """
        owner = owner_beyond(self._transport)
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
        self._receive = self.stream.relay
        if self._tls is None:
            self.stream.received = self.stream.relay
        self.logged_in.set_result(None)
        self.is_up = True
        self._server.link_up(self.stream, self._banner)
        if rest:
            self.stream.take(rest, (), sound=False)

    def _own_reply(self, data: bytes) -> tuple[Message | None, list[bytes]]:
        """The response to our pending login action, and the messages after it; None until it arrives."""
        messages = self.stream.cut(data)
        for number, raw in enumerate(messages):
            reply = Message(raw)
            if raw.startswith(b"Response:") and reply.get(b"actionid") == self._expected:
                return reply, messages[number + 1 :]
        return None, []

    def _step(self, name: bytes, *headers: tuple[bytes, bytes]) -> None:
        self._expected = secrets.token_hex(16).encode()
        self.put(Action([(b"Action", name), *headers]).serialise(self._expected))

    def put(self, data: bytes) -> None:
        """Write to the socket, encrypted if the connection is.  Called by its stream, too."""
        assert self._transport is not None
        if self._tls is not None:
            self._tls.encrypt(data)
            data = self._tls.take()
        self._transport.write(data)

    @property
    def tls_version(self) -> str:
        """The version of TLS in use, such as ``TLSv1.3``; empty for plain text."""
        return self._tls.version if self._tls is not None else ""

    def recycle(self, reason: str) -> None:
        """See Upstream."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    # -- the end -----------------------------------------------------------

    def _fail(self, error: LinkError) -> None:
        for future in (self.secured, self.logged_in):
            if not future.done():
                future.set_exception(error)
        self.recycle(str(error))

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self._receive = self.stream.received = _ignore
        self.stream.finish()  # hand over what arrived before the end, before the end is reported
        self.lost.set_result(reason)
        if not self.secured.done():
            self.secured.set_exception(LinkError(reason))
        if not self.logged_in.done():
            self.logged_in.set_exception(LinkError(reason))
        elif self.is_up:
            self.is_up = False
            self._server.link_down(reason)


def _looked_at(future: "asyncio.Future[None]") -> None:
    """Mark the exception as retrieved: the awaiting task may have been cancelled first."""
    if not future.cancelled():
        future.exception()


def _ignore(_data: bytes) -> None:
    """Discard input after the end of the conversation."""
