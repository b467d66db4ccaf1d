"""Coalescer: runs work on request, one run at a time; requests made during a run share the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def joined(triggers: frozenset[str]) -> str:
    """The names of triggers as one text, for logs and metrics: always in the same order."""
    return "+".join(sorted(triggers))


class Request(Generic[T]):
    """What one run is for: its ``triggers``, and the callers that wait for its result."""

    __slots__ = ("_waiting", "triggers")

    def __init__(self) -> None:
        self.triggers: frozenset[str] = frozenset()
        self._waiting: list[asyncio.Future[T]] = []

    @property
    def is_awaited(self) -> bool:
        """Whether a caller waits for the result, or has waited for it."""
        return bool(self._waiting)

    def answer(self, result: T) -> None:
        """Pass the result to the callers that still wait."""
        for future in self._waiting:
            if not future.done():
                future.set_result(result)

    def cancel(self) -> None:
        """Cancel the callers that still wait."""
        for future in self._waiting:
            future.cancel()

    def wait(self) -> asyncio.Future[T]:
        """A future for the result; it is cancelled if the run fails or is cancelled."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future


class Coalescer(Generic[T]):
    """Collects requests until ``run`` can serve them."""

    def __init__(self) -> None:
        self._pending: Request[T] | None = None
        self._requested = asyncio.Event()

    @property
    def is_pending(self) -> bool:
        """Whether a request waits for the next run."""
        return self._pending is not None

    def request(self, trigger: str) -> Request[T]:
        """Request a run without waiting; safe to call repeatedly, and from the loop's signal handlers.

        Returns the pending request, which ``trigger`` has joined.
        """
        if self._pending is None:
            self._pending = Request()
            self._requested.set()
        self._pending.triggers |= {trigger}
        return self._pending

    def take(self) -> Request[T] | None:
        """Remove and return the pending request; None if there is none."""
        request, self._pending = self._pending, None
        self._requested.clear()
        return request

    async def run(self, work: Callable[[Request[T]], Awaitable[T]]) -> None:
        """Serve requests until cancelled, or until ``work`` raises; then the callers are cancelled, too.

        An exception of ``work`` passes through.  A request that came meanwhile stays pending, for the next
        call of this method.
        """
        request: Request[T] | None = None
        try:
            while True:
                await self._requested.wait()
                request = self.take()
                if request is not None:
                    request.answer(await work(request))
        finally:
            for unserved in (request, self._pending):
                if unserved is not None:
                    unserved.cancel()
