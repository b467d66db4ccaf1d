"""Compare secrets with slow hashes in threads, so that the loop never waits for one.

Few threads and a bounded queue: an attacker can use up the queue, never the
machine.  In the queue networks take turns, and addresses that have failed lately come
behind all others (``core.fairqueue``).  When it is full, a login from the fullest
network is refused, which need not be the one that came last.  What matched
is remembered for a while under a keyed digest that means nothing outside this
process, so that 200 dashboards that come back at once cost one hash a user and
not 200.  Only what matched: a guess is always dear.
"""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from proxy.config.phc import InvalidHash, verify
from proxy.core.fairqueue import FairQueue
from proxy.core.login import RANKS
from proxy.core.ports import Applicant

Done = Callable[[bool | None], None]


class _Trial:
    """A candidate and the applicants that wait for the verdict on it."""

    __slots__ = ("applicants", "begun", "candidate", "digest", "stored")

    def __init__(self, stored: tuple[str, ...], candidate: bytes, digest: bytes) -> None:
        self.stored = stored
        self.candidate = candidate
        self.digest = digest
        self.applicants: dict[Hashable, Done] = {}
        self.begun = False


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
        self._free = threads
        self._room = queue
        self._closed = False
        self._cache_timeout = cache_timeout
        self._cache_entries = cache_entries
        self._key = os.urandom(32)
        self._trials: dict[bytes, _Trial] = {}
        #: Applicants whose trial has not begun.
        self._queue: FairQueue[Hashable] = FairQueue(RANKS)
        self._asked: dict[Hashable, _Trial] = {}
        self._matched: OrderedDict[bytes, float] = OrderedDict()
        self._generation = 0
        #: Candidates refused unjudged because the queue was full.
        self.refused = 0
        #: Candidates known to match without work.
        self.remembered = 0

    @property
    def pending(self) -> int:
        """Hashes being computed or waiting for a thread."""
        return len(self._trials)

    def verify(
        self, applicant: Applicant, name: bytes, trial: tuple[str, ...], candidate: bytes, done: Done
    ) -> None:
        """Call ``done`` once: at once when the answer is known, or with None when there is no room for it.

        When the queue is too long, the applicant that is told None may be another one: the one that
        ``FairQueue.last`` names.
        """
        digest = self._digest(name, trial, candidate)
        if self._is_remembered(digest):
            self.remembered += 1
            done(True)
            return
        if self._closed:
            done(None)
            return
        work = self._trials.get(digest)
        if work is None:
            work = self._trials[digest] = _Trial(trial, candidate, digest)
        work.applicants[applicant.who] = done
        if work.begun:
            return
        self._asked[applicant.who] = work
        self._queue.put(applicant.who, applicant.networks, applicant.rank)
        self._begin()
        if len(self._queue) > self._room:
            self._refuse(self._queue.last())

    def abandon(self, who: Hashable) -> None:
        """See Verifier."""
        self._withdraw(who)

    def forget(self) -> None:
        """Empty the cache: the table may say something else now."""
        # What is under way began under the old table, and must not fill the new cache.
        self._generation += 1
        self._matched.clear()

    def close(self) -> None:
        """Refuse all further candidates.  What is not judged by now is never answered."""
        self._closed = True
        self._trials.clear()
        self._asked.clear()
        self._queue = FairQueue(RANKS)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        """Give idle threads the trials whose turn it is."""
        while self._free and self._queue:
            work = self._asked[self._queue.take()]
            work.begun = True
            for who in work.applicants:
                self._queue.remove(who)
                del self._asked[who]
            self._free -= 1
            self._threads.submit(self._work, work.stored, work.candidate, work.digest, self._generation)

    def _withdraw(self, who: Hashable) -> Done | None:
        """Take an applicant out of the queue; the call that would tell it, if it was there."""
        work = self._asked.pop(who, None)
        if work is None:
            return None
        self._queue.remove(who)
        done = work.applicants.pop(who)
        if not work.applicants:
            del self._trials[work.digest]
        return done

    def _refuse(self, who: Hashable) -> None:
        done = self._withdraw(who)
        self.refused += 1
        if done is not None:
            done(None)

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
        self._free += 1
        work = self._trials.pop(digest, None)
        self._begin()
        if work is not None:
            for done in work.applicants.values():
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
