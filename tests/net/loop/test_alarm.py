"""Alarm: the call that was set last comes, once, at its time."""

import asyncio

from amiproxy.net.loop.alarm import Alarm
from tests.support.waiting import until

BOTH_LOOPS = True


async def test_the_last_call_that_was_set_comes_at_its_time() -> None:
    loop = asyncio.get_running_loop()
    alarm, calls = Alarm(loop), list[str]()
    start = loop.time()
    alarm.set(0.01, lambda: calls.append("first"))
    alarm.set(0.05, lambda: calls.append("second"))
    await until(lambda: calls)
    assert calls == ["second"]
    assert loop.time() - start >= 0.04


async def test_an_earlier_call_does_not_wait_for_a_later_timer() -> None:
    alarm, calls = Alarm(asyncio.get_running_loop()), list[str]()
    alarm.set(3600, lambda: calls.append("late"))
    alarm.set(0.01, lambda: calls.append("early"))
    await until(lambda: calls == ["early"])


async def test_what_is_cleared_or_cancelled_does_not_come() -> None:
    loop = asyncio.get_running_loop()
    alarm, other, calls = Alarm(loop), Alarm(loop), list[str]()
    alarm.set(0.01, lambda: calls.append("cleared"))
    alarm.clear()
    other.set(0.01, lambda: calls.append("cancelled"))
    other.cancel()
    other.cancel()
    later = asyncio.Event()
    loop.call_later(0.05, later.set)
    await later.wait()
    assert calls == []
    alarm.set(0.01, lambda: calls.append("again"))
    await until(lambda: calls == ["again"])
