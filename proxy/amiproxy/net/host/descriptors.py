"""File descriptors: raise the soft limit to what the connections need."""

import contextlib
import resource

from amiproxy import log

#: Descriptors other than connections: listeners, the link, files read by a reload, the loop's own.
_OTHERS = 64


def raise_descriptors(connections: int) -> None:
    """Raise the soft limit for this many connections, up to the hard limit; log it if that is too low."""
    needed = connections + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        log.say(log.WARNING, "few-descriptors", limit=soft, needed=needed, remedy="raise LimitNOFILE")
