"""Side link: another connection to Asterisk, made when the core requests it; see ``core.servers.side``."""

import asyncio

from amiproxy.config.schema import UpstreamSettings
from amiproxy.core.servers.side import Side
from amiproxy.net.upstream.conversation import Conversation
from amiproxy.net.upstream.dialler import Dialler, same_way
from amiproxy.net.upstream.errors import LinkError, why
from amiproxy.net.upstream.turns import Turns


class SideLink:
    """A SideOpener; ``run`` ends only by cancellation.

    ``dialler`` makes the connections; for ``turns`` see ``Link``.
    """

    def __init__(
        self,
        side: Side,
        settings: UpstreamSettings,
        secret: bytes,
        dialler: Dialler | None = None,
        *,
        turns: Turns | None = None,
    ) -> None:
        self.name = side.name
        side.opener = self
        self._side = side
        self._dialler = dialler or Dialler()
        self.turns = turns
        self._settings = settings
        self._secret = secret
        self._wanted = asyncio.Event()
        #: Incremented by ``close``: results of earlier attempts are ignored.
        self._closed = 0
        self._conversation: Conversation | None = None

    async def run(self) -> None:
        """Connect each time that ``open`` is called."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._connect(self._closed)
        finally:
            self.close("stopped")

    def open(self) -> None:
        """See SideOpener."""
        self._wanted.set()

    def close(self, reason: str) -> None:
        """See SideOpener."""
        self._closed += 1
        self._wanted.clear()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.recycle(reason)

    def adopt(self, settings: UpstreamSettings, secret: bytes) -> None:
        """Apply settings and secret: close the link if they changed, keep it if not."""
        changed = not (same_way(settings, self._settings) and secret == self._secret)
        self._settings, self._secret = settings, secret
        if changed:
            self._side.close("settings changed")

    def tick(self, now: float) -> None:
        """Call once a second: drops the connection if Asterisk is silent longer than an action may take."""
        conversation = self._conversation
        if conversation is None or not self._side.exchange.in_flight:
            return
        limits = self._side.limits
        silent = now - max(conversation.stream.last_received, conversation.stream.last_sent)
        if silent > limits.command_timeout + limits.stall_timeout:
            conversation.recycle(f"Asterisk has sent nothing for {silent:.0f} s")

    async def _connect(self, attempt: int) -> None:
        limits, settings = self._side.limits, self._settings
        conversation: Conversation | None = None
        failure = "internal error of the proxy"
        try:
            conversation = await self._dialler.dial(
                settings,
                lambda tls: Conversation(
                    self._side,
                    settings,
                    self._secret,
                    tls,
                    events=b"off",
                    turns=self.turns,
                ),
                limits.upstream_connect_timeout,
            )
            if attempt == self._closed:
                self._conversation = conversation
                async with asyncio.timeout(limits.upstream_login_timeout):
                    await asyncio.shield(conversation.logged_in)
                return
        except (LinkError, OSError, TimeoutError) as error:
            failure = why(error)
        finally:
            if conversation is None or not conversation.is_up:
                if conversation is not None:
                    conversation.logged_in.cancel()
                    conversation.recycle("login not completed")
                if attempt == self._closed:
                    self._conversation = None
                    self._side.failed(failure)
