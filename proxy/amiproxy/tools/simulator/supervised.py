"""Supervised tasks: a failure is kept and raised when the tasks are ended."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """A set of running tasks.

    Unlike a TaskGroup it needs no ``async with``, so it can belong to an object that is
    started and stopped by two separate calls.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a task, and keep a reference to it."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def end(self) -> None:
        """Cancel the running tasks and wait for them.  Raises ExceptionGroup if any task has failed."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        # The callbacks that collect failures run in the loop's next iteration.
        await asyncio.sleep(0)
        failures, self._failures = self._failures, []
        if failures:
            raise ExceptionGroup("tasks of the simulator failed", failures)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and isinstance(failure := task.exception(), Exception):
            self._failures.append(failure)
