"""The event loop: uvloop, or the standard one where that is missing, which serves as well, only dearer."""

import asyncio
from collections.abc import Callable
from types import ModuleType

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:
    uvloop = None

#: For ``asyncio.Runner``.
new_event_loop: Callable[[], asyncio.AbstractEventLoop] = (
    uvloop.new_event_loop if uvloop is not None else asyncio.new_event_loop
)
