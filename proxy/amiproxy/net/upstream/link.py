"""Link: the one connection to Asterisk that carries all events and most responses.

Connects, logs in, hands all later messages to the server, and reconnects when the
connection ends: indefinitely, with backoff and jitter.
"""

import asyncio
from enum import Enum

from amiproxy import log
from amiproxy.config.schema import UpstreamSettings
from amiproxy.core.model.limits import Limits
from amiproxy.core.servers.server import Server
from amiproxy.net.loop.backoff import Backoff
from amiproxy.net.upstream.conversation import Conversation
from amiproxy.net.upstream.dialler import Dialler, same_way
from amiproxy.net.upstream.errors import LinkError, LoginRejected, why
from amiproxy.net.upstream.turns import Turns
from amiproxy.net.upstream.unsolicited import UnsolicitedWatch

#: Seconds beyond the limits for connecting and login after which the link counts as stuck.
_STUCK_AFTER = 10.0
#: Keeps several proxies from reconnecting in step.
_JITTER = 0.3
#: The pauses after Asterisk refused the login.  An operator has to correct a secret first, and a reload tries
#: that at once.  Asterisk logs every refused login, and fail2ban may count them.
_REJECTED = Backoff(5.0, 60.0, _JITTER)


class LinkState(Enum):
    """State of the link, for the log, the status and the metrics."""

    CONNECTING = "connecting"
    LOGGING_IN = "logging in"
    UP = "up"
    DOWN = "down"
    REJECTED = "login rejected"


class Link:
    """Maintains one conversation with Asterisk; ``run`` ends only by cancellation.

    ``dialler`` makes the connections.  ``turns`` are those of all links, if servers are named.
    """

    def __init__(
        self,
        server: Server,
        settings: UpstreamSettings,
        secret: bytes,
        dialler: Dialler | None = None,
        *,
        turns: Turns | None = None,
    ) -> None:
        self._server = server
        self._dialler = dialler or Dialler()
        self.turns = turns
        self._conversation: Conversation | None = None
        self._pinged = False
        self._retry = asyncio.Event()
        #: Not set from ``leave`` on, until settings are adopted.
        self._may_connect = asyncio.Event()
        self._may_connect.set()
        self._began = 0.0
        self._unsolicited = UnsolicitedWatch(server.counts)
        self.settings = settings
        self.secret = secret
        self.state = LinkState.CONNECTING
        #: Why the link is not up.
        self.reason = ""

    async def run(self) -> None:
        """Connect, wait for the end of the connection, and reconnect."""
        attempt = 0
        while True:
            await self._may_connect.wait()
            self.state = LinkState.CONNECTING
            self._began = asyncio.get_running_loop().time()
            self._retry.clear()  # settings adopted after this point start another attempt at once
            try:
                conversation = await self._connect()
            except (LinkError, OSError, TimeoutError) as error:
                attempt += 1
                rejected = isinstance(error, LoginRejected)
                self.state = LinkState.REJECTED if rejected else LinkState.DOWN
                self.reason = why(error)
                delay = self._backoff(rejected).delay(attempt)
                if attempt == 1 or attempt % 10 == 0:
                    log.say(
                        log.ERROR,
                        "upstream-down",
                        server=self._server.logged_name,
                        reason=self.reason,
                        attempt=attempt,
                        retry_in=round(delay, 2),
                    )
                await self._pause(delay)
                continue
            attempt = 0
            self.state = LinkState.UP
            self.reason = ""
            log.say(
                log.INFO,
                "upstream-up",
                server=self._server.logged_name,
                host=self.settings.host,
                port=self.settings.port,
                tls=conversation.tls_version or None,
            )
            try:
                # Shielded: our own cancellation must not set it, so that recycle() below can.
                self.reason = await asyncio.shield(conversation.lost)
            finally:
                self._conversation = None
                if not conversation.lost.done():
                    conversation.recycle("stopped")
            self.state = LinkState.DOWN
            log.say(log.ERROR, "upstream-down", server=self._server.logged_name, reason=self.reason)
            await self._pause(self._backoff(rejected=False).delay(1))

    @property
    def serves(self) -> bool:
        """Whether clients' actions are sent: the link is up, and Asterisk has booted."""
        return self.state is LinkState.UP and not self._is_booting

    @property
    def standing(self) -> str:
        """The state as a short text."""
        booting = self.state is LinkState.UP and self._is_booting
        return "up, Asterisk is booting" if booting else self.state.value

    @property
    def _is_booting(self) -> bool:
        return self._server.exchange.linked and not self._server.exchange.serving

    def adopt(self, settings: UpstreamSettings, secret: bytes) -> None:
        """Apply settings and secret: reconnect if they changed, keep a link that is up if not.

        A link that is not up is retried at once in both cases.
        """
        changed = self._differs(settings, secret)
        self.settings, self.secret = settings, secret
        if changed:
            self._recycle()
        self._may_connect.set()
        if changed or self.state is not LinkState.UP:
            self._retry.set()

    def leave(self, settings: UpstreamSettings, secret: bytes) -> None:
        """Close the connection if ``adopt`` would do so, and make no other one before that.

        Between the two, users get the rights that they have at the server which the new settings are of.
        With these rights no action may go to the one that was there before, and no event may come from it.
        """
        if self._differs(settings, secret):
            self._may_connect.clear()
            self._recycle()

    def stay(self) -> None:
        """End ``leave`` without other settings."""
        self._may_connect.set()

    def _differs(self, settings: UpstreamSettings, secret: bytes) -> bool:
        return not (same_way(settings, self.settings) and secret == self.secret)

    def _recycle(self) -> None:
        if self._conversation is not None:
            self._conversation.recycle("settings changed")

    def stuck(self, now: float) -> bool:
        """Whether an attempt to connect has neither succeeded nor failed in time; ``now`` is loop time.

        This indicates a bug that only a restart resolves.
        """
        limits = self._server.limits
        longest = limits.upstream_connect_timeout + limits.upstream_login_timeout + _STUCK_AFTER
        trying = self.state in {LinkState.CONNECTING, LinkState.LOGGING_IN}
        return trying and self._began > 0 and now - self._began > longest

    def tick(self, now: float) -> None:
        """Call once a second: checks for a silent Asterisk, and for unsolicited responses."""
        self._unsolicited.tick(now, self._server.logged_name)
        conversation = self._conversation
        if conversation is None or self.state is not LinkState.UP or conversation.lost.done():
            return
        silent = now - conversation.stream.last_received
        limits: Limits = self._server.limits
        if silent < limits.ping_interval:
            self._pinged = False
        elif silent > limits.stall_timeout and (self._pinged or self._server.exchange.in_flight):
            what = "only a message without end" if conversation.stream.is_inside else "nothing"
            conversation.recycle(f"Asterisk has sent {what} for {silent:.0f} s")
        elif not self._pinged:
            self._pinged = True
            self._server.exchange.ping()  # the conversation notes the time of every message

    async def _connect(self) -> Conversation:
        settings, limits = self.settings, self._server.limits
        conversation = await self._dialler.dial(
            settings,
            lambda tls: Conversation(
                self._server,
                settings,
                self.secret,
                tls,
                turns=self.turns,
            ),
            limits.upstream_connect_timeout,
        )
        try:
            if self._differs(settings, conversation.secret) or not self._may_connect.is_set():
                raise LinkError("settings changed")
            self.state = LinkState.LOGGING_IN
            # Set it before the login: the server's link_up may be called before this task runs again.
            self._conversation = conversation
            self._pinged = False
            async with asyncio.timeout(limits.upstream_login_timeout):
                await asyncio.shield(conversation.logged_in)
        except BaseException:
            self._conversation = None
            # No other task awaits the result of the login.
            conversation.logged_in.cancel()
            conversation.recycle("login not completed")
            raise
        return conversation

    def _backoff(self, rejected: bool) -> Backoff:
        if rejected:
            return _REJECTED
        limits = self._server.limits
        return Backoff(limits.reconnect_min, limits.reconnect_max, _JITTER)

    async def _pause(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._retry.wait()
        except TimeoutError:
            return
