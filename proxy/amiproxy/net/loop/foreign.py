"""Foreign: waiting for a coroutine of a library, which may swallow its cancellation.

Some libraries end a wait with ``except CancelledError: pass``, and until Python 3.12
``asyncio.wait_for`` loses a cancellation that comes at the moment in which its work is done
(python/cpython#86296).  A caller that awaited such a coroutine itself would never learn that it was to
end, and the process would not stop.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def foreign(work: Coroutine[object, object, T], seconds: float | None = None) -> T:
    """The result of ``work``, which runs in a task of its own; its exceptions pass through.

    Raises TimeoutError if that takes longer than ``seconds``.  This caller's cancellation and the time
    limit hold whatever the work does.  The work is then cancelled, and nobody waits for its end.
    """
    # Its caller waits for it, and a task group would wait for it after the caller's cancellation, too.
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forgotten)


def _forgotten(task: asyncio.Task[T]) -> None:
    """Take the exception, which asyncio would otherwise report as never retrieved."""
    if not task.cancelled():
        task.exception()
