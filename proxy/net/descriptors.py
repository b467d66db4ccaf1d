"""File descriptors: as many as connections need, as far as the hard limit gives them."""

import contextlib
import resource

from proxy import log

#: Beside connections: listeners, the link, files that a reload reads, the loop's own.
_OTHERS = 64


def raise_descriptors(connections: int) -> None:
    """Take what the hard limit gives, as far as it is needed; less is logged."""
    needed = connections + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        log.say(log.WARNING, "few-descriptors", limit=soft, needed=needed, remedy="raise LimitNOFILE")
