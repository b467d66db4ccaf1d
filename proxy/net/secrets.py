"""Compare secrets with slow hashes in threads, so that the loop never waits for one.

Few threads and a bounded queue: an attacker can use up the queue, never the
machine.  It holds everybody who may be waiting for a login at one time, or those
with the right secret would be refused when all come back at once.  What matched
is remembered for a while under a keyed digest that means nothing outside this
process, so that 200 dashboards that come back at once cost one hash a user and
not 200.  Only what matched: a guess is always dear.
"""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from proxy.config.phc import InvalidHash, verify

Done = Callable[[bool | None], None]


class HashVerifier:
    """The Verifier of ``core.ports``.  All calls, and all calls back, are on the loop's thread.

    ``cache_timeout`` is in seconds, 0 remembers nothing.  A candidate that is
    being judged already is not judged twice: who asks meanwhile is told with the first.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        threads: int = 2,
        queue: int = 128,
        cache_timeout: float = 600.0,
        cache_entries: int = 1000,
    ) -> None:
        self._loop = loop
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="secrets")
        self._room = threads + queue
        self._cache_timeout = cache_timeout
        self._cache_entries = cache_entries
        self._key = os.urandom(32)
        self._waiting: dict[bytes, list[Done]] = {}
        self._matched: OrderedDict[bytes, float] = OrderedDict()
        self._generation = 0
        #: Candidates refused unjudged because the queue was full.
        self.refused = 0
        #: Candidates known to match without work.
        self.remembered = 0

    @property
    def pending(self) -> int:
        """Hashes being computed or waiting for a thread."""
        return len(self._waiting)

    def verify(self, name: bytes, trial: tuple[str, ...], candidate: bytes, done: Done) -> None:
        """Call ``done`` once: at once when the answer is known, or with None when the queue is full."""
        digest = self._digest(name, trial, candidate)
        if self._is_remembered(digest):
            self.remembered += 1
            done(True)
        elif digest in self._waiting:
            self._waiting[digest].append(done)
        elif len(self._waiting) >= self._room:
            self.refused += 1
            done(None)
        else:
            self._waiting[digest] = [done]
            self._threads.submit(self._work, trial, candidate, digest, self._generation)

    def forget(self) -> None:
        """Empty the cache: the table may say something else now."""
        # What is under way began under the old table, and must not fill the new cache.
        self._generation += 1
        self._matched.clear()

    def close(self) -> None:
        """Refuse all further candidates.  What is not judged by now is never answered."""
        self._room = 0
        self._waiting.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, trial: tuple[str, ...], candidate: bytes, digest: bytes, generation: int) -> None:
        try:
            matches = any(verify(stored, candidate) for stored in trial)
        except (InvalidHash, MemoryError):
            # The table was checked when it was loaded; a candidate decides nothing here.
            matches = False
        try:
            self._loop.call_soon_threadsafe(self._settle, digest, generation, matches)
        except RuntimeError:
            # The loop has ended meanwhile: nobody is left to be told.
            return

    def _settle(self, digest: bytes, generation: int, matches: bool) -> None:
        if matches and generation == self._generation and self._cache_timeout:
            self._matched[digest] = self._loop.time() + self._cache_timeout
            if len(self._matched) > self._cache_entries:
                self._matched.popitem(last=False)
        for done in self._waiting.pop(digest, ()):
            done(matches)

    def _is_remembered(self, digest: bytes) -> bool:
        until = self._matched.get(digest)
        if until is None:
            return False
        if until <= self._loop.time():
            del self._matched[digest]
            return False
        return True

    def _digest(self, name: bytes, trial: tuple[str, ...], candidate: bytes) -> bytes:
        # With the name: all names that do not exist have one trial, and two of them that were judged
        # together would take less time than two that exist.  Neither a name (a line of AMI) nor a
        # hash holds NUL, so the parts cannot run into each other.
        parts = (name, *(stored.encode() for stored in trial), candidate)
        return hmac.digest(self._key, b"\0".join(parts), hashlib.sha256)
