"""The event loop: uvloop, or asyncio's own if uvloop is missing: same behaviour, more CPU time."""

import asyncio
from collections.abc import Callable
from types import ModuleType

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:
    uvloop = None

#: The ``loop_factory`` for ``asyncio.Runner``.
new_event_loop: Callable[[], asyncio.AbstractEventLoop] = (
    uvloop.new_event_loop if uvloop is not None else asyncio.new_event_loop
)
