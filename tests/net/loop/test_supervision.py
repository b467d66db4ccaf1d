import asyncio

import pytest

from amiproxy.net.loop.supervision import supervised


class Work:
    """Fails this many times, then runs until it is released."""

    def __init__(self, faults: int) -> None:
        self.faults = faults
        self.begun = 0
        self.running = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        if self.begun <= self.faults:
            raise ZeroDivisionError("boom")
        self.running.set()
        await self.let_go.wait()


async def test_a_failed_task_is_restarted_and_each_failure_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(faults=3)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(supervised("link", work, shortest=0.001, longest=0.002))
        await work.running.wait()
        work.let_go.set()
    assert work.begun == 4
    told = [record for record in caplog.records if record.getMessage() == "task-crashed"]
    assert [record.fields["task"] for record in told] == ["link"] * 3
    assert [record.fields["again_in"] for record in told] == [0.001, 0.002, 0.002]
    assert all("boom" in str(record.exc_info) for record in told)


async def test_a_cancelled_task_ends() -> None:
    work = Work(faults=0)
    async with asyncio.timeout(10):
        task = asyncio.get_running_loop().create_task(supervised("link", work))
        await work.running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert work.begun == 1


async def test_after_a_long_successful_run_the_delay_starts_over(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            await asyncio.sleep(0.4)
        if begun < 5:
            raise ZeroDivisionError

    await supervised("tick", work, shortest=0.001, longest=0.2)
    delays = [record.fields["again_in"] for record in caplog.records]
    assert delays == [0.001, 0.002, 0.001, 0.002]
