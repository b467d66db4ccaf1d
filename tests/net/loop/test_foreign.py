"""Coroutines that swallow their cancellation hold up nobody."""

import asyncio
import contextlib

import pytest

from amiproxy.net.loop.foreign import foreign

BOTH_LOOPS = True


class Stubborn:
    """Swallows so many cancellations, as some libraries do; ``ended`` is set at its end."""

    def __init__(self, times: int = 1) -> None:
        self._times = times
        self.goes_on = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self) -> int:
        for _ in range(self._times):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
        await self.goes_on.wait()
        self.ended.set()
        return 7


async def _seven() -> int:
    await asyncio.sleep(0)
    return 7


async def _fails() -> None:
    raise ZeroDivisionError


async def test_the_result_is_returned() -> None:
    assert await foreign(_seven()) == 7
    assert await foreign(_seven(), 10) == 7


async def test_an_exception_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        await foreign(_fails())


async def test_the_time_limit_holds_if_the_work_swallows_its_cancellation() -> None:
    stubborn = Stubborn()
    with pytest.raises(TimeoutError):
        await foreign(stubborn.run(), 0.01)
    stubborn.goes_on.set()
    await stubborn.ended.wait()


async def test_a_cancellation_of_the_caller_holds_if_the_work_swallows_its_own() -> None:
    stubborn = Stubborn()
    caller = asyncio.get_running_loop().create_task(foreign(stubborn.run()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller}, timeout=5)
    assert caller.cancelled()
    stubborn.goes_on.set()
    await stubborn.ended.wait()


async def test_what_abandoned_work_raises_is_reported_nowhere() -> None:
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    failed = asyncio.Event()

    async def fails_late() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            failed.set()
            raise ZeroDivisionError

    with pytest.raises(TimeoutError):
        await foreign(fails_late(), 0.01)
    await failed.wait()
    await asyncio.sleep(0)
    assert reported == []
