"""A plugin: every test ends, whatever it waits for.

pytest-timeout raises its exception wherever the main thread happens to be.  In a callback of an event loop,
which only logs it, the test goes on waiting.  So an asynchronous test is cancelled from inside its loop a
little earlier, which shows the line that waited; and a process whose test still runs a while after its
limit prints the stacks of all its threads and exits, which pytest-xdist reports as the failure of this test.
"""

import asyncio
import faulthandler
import functools
import inspect
from collections.abc import Awaitable, Callable, Generator

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

#: The part of a test's limit after which an asynchronous test is cancelled.
_EARLY = 0.9
#: Seconds after its limit in which a test has to end.
_GRACE = 60.0


def limit_of(item: pytest.Item) -> float:
    """The seconds that pytest-timeout gives this test."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Cancel asynchronous tests early; those of Hypothesis have no loop of their own."""
    if not isinstance(item, pytest.Function) or hasattr(item.obj, "hypothesis"):
        return
    if inspect.iscoroutinefunction(item.obj):
        item.obj = _limited(item.obj, limit_of(item) * _EARLY)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process if the test does not end."""
    faulthandler.dump_traceback_later(
        limit_of(item) + _GRACE, exit=True, file=item.config.stash[fault_handler_stderr_fd_key]
    )
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _limited(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def limited(*arguments: object, **named: object) -> None:
        async with asyncio.timeout(seconds):
            await test(*arguments, **named)

    return limited
