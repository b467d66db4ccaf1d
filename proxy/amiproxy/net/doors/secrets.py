"""Compare secrets with slow hashes in threads, so that the loop never waits for one.

There are few threads and a bounded queue: an attacker can fill the queue but not use up
the machine.  ``core.admission.trials`` decides which secret is compared next: networks and names
take turns, addresses with recent failures come after all others, and logins that can
succeed come before those that cannot.  When the queue is full, the applicant that has
waited longest among those that come last is refused (``FairQueue.surplus``), not the
newest one.
A match is cached for a while under a keyed digest that is useless outside this
process, so that 200 dashboards that reconnect at once cost one hash per user and not
200.  Only matches are cached: a wrong guess always costs a full comparison.
"""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from amiproxy.core.admission.trials import Comparison, Done, Trials
from amiproxy.core.clients.logins.attempt import RANKS
from amiproxy.core.model.phc import InvalidHash, verify
from amiproxy.core.ports import Applicant

#: Secrets that matched and are remembered: those of more users than are usual, in about 3 MB.
_CACHE_ENTRIES: Final = 10_000


class HashVerifier:
    """The Verifier of ``core.ports``.  All calls and callbacks are made on the loop's thread.

    ``cache_timeout`` is in seconds; 0 disables the cache.  A candidate that is already being
    compared is not compared twice: later requests get the result of the first.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        threads: int = 2,
        queue: int = 128,
        cache_timeout: float = 600.0,
        cache_entries: int = _CACHE_ENTRIES,
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
        #: Number of candidates refused without a comparison because the queue was full.
        self.refused = 0
        #: Number of candidates found in the cache.
        self.remembered = 0

    @property
    def pending(self) -> int:
        """Number of unanswered trials: their hashes are being computed or wait for a thread."""
        return len(self._trials)

    def verify(
        self, applicant: Applicant, name: bytes, trial: tuple[str, ...], candidate: bytes, done: Done
    ) -> None:
        """Call ``done`` once: immediately if the result is cached or the verifier is closed (with None).

        If the queue is full, ``FairQueue.surplus`` decides which applicant's ``done`` is called with None; it
        may be that of another applicant.  ``trial`` is from ``UserTable.trial``.
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
        """Empty the cache, because the user table may have changed."""
        # Comparisons in progress started under the old table, and must not fill the new cache.
        self._generation += 1
        self._matched.clear()

    def close(self) -> None:
        """Refuse all further candidates.  Trials that are still unanswered are never answered."""
        self._closed = True
        self._trials = Trials(RANKS)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        """Give the next comparisons to idle threads."""
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
            # The table's hashes were checked when it was loaded, so the candidate cannot cause this.
            matches = False
        try:
            self._loop.call_soon_threadsafe(self._settle, comparison, generation, matches)
        except RuntimeError:
            # The loop has been closed meanwhile: the result is not needed.
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
        # Includes the name, because all unknown names have the same trial: without it, two unknown names
        # with the same secret would share a comparison, and so take less time than two known ones.
        # Neither a name (part of a line) nor a hash contains NUL, so the parts are unambiguous.
        parts = (name, *(stored.encode() for stored in trial), candidate)
        return hmac.digest(self._key, b"\0".join(parts), hashlib.sha256)
