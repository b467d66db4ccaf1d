"""Dialler: connects to one server, over TLS if its settings say so."""

import asyncio
from collections.abc import Callable

from amiproxy.config.schema import UpstreamSettings
from amiproxy.net.upstream.conversation import Conversation
from amiproxy.net.upstream.resolver import LookUp, Resolver, look_up
from amiproxy.net.upstream.tls import LinkTls, link_context

#: Makes the conversation for one connection.
Make = Callable[[LinkTls | None], Conversation]


def same_way(one: UpstreamSettings, other: UpstreamSettings) -> bool:
    """Whether both lead to the same server by the same login; a server's limits may differ."""
    return all(getattr(one, name) == getattr(other, name) for name in UpstreamSettings.__struct_fields__)


class Dialler:
    """Makes the connections to one server, those of its link and of its side links."""

    def __init__(self, look_up: LookUp = look_up) -> None:
        self._resolver = Resolver(look_up)

    async def dial(self, settings: UpstreamSettings, make: Make, within: float) -> Conversation:
        """Connect, and verify the server if it is reached by TLS; the login has begun when this returns.

        All of it together takes at most ``within`` seconds.  If the host has several addresses, each gets an
        equal part of the time that is left.  Raises LinkError, OSError or TimeoutError.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        async with asyncio.timeout_at(end):
            context = None if settings.tls is None else await asyncio.to_thread(link_context, settings.tls)
            addresses = [*await self._resolver.addresses(settings.host)]
        while True:
            address = addresses.pop(0)
            until = loop.time() + (end - loop.time()) / (len(addresses) + 1)
            tls = None
            if context is not None and settings.tls is not None:
                tls = LinkTls(context, settings.tls.name or settings.host)
            try:
                async with asyncio.timeout_at(until):
                    return await self._connect(loop, address, settings.port, tls, make)
            except (OSError, TimeoutError):
                if not addresses:
                    raise

    @staticmethod
    async def _connect(
        loop: asyncio.AbstractEventLoop, address: str, port: int, tls: LinkTls | None, make: Make
    ) -> Conversation:
        _, conversation = await loop.create_connection(lambda: make(tls), address, port)
        try:
            await asyncio.shield(conversation.secured)
        except BaseException:
            conversation.secured.cancel()
            conversation.recycle("not connected")
            raise
        return conversation
