"""Compare secrets with slow hashes in threads, so that the loop never waits for one.

Few threads and a bounded queue: an attacker can use up the queue, never the
machine.  Which secret is compared next is decided by ``core.trials``: networks
and names take turns, addresses that have failed lately come behind all others,
and what can succeed goes before what cannot.  When the queue is full, the
one that has waited longest in it is turned away, which need not be the one that came last.
What matched is remembered for a while under a keyed digest that means nothing
outside this process, so that 200 dashboards that come back at once cost one
hash a user and not 200.  Only what matched: a guess is always dear.
"""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

from proxy.config.phc import InvalidHash, verify
from proxy.core.login import RANKS
from proxy.core.ports import Applicant
from proxy.core.trials import Comparison, Done, Trials


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
        self._trials = Trials(RANKS)
        self._matched: OrderedDict[bytes, float] = OrderedDict()
        self._generation = 0
        #: Candidates refused unjudged because the queue was full.
        self.refused = 0
        #: Candidates known to match without work.
        self.remembered = 0

    @property
    def pending(self) -> int:
        """Trials that are not answered: their hashes are computed or wait for a thread."""
        return len(self._trials)

    def verify(
        self, applicant: Applicant, name: bytes, trial: tuple[str, ...], candidate: bytes, done: Done
    ) -> None:
        """Call ``done`` once: at once when the answer is known, or with None when there is no room for it.

        When too many wait, the applicant that is told None may be another one: the one that
        ``FairQueue.surplus`` names.
        """
        digest = self._digest(name, trial, candidate)
        if self._is_remembered(digest):
            self.remembered += 1
            done(True)
            return
        if self._closed:
            done(None)
            return
        self._trials.add(applicant, name, digest, trial, candidate, done)
        self._begin()
        if self._trials.waiting > self._room:
            self._turn_away(self._trials.surplus())

    def abandon(self, who: Hashable) -> None:
        """See Verifier."""
        self._trials.withdraw(who)

    def forget(self) -> None:
        """Empty the cache: the table may say something else now."""
        # What is under way began under the old table, and must not fill the new cache.
        self._generation += 1
        self._matched.clear()

    def close(self) -> None:
        """Refuse all further candidates.  What is not judged by now is never answered."""
        self._closed = True
        self._trials = Trials(RANKS)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        """Give idle threads the comparisons whose turn it is."""
        while self._free and (comparison := self._trials.begin()) is not None:
            self._free -= 1
            self._threads.submit(self._work, comparison, self._generation)

    def _turn_away(self, who: Hashable) -> None:
        done = self._trials.withdraw(who)
        assert done is not None
        self.refused += 1
        done(None)

    def _work(self, comparison: Comparison, generation: int) -> None:
        trial = comparison.trial
        try:
            matches = any(verify(stored, trial.candidate) for stored in trial.stored)
        except (InvalidHash, MemoryError):
            # The table was checked when it was loaded; a candidate decides nothing here.
            matches = False
        try:
            self._loop.call_soon_threadsafe(self._settle, comparison, generation, matches)
        except RuntimeError:
            # The loop has ended meanwhile: nobody is left to be told.
            return

    def _settle(self, comparison: Comparison, generation: int, matches: bool) -> None:
        if matches and generation == self._generation and self._cache_timeout:
            self._matched[comparison.trial.digest] = self._loop.time() + self._cache_timeout
            if len(self._matched) > self._cache_entries:
                self._matched.popitem(last=False)
        self._free += 1
        if self._closed:
            return
        told = self._trials.end(comparison, matches)
        self._begin()
        for done, verdict in told:
            done(verdict)

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
