"""Sets of files that may be half-written: read again until they are complete, or the time is up.

Writers replace certificate and key one after the other: certbot within milliseconds, scp on a slow
line within a second.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from amiproxy.x509.validating.findings import Finding, errors_of

#: Most seconds between two attempts to read the files.
_PAUSE: Final = 0.25


def may_pass(findings: Sequence[Finding]) -> bool:
    """Whether a half-written set of files would explain every error: read it again before reporting it."""
    errors = errors_of(findings)
    return bool(errors) and all(finding.transient for finding in errors)


class Retry:
    """The attempts to read one set, for ``patience`` seconds from now on.

    ``settle`` is how long writers usually take, in seconds; two attempts are never further apart.  Create it
    in a running loop.
    """

    def __init__(self, patience: float, settle: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + patience
        self._pause = min(_PAUSE, settle)

    def is_over(self, findings: Sequence[Finding]) -> bool:
        """Whether these findings of an attempt are final."""
        return not may_pass(findings) or self._clock() >= self._deadline

    async def pause(self) -> None:
        """Wait before the next attempt, for at most ``settle`` seconds."""
        await asyncio.sleep(self._pause)
