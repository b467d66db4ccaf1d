"""Link: the one connection to Asterisk.

Connects, reads the banner, logs in by MD5 challenge (the secret is not on the
wire), hands what follows to the hub, and starts over when the connection
ends: for ever, with backoff and jitter.  It is never made to wait for a client:
Asterisk drops a manager that does not read (ami.md §6).  It rests only while
what it would bring waits for the next flush anyway.
"""

import asyncio
import hashlib
import os
import random
import re
import secrets
from collections.abc import Callable
from enum import Enum
from typing import cast

from proxy import log
from proxy.ami.errors import MessageTooLong
from proxy.ami.framing import UpstreamFramer
from proxy.ami.message import Action, Message
from proxy.config.accounts import uid_of
from proxy.config.limits import Limits
from proxy.config.schema import Upstream as Settings
from proxy.core.hub import Hub
from proxy.net.orphans import OrphanWatch
from proxy.net.peerowner import owner_of

_BANNER = re.compile(rb"Asterisk Call Manager(?: Proxy)?/[\x21-\x7e]{1,64}\r?\n")
_LONGEST_BANNER = 256
#: What is read at once of that which came while the link rested.
_READ_BYTES = 1 << 18
#: As often at most, before it leaves.
_READS_AT_ONCE = 4
_PING = Action([(b"Action", b"Ping")])
#: Seconds over what connecting and logging in may take by the limits, after which the link is stuck.
_STUCK_AFTER = 10.0


class LinkState(Enum):
    """Where the link stands, for the log, the status and the metrics."""

    CONNECTING = "connecting"
    LOGGING_IN = "logging in"
    UP = "up"
    DOWN = "down"
    REJECTED = "login rejected"


class LinkError(Exception):
    """The link could not be made; the text says why."""


class LoginRejected(LinkError):
    """Asterisk refused our manager user."""


class _Conversation(asyncio.Protocol):
    """One connection, from its banner to its end."""

    def __init__(self, hub: Hub, settings: Settings, secret: bytes) -> None:
        self._hub = hub
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
        self._resting = False
        self.logged_in: asyncio.Future[None] = self._loop.create_future()
        self.logged_in.add_done_callback(_looked_at)
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.last_received = self._loop.time()
        self.dropped = 0
        self._up = False

    # -- asyncio.Protocol --------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's: only the interface is the same.
        self._transport = cast("asyncio.Transport", transport)
        # The link is never made to wait: what we send is small, and bounded by the window.
        self._transport.set_write_buffer_limits(high=1 << 24)

    def data_received(self, data: bytes) -> None:
        self.last_received = self._loop.time()
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
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
            self._step(b"Login", (b"AuthType", b"MD5"), name, (b"Key", key), (b"Events", b"on"))
        elif self._trusted():
            self._receive = self._await_login
            self._step(b"Login", name, (b"Secret", self.secret), (b"Events", b"on"))
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
        self._up = True
        self._hub.link_up(self, self._banner)
        self._hub.from_upstream(rest)

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
        messages = self._cut(data)
        if messages:
            self._hub.from_upstream(messages)

    def _cut(self, data: bytes) -> list[bytes]:
        try:
            messages = self._framer.feed(data)
        except MessageTooLong:
            self.recycle("no end of message in what Asterisk sends")
            return []
        if self._framer.dropped:
            self.dropped += self._framer.dropped
            self._framer.dropped = 0
            log.say(log.ERROR, "upstream-message-dropped", reason="too long", total=self.dropped)
        return messages

    def send(self, data: bytes) -> None:
        """See Upstream.  What one turn of the loop brings together leaves together."""
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing.append(data)

    def rest(self) -> None:
        """See Upstream.  The kernel keeps what comes, for as long as one flush takes to be due."""
        if self._transport is not None and not self._resting and not self._transport.is_closing():
            self._resting = True
            self._transport.pause_reading()

    def catch_up(self) -> None:
        """See Upstream."""
        for _ in range(_READS_AT_ONCE):
            if not self._resting:
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
        if not self._resting:
            return
        self._resting = False
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self) -> None:
        self.read_on()  # an answer is awaited
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
        self.lost.set_result(reason)
        if not self.logged_in.done():
            self.logged_in.set_exception(LinkError(reason))
        elif self._up:
            self._hub.link_down(reason)


def _looked_at(future: "asyncio.Future[None]") -> None:
    """Who would have asked may be cancelled before it can: that is nothing to warn of."""
    if not future.cancelled():
        future.exception()


def _ignore(_data: bytes) -> None:
    """The conversation is over."""


class Link:
    """Keeps one conversation with Asterisk going; ``run`` ends only by cancellation."""

    def __init__(self, hub: Hub, settings: Settings, secret: bytes) -> None:
        self._hub = hub
        self._conversation: _Conversation | None = None
        self._pinged = False
        self._retry = asyncio.Event()
        self._began = 0.0
        self._orphans = OrphanWatch(hub.stats)
        self.settings = settings
        self.secret = secret
        self.state = LinkState.CONNECTING
        #: Why the link is not up.
        self.reason = ""

    async def run(self) -> None:
        """Connect, stay, reconnect."""
        attempt = 0
        while True:
            self.state = LinkState.CONNECTING
            self._began = asyncio.get_running_loop().time()
            self._retry.clear()  # what is adopted from here on is worth another attempt at once
            try:
                conversation = await self._connect()
            except (LinkError, OSError, TimeoutError) as error:
                attempt += 1
                rejected = isinstance(error, LoginRejected)
                self.state = LinkState.REJECTED if rejected else LinkState.DOWN
                self.reason = _why(error)
                delay = self._delay(attempt, rejected)
                if attempt == 1 or attempt % 10 == 0:
                    log.say(
                        log.ERROR,
                        "upstream-down",
                        reason=self.reason,
                        attempt=attempt,
                        retry_in=round(delay, 2),
                    )
                await self._pause(delay)
                continue
            attempt = 0
            self.state = LinkState.UP
            self.reason = ""
            log.say(log.INFO, "upstream-up", host=self.settings.host, port=self.settings.port)
            try:
                # Shielded: our own end must leave it open, to be told below.
                self.reason = await asyncio.shield(conversation.lost)
            finally:
                self._conversation = None
                if not conversation.lost.done():
                    conversation.recycle("stopped")
            self.state = LinkState.DOWN
            log.say(log.ERROR, "upstream-down", reason=self.reason)
            await self._pause(self._delay(1, rejected=False))

    @property
    def serves(self) -> bool:
        """Whether clients' actions are sent: Asterisk is there, and has booted."""
        return self.state is LinkState.UP and not self._is_booting

    @property
    def standing(self) -> str:
        """The state in a word, or two."""
        booting = self.state is LinkState.UP and self._is_booting
        return "up, Asterisk is booting" if booting else self.state.value

    @property
    def _is_booting(self) -> bool:
        return self._hub.exchange.linked and not self._hub.exchange.serving

    def adopt(self, settings: Settings, secret: bytes) -> None:
        """New settings or secret: a link that stands is kept if they are the same, else made anew."""
        changed = (settings, secret) != (self.settings, self.secret)
        self.settings, self.secret = settings, secret
        if changed and self._conversation is not None:
            self._conversation.recycle("settings changed")
        if changed or self.state is not LinkState.UP:
            self._retry.set()

    def stuck(self, now: float) -> bool:
        """Whether it neither stands nor comes to an end with trying: a fault that only a restart mends."""
        limits = self._hub.limits
        longest = limits.upstream_connect_timeout + limits.upstream_login_timeout + _STUCK_AFTER
        trying = self.state in {LinkState.CONNECTING, LinkState.LOGGING_IN}
        return trying and self._began > 0 and now - self._began > longest

    def tick(self, now: float) -> None:
        """Once a second: is Asterisk still there, and is it Asterisk alone who speaks?"""
        self._orphans.tick(now)
        conversation = self._conversation
        if conversation is None or self.state is not LinkState.UP or conversation.lost.done():
            return
        silent = now - conversation.last_received
        limits: Limits = self._hub.limits
        if silent < limits.ping_interval:
            self._pinged = False
        elif silent > limits.stall_timeout and (self._pinged or self._hub.exchange.in_flight):
            conversation.recycle(f"Asterisk has sent nothing for {silent:.0f} s")
        elif not self._pinged:
            self._pinged = True
            self._hub.exchange.ask(_PING, _pong)

    async def _connect(self) -> _Conversation:
        settings, limits = self.settings, self._hub.limits
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limits.upstream_connect_timeout):
            _, conversation = await loop.create_connection(
                lambda: _Conversation(self._hub, settings, self.secret), settings.host, settings.port
            )
        try:
            if (settings, self.secret) != (self.settings, conversation.secret):
                raise LinkError("settings changed")
            self.state = LinkState.LOGGING_IN
            # From here on: the hub may be told that the link is up before this task runs again.
            self._conversation = conversation
            self._pinged = False
            async with asyncio.timeout(limits.upstream_login_timeout):
                await asyncio.shield(conversation.logged_in)
        except BaseException:
            self._conversation = None
            # Nobody else will ask how the login went.
            conversation.logged_in.cancel()
            conversation.recycle("login not completed")
            raise
        return conversation

    def _delay(self, attempt: int, rejected: bool) -> float:
        limits = self._hub.limits
        shortest, longest = (
            (limits.rejected_min, limits.rejected_max)
            if rejected
            else (limits.reconnect_min, limits.reconnect_max)
        )
        delay = min(shortest * float(1 << min(attempt - 1, 16)), longest)
        # Jitter against many proxies in step: nothing here is secret.
        return delay * (1 + random.uniform(-limits.reconnect_jitter, limits.reconnect_jitter))  # noqa: S311

    async def _pause(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._retry.wait()
        except TimeoutError:
            return


def _pong(_raw: bytes) -> None:
    """Asterisk is there; that bytes came is noted where they come in."""


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


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
