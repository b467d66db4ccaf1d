import asyncio
import time

from amiproxy.net.loop.scheduler import LoopScheduler

BOTH_LOOPS = True


async def test_times_are_the_loops_and_the_systems() -> None:
    loop = asyncio.get_running_loop()
    scheduler = LoopScheduler(loop)
    before = loop.time()
    now = scheduler.now()
    assert before <= now <= loop.time()
    assert abs(scheduler.wall() - time.time()) < 5


async def test_later_calls_once_and_in_order() -> None:
    scheduler = LoopScheduler(asyncio.get_running_loop())
    called: list[str] = []
    done = asyncio.Event()
    scheduler.later(0.02, done.set)
    scheduler.later(0.01, lambda: called.append("second"))
    scheduler.later(0.0, lambda: called.append("first"))
    scheduler.later(0.0, lambda: called.append("never")).cancel()
    async with asyncio.timeout(10):
        await done.wait()
    assert called == ["first", "second"]


async def test_cancel_after_the_call_is_harmless() -> None:
    done = asyncio.Event()
    timer = LoopScheduler(asyncio.get_running_loop()).later(0.0, done.set)
    async with asyncio.timeout(10):
        await done.wait()
    timer.cancel()


async def test_waiting_uses_no_processor_time() -> None:
    scheduler = LoopScheduler(asyncio.get_running_loop())
    before = scheduler.cpu()
    await asyncio.sleep(0.05)
    waited = scheduler.cpu() - before
    sum(range(200_000))
    assert 0 < waited < scheduler.cpu() - before
    assert waited < 0.05


async def test_the_clock_is_exact_within_a_round_of_the_loop() -> None:
    scheduler = LoopScheduler(asyncio.get_running_loop())
    before = scheduler.clock()
    sum(range(10_000))
    assert scheduler.clock() > before
