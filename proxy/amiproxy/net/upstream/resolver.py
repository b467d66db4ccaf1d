"""The addresses of a host, looked up in a thread of its own.

The loop's own look-ups share a few threads: two names whose DNS server does not answer would delay those of
all other servers, and with them everything else that runs in these threads.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

#: Called as ``socket.getaddrinfo`` is; returns the addresses of a host, in the order to be tried.
LookUp = Callable[[str], list[str]]


def look_up(host: str) -> list[str]:
    """The addresses of a host.  Raises OSError (gaierror) if it has none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """Looks up the host of one server: never twice at the same time, however often it is asked."""

    def __init__(self, look_up: LookUp = look_up) -> None:
        self._look_up: Final = look_up
        self._host = ""
        self._under_way: asyncio.Future[list[str]] | None = None

    async def addresses(self, host: str) -> list[str]:
        """The addresses of ``host``, at least one; an address is returned as it is.

        If an earlier look-up of the same host has not ended, its result is waited for.  Raises OSError if
        there is no such host.
        """
        if _is_address(host):
            return [host]
        under_way = self._under_way
        if under_way is None or under_way.done() or host != self._host:
            under_way = self._begin(host)
        # Shielded: a task that gives up waiting must not end it for others.
        return await asyncio.shield(under_way)

    def _begin(self, host: str) -> "asyncio.Future[list[str]]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[str]] = loop.create_future()
        future.add_done_callback(_looked_at)

        def settle(found: list[str] | None, error: Exception | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(found or [])

        def work() -> None:
            found, error = None, None
            try:
                found = self._look_up(host)
            except Exception as fault:
                error = fault
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found, error)

        self._host, self._under_way = host, future
        # A daemon, so that the process can end while it waits.
        threading.Thread(target=work, name=f"look-up of {host}", daemon=True).start()
        return future


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _looked_at(future: "asyncio.Future[list[str]]") -> None:
    """Mark the exception as retrieved: the task that waited may have given up."""
    if not future.cancelled():
        future.exception()
