"""Long work is done in slices, and other work that is due runs in between."""

import asyncio
import threading

import pytest

from amiproxy.net.loop.gently import SliceRunner, in_loop, in_thread
from amiproxy.steps import Steps, finish, result_of


def counting(to: int, done: list[int] | None = None) -> Steps[int]:
    for number in range(to):
        if done is not None:
            done.append(number)
        yield
    return to


class Cpu:
    """A clock that advances by a fixed amount at each reading."""

    def __init__(self, each: float) -> None:
        self._each = each
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._each
        return self._now


def test_steps_can_be_run_at_once() -> None:
    done: list[int] = []
    finish(counting(3, done))
    assert done == [0, 1, 2]
    assert result_of(counting(3)) == 3


def test_a_slice_ends_with_the_step_that_uses_up_its_time() -> None:
    slices = SliceRunner(1.0, Cpu(0.4))
    done: list[int] = []
    steps = counting(7, done)
    counts = []
    while slices.run(steps) is None:
        counts.append(len(done))
    assert counts == [3, 6]
    assert slices.number == 3
    assert slices.longest == pytest.approx(1.6)  # the reading at its end counts


async def test_work_in_the_loop_leaves_turns_to_others() -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    loop = asyncio.get_running_loop()
    loop.call_soon(turn)
    slices = SliceRunner(1.0, Cpu(0.4))
    assert await in_loop(counting(30), slices) == 30
    assert turns >= slices.number - 1 == 10


async def test_work_aside_runs_in_another_thread() -> None:
    threads = []

    def work() -> Steps[str]:
        threads.append(threading.current_thread())
        yield
        return "done"

    assert await in_thread(work) == "done"
    assert threads != [threading.main_thread()]


async def test_an_exception_of_the_work_is_raised_to_the_caller() -> None:
    def work() -> Steps[None]:
        yield
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await in_thread(work)
    with pytest.raises(ValueError, match="no"):
        await in_loop(work())


async def test_work_whose_caller_was_cancelled_is_given_up() -> None:
    began, ended = threading.Event(), threading.Event()

    def work() -> Steps[None]:
        try:
            while True:
                began.set()
                yield
        finally:
            ended.set()

    async def waits() -> None:
        with pytest.raises(asyncio.CancelledError):
            await in_thread(work)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(waits())
        assert await asyncio.to_thread(began.wait, 30)
        task.cancel()
    assert await asyncio.to_thread(ended.wait, 30)
