"""Requests run one at a time; those made during a run share the next one, and get its result."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from amiproxy.net.loop.coalescer import Coalescer, Request, joined
from tests.support.waiting import until


class Work:
    """Waits at a gate, then returns the number of the run."""

    def __init__(self) -> None:
        self.triggers: list[str] = []
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.fault: Exception | None = None

    async def __call__(self, request: Request[int]) -> int:
        self.triggers.append(joined(request.triggers))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if self.fault is not None:
            raise self.fault
        return len(self.triggers)


@asynccontextmanager
async def running(work: Work) -> AsyncIterator[Coalescer[int]]:
    coalescer: Coalescer[int] = Coalescer()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(coalescer.run(work))
        yield coalescer
        task.cancel()


async def test_a_hundred_requests_during_a_run_share_one_more() -> None:
    work = Work()
    async with running(work) as coalescer:
        coalescer.request("SIGHUP")
        await until(lambda: work.running)
        assert not coalescer.is_pending
        for _ in range(100):
            coalescer.request("control")
        last = coalescer.request("SIGHUP")
        assert coalescer.is_pending
        assert not last.is_awaited
        waiting = last.wait(), last.wait()
        assert last.is_awaited
        work.gate.set()
        assert [await future for future in waiting] == [2, 2]
        assert not coalescer.is_pending
    assert work.triggers == ["SIGHUP", "SIGHUP+control"]
    assert work.most == 1


async def test_each_request_after_a_run_is_another_run() -> None:
    work = Work()
    work.gate.set()
    async with running(work) as coalescer:
        assert await coalescer.request("watch").wait() == 1
        assert await coalescer.request("timer").wait() == 2


async def test_a_request_that_was_taken_is_not_run() -> None:
    work = Work()
    async with running(work) as coalescer:
        taken = coalescer.request("control")
        assert coalescer.take() is taken
        assert coalescer.take() is None
        await asyncio.sleep(0)
        work.gate.set()
        assert await coalescer.request("SIGHUP").wait() == 1


async def test_callers_that_no_longer_wait_are_skipped() -> None:
    work = Work()
    async with running(work) as coalescer:
        request = coalescer.request("control")
        gone, waiting = request.wait(), request.wait()
        gone.cancel()
        work.gate.set()
        assert await waiting == 1


async def test_the_end_cancels_all_waiting_callers() -> None:
    work = Work()
    async with running(work) as coalescer:
        served = coalescer.request("control").wait()
        await until(lambda: work.running)
        pending = coalescer.request("control").wait()
    assert served.cancelled()
    assert pending.cancelled()


async def test_an_error_in_the_work_ends_the_run_and_cancels_all_waiting_callers() -> None:
    work, coalescer = Work(), Coalescer[int]()
    work.fault = RuntimeError("a bug")
    work.gate.set()
    served = coalescer.request("control").wait()
    with pytest.raises(RuntimeError):
        await coalescer.run(work)
    assert served.cancelled()
    work.fault = None
    async with asyncio.TaskGroup() as group:
        again = group.create_task(coalescer.run(work))
        assert await coalescer.request("control").wait() == 2
        again.cancel()


async def test_a_request_that_came_during_a_failing_run_is_served_by_the_next() -> None:
    work, coalescer = Work(), Coalescer[int]()
    work.fault = RuntimeError("a bug")
    coalescer.request("watch")

    async def fail() -> None:
        with pytest.raises(RuntimeError):
            await coalescer.run(work)

    async with asyncio.TaskGroup() as group:
        failing = group.create_task(fail())
        await until(lambda: work.running)
        coalescer.request("SIGHUP")
        work.gate.set()
        await failing
        work.fault = None
        again = group.create_task(coalescer.run(work))
        await until(lambda: not coalescer.is_pending)
        again.cancel()
    assert work.triggers == ["watch", "SIGHUP"]


def test_the_order_of_triggers_does_not_change_their_joined_name() -> None:
    assert joined(frozenset(("watch", "SIGHUP", "control"))) == "SIGHUP+control+watch"
    assert joined(frozenset(("control", "watch", "SIGHUP"))) == "SIGHUP+control+watch"
