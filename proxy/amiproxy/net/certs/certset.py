"""The certificates of all listeners: one store each, changed by one reload at a time.

The file watch, the timer and ``reload`` re-read the files only; a reload of the
whole configuration also brings new settings, and commits once everything else
is valid.  Both hold ``reload_lock`` from reading to committing, so neither can undo the
other.  This module logs the results.
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.certlog import tell_expiry, tell_findings, tell_reload
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.generation import Candidate
from amiproxy.net.certs.halfwritten import Retry
from amiproxy.net.certs.result import CertificatesRefused, ReloadResult
from amiproxy.net.certs.rotation import SETTLE, Rotation
from amiproxy.net.loop import gently
from amiproxy.net.tls.clientcertificate import Objection
from amiproxy.x509.ending import Ending
from amiproxy.x509.expiry import Expiry
from amiproxy.x509.validating.findings import errors_of


class CertSet:
    """The certificate stores of all listeners; ``changed`` is called after each swap.

    ``wall`` returns seconds since the epoch; ``settle`` is the time in seconds for which a set of files that
    looks half-written is read again.  Raises CertificatesRefused if the files of a listener are refused, or
    for an unusable TLS policy.
    """

    def __init__(
        self,
        listeners: Sequence[ListenerSettings],
        tls: Tls,
        changed: Callable[[], None] = lambda: None,
        *,
        wall: Callable[[], float] = time.time,
        settle: float = SETTLE,
    ) -> None:
        self._changed = changed
        self._settle = settle
        self._wall = wall
        self.stores = tuple(CertStore(listener, tls, wall=wall) for listener in listeners)
        #: Held by every reload, from reading the files to the commit.
        self.reload_lock = asyncio.Lock()
        #: Number of logged reload attempts, by outcome and trigger.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.rotation = Rotation(
            self.stores,
            reloaded=self._reloaded,
            expiring=lambda _, notice: tell_expiry(notice),
            wall=wall,
            settle=settle,
            reload_lock=self.reload_lock,
        )
        for store in self.stores:
            tell_findings(store.last_result)

    def served_by(self, number: int) -> tuple[Callable[[], ssl.SSLContext], Objection]:
        """The current TLS context of a listener, and its check of client certificates.

        ``number`` is the listener's place in the configuration, from 0.  Call the first for each new
        connection: a reload replaces the context.
        """
        store = self.stores[number]
        return lambda: store.context, store.client_objection

    def names_of(self, number: int) -> Callable[[], tuple[str, ...]]:
        """Returns the names in the certificates that a listener serves at that time, as ``kind:value``.

        ``number`` is as in ``served_by``.
        """
        store = self.stores[number]
        return lambda: tuple(name for pair in store.current.pairs for name in pair.facts.names)

    @property
    def first_end(self) -> datetime:
        """When the first of the served certificates expires, in UTC."""
        return min(pair.facts.not_after for store in self.stores for pair in store.current.pairs)

    def attention(self) -> str:
        """What the operator should attend to, on one line; empty if nothing.

        Reads no file: whether files on disk were refused is known from the last reload attempt.
        """
        now = datetime.fromtimestamp(self._wall(), UTC)
        texts = []
        for store in self.stores:
            first: dict[str, Ending] = {}
            for ending in sorted(store.current.endings, key=lambda ending: ending.at):
                if ending.state(now) > Expiry.FINE:
                    first.setdefault(ending.kind, ending)
            texts += [ending.describe(now) for ending in first.values()]
            if not store.last_result.succeeded:
                name = store.current.pairs[0].ending.name
                texts.append(f"new files of {name} are refused, see the log")
        return "; ".join(dict.fromkeys(texts))

    async def prepare(
        self,
        listeners: Sequence[ListenerSettings],
        tls: Tls,
        triggers: frozenset[str],
        *,
        whole: bool = True,
    ) -> list[Candidate]:
        """Read and test the files that these settings name; ``reload_lock`` must be held until the commit.

        With ``whole``, an error in any store raises CertificatesRefused with all errors; without it errors
        are only in the results, as with the file watch.  A set of files that looks half-written is retried
        for the settle time.  Raises CertificatesRefused for an unusable TLS policy, too, and ValueError for
        another number of listeners.
        """
        retry = Retry(self._settle, self._settle)
        while True:
            candidates = [
                await gently.in_thread(partial(store.preparing, triggers, listener, tls))
                for store, listener in zip(self.stores, listeners, strict=True)
            ]
            errors = errors_of(finding for one in candidates for finding in one.result.findings)
            if retry.is_over(errors):
                if errors and whole:
                    raise CertificatesRefused(errors)
                return candidates
            await retry.pause()

    def commit(self, candidates: Sequence[Candidate]) -> list[ReloadResult]:
        """Swap to the prepared generations, and watch the files that they came from.

        Returns one result for each listener.
        """
        results = [store.commit(one) for store, one in zip(self.stores, candidates, strict=True)]
        for store, result in zip(self.stores, results, strict=True):
            self.rotation.note_external_commit(store, result)
            self._tell(result)
        self.rotation.watch.look()
        self._changed()
        return results

    def _reloaded(self, _store: CertStore, result: ReloadResult) -> None:
        self._tell(result)
        if result.swapped:
            self._changed()

    def _tell(self, result: ReloadResult) -> None:
        self.outcomes[result.outcome, result.trigger] += 1
        tell_reload(result)
