"""State: what exists at one Asterisk now, of each kind that is kept.

It is seeded by the native lists when the link is up, and moved by the events.  The lists are asked again
when a module of a kind is loaded, reloaded or unloaded, and about once an hour.  The latter is an audit:
what events have not told although they should have, is counted as drift.

A list is ahead of the events: those that come after it may tell what it has told already, or older values.
So for two seconds a kind is said to settle.  No event of the proxy's own marks the end of that time: clients
would see it, and it would not wait in the queues in which Asterisk holds the events of channels.
"""

# mypyc: compiled

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from amiproxy import log
from amiproxy.core.audit.historycounts import HistoryCounts
from amiproxy.core.history.state.failures import Failures
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item
from amiproxy.core.history.state.kept import SEEDING, UNAVAILABLE, Kept, Lost, Standing
from amiproxy.core.history.state.kind import Drift, Kind, Maker
from amiproxy.core.history.state.seeding import Lists, Seeding
from amiproxy.core.ports import Scheduler, Timer

#: Seconds after a list in which events may tell older values.
SETTLE_SECONDS: Final = 2.0
#: What an audit finds is looked at again so often, that many seconds apart, before it counts as drift: a busy
#: Asterisk writes events late.
_LOOKS: Final = 4
#: Seconds between two audits; up to a tenth more, so that not all servers are asked at once.
AUDIT_SECONDS: Final = 3600
#: Seconds between a change that no event tells, such as of a module, and asking the lists again: once for
#: all changes until then.
SOON_SECONDS: Final = 1.0
#: Such changes alone do not have the same lists asked again within so many seconds.
PAUSE_SECONDS: Final = 10.0
#: Most seconds between two attempts after a list has failed; the first is after one.
_LONGEST_WAIT: Final = 60.0
_MODULE_EVENTS: Final = (b"Load", b"Reload", b"Unload")
_ALL_MODULES: Final = b"All"


class Waiting:
    """Somebody who waits until some kinds are known; see ``State.await_ready``."""

    __slots__ = ("callback", "kinds")

    def __init__(self, kinds: frozenset[str], callback: Callable[[], None]) -> None:
        self.kinds = kinds
        self.callback = callback


class State:
    """The state of one server.  ``Server`` calls it with every event."""

    __slots__ = (
        "_audit",
        "_by_event",
        "_counts",
        "_doubted",
        "_due",
        "_epoch",
        "_failures",
        "_is_up",
        "_kept",
        "_lists",
        "_queue",
        "_scheduler",
        "_seeding",
        "_waiting",
        "logged_name",
        "on_seeded",
        "was_known",
    )

    def __init__(
        self, makers: Sequence[Maker], lists: Lists, counts: HistoryCounts, scheduler: Scheduler
    ) -> None:
        self._lists = lists
        self._counts = counts
        self._scheduler = scheduler
        self._failures = Failures(scheduler)
        #: The name of its server in log lines; see ``Server.log_name``.
        self.logged_name: str | None = None
        #: Called with the name of a kind that its lists have just replaced.
        self.on_seeded: Callable[[str], None] | None = None
        #: Whether everything was known when the link was lost.
        self.was_known = False
        kept = [Kept(make, scheduler.now) for make in makers]
        self._kept = {each.name: each for each in kept}
        by_event: dict[bytes, list[Kept]] = {name: [] for name in _MODULE_EVENTS}
        for each in kept:
            for event in each.kind.events:
                by_event.setdefault(event, []).append(each)
        #: Which kinds handle an event, by its name.
        self._by_event = {event: tuple(those) for event, those in by_event.items()}
        #: Kinds whose lists are to be asked, in this order -> whether that is an audit.
        self._queue: dict[Kept, bool] = {}
        self._seeding: Seeding | None = None
        #: Kinds that are to be queued when their module has been quiet for a moment.
        self._due: dict[Kept, None] = {}
        self._waiting: list[Waiting] = []
        self._is_up = False
        #: Rises when the link comes up or is lost: timers set before do nothing.
        self._epoch = 0
        #: When an event was lost, and all lists were asked soon because of it.
        self._doubted = -PAUSE_SECONDS
        self._audit: Timer | None = None

    # -- from the server ---------------------------------------------------

    def feed(self, raw: bytes) -> None:
        """Take a well-formed event.  Those that no kind handles cost one look-up."""
        kept = self._by_event.get(raw[7 : raw.find(b"\r", 8)])
        if kept is None:
            return
        fields = Fields(raw)
        if fields.name in _MODULE_EVENTS:
            self._module_changes(fields.get(b"module").removesuffix(b".so"))
        for each in kept:
            try:
                each.take(fields)
            except Exception as error:
                self._lists.fault(error, "event of the state")
                self._seed_soon(each)
            if each.kind.is_outdated:
                each.kind.is_outdated = False
                self._seed_soon(each)

    def linked(self) -> None:
        """The link is up, but Asterisk may not have booted."""
        self.was_known = False

    def begin(self) -> None:
        """Asterisk has booted: ask all lists."""
        self._is_up = True
        self._epoch += 1
        self._set_audit()
        self.seed_all()

    def end(self) -> None:
        """The link is lost, or the state is not kept any longer: forget all but what ``losses`` needs."""
        if self._is_up:
            self.was_known = self.settled(self._kept)
        self._is_up = False
        self._epoch += 1
        if self._audit is not None:
            self._audit.cancel()
        self._audit = None
        self._seeding = None
        self._queue.clear()
        self._due.clear()
        for each in self._kept.values():
            if self.was_known:
                self._lose(each)
            each.forget()

    def _lose(self, kept: Kept) -> None:
        try:
            kept.lose()
        except Exception as error:
            self._lists.fault(error, "end of the state")
            self.was_known = False
            self.forget_lost()

    def doubt(self) -> None:
        """An event was lost: ask all lists again, soon."""
        now = self._scheduler.now()
        # A client may be able to have such events lost: then not each has the lists asked at once.
        urgent = now >= self._doubted + PAUSE_SECONDS
        if urgent:
            self._doubted = now
        for each in self._kept.values():
            self._seed_soon(each, urgent=urgent)

    def seed_all(self, *, audit: bool = False) -> None:
        """Ask the lists of all kinds, one after another.

        ``audit``: only of those that are known and settled; what no event has told counts as drift.
        """
        for each in self._kept.values():
            self._seed(each, audit=audit)

    # -- for those who show it ---------------------------------------------

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of all kinds, in the order in which they are shown."""
        return tuple(self._kept)

    @property
    def standings(self) -> list[Standing]:
        """How well each kind is known."""
        return [each.status for each in self._kept.values()]

    def losses(self) -> list[tuple[Lost, Kind]]:
        """Each kind as it was when the link was lost, and as it is now; empty after ``forget_lost``."""
        return [(each.lost, each.kind) for each in self._kept.values() if each.lost is not None]

    def forget_lost(self) -> None:
        """What was there when the link was lost is not asked for any more."""
        for each in self._kept.values():
            each.lost = None

    def is_known(self, kind: str) -> bool:
        """Whether all items of this kind are known."""
        return self._kept[kind].is_known

    def present(self, kinds: Iterable[str]) -> dict[str, list[Item]]:
        """The items of these kinds, without those kinds that are not known."""
        return {name: self._kept[name].kind.items() for name in kinds if self.is_known(name)}

    def settled(self, kinds: Iterable[str]) -> bool:
        """Whether nothing is to be waited for: each kind is known, or Asterisk does not have it."""
        return all(self._kept[name].standing != SEEDING for name in kinds)

    def await_ready(self, kinds: Iterable[str], callback: Callable[[], None]) -> Waiting:
        """Call ``callback`` once when these kinds are ``settled``; never before this returns."""
        waiting = Waiting(frozenset(kinds), callback)
        self._waiting.append(waiting)
        return waiting

    def dismiss(self, waiting: Waiting) -> None:
        """Do not call it any more."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)

    # -- when lists are asked ----------------------------------------------

    def _set_audit(self) -> None:
        delay = AUDIT_SECONDS + secrets.randbelow(AUDIT_SECONDS // 10)
        self._audit = self._scheduler.later(delay, self._audit_is_due)

    def _audit_is_due(self) -> None:
        self._set_audit()
        self.seed_all(audit=True)

    def _module_changes(self, module: bytes) -> None:
        for each in self._kept.values():
            if module not in each.kind.modules and (module != _ALL_MODULES or not each.kind.modules):
                continue
            self._seed_soon(each)

    def _seed_soon(self, kept: Kept, *, urgent: bool = False) -> None:
        """Ask the lists again for what no event has told; once for all that happens in a while."""
        kept.before = None  # an audit would find that too
        if kept.seeding is not None:
            kept.seeding.is_audit = False
        if kept in self._due or not self._is_up:
            return
        self._due[kept] = None
        delay = SOON_SECONDS
        if kept.seeded is not None and not urgent:
            delay = max(delay, kept.seeded + PAUSE_SECONDS - self._scheduler.now())
        self._seed_after(kept, delay)

    def _seed_after(self, kept: Kept, delay: float) -> None:
        epoch = self._epoch

        def seed() -> None:
            if epoch == self._epoch:
                self._due.pop(kept, None)
                self._seed(kept, audit=False)

        self._scheduler.later(delay, seed)

    def _wait_after(self, kept: Kept) -> float:
        """Count a failure; returns the seconds until the next attempt."""
        kept.failures += 1
        return min(2.0 ** (kept.failures - 1), _LONGEST_WAIT)

    # -- the lists; see SeedingOwner -----------------------------------------

    def _seed(self, kept: Kept, *, audit: bool) -> None:
        if not self._is_up:
            return
        # One that is no audit may not become one: it is there because something was missed.
        self._queue[kept] = audit and self._queue.get(kept, True)
        self._go_on()

    def _go_on(self) -> None:
        while self._seeding is None and self._queue:
            kept = next(iter(self._queue))
            audit = self._queue.pop(kept)
            if audit and not kept.may_be_audited:
                continue
            self._start(kept, Seeding(kept.kind, self._lists, self, self._scheduler.now(), is_audit=audit))

    def _start(self, kept: Kept, seeding: Seeding) -> None:
        self._seeding = kept.seeding = seeding
        seeding.go_on()

    def _ended(self, seeding: Seeding) -> Kept | None:
        """The kind of a seeding that has ended; None if it has been given up before."""
        if seeding is not self._seeding:
            return None
        self._seeding = None
        kept = self._kept[seeding.name]
        kept.seeding = None
        return kept

    def seeded(self, seeding: Seeding) -> None:
        """See SeedingOwner."""
        kept = self._ended(seeding)
        if kept is None:
            return
        try:
            kept.adopt(seeding)
        except Exception as error:
            self._lists.fault(error, "list of the state")
            self._fail(kept, "fault")
            self._go_on()
            return
        seconds = self._scheduler.now() - seeding.began
        self._counts.seeded(kept.name, seconds)
        log.say(
            log.DEBUG,
            "state-seeded",
            server=self.logged_name,
            kind=kept.name,
            items=len(kept.kind),
            seconds=round(seconds, 3),
        )
        self._settle_after(kept, _LOOKS)
        on_seeded, name = self.on_seeded, kept.name
        if on_seeded is not None:
            self._call(lambda: on_seeded(name))
        self._tell_waiting()
        self._go_on()

    def unseeded(self, seeding: Seeding, reason: str, *, refused: bool) -> None:
        """See SeedingOwner."""
        kept = self._ended(seeding)
        if kept is None:
            return
        if refused:
            if kept.standing != UNAVAILABLE:
                log.say(log.INFO, "state-unavailable", server=self.logged_name, kind=kept.name, reason=reason)
            kept.refuse(reason)
            self._tell_waiting()
        else:
            self._fail(kept, reason)
        self._go_on()

    def _fail(self, kept: Kept, reason: str) -> None:
        """Its lists have failed: ask them again after a while."""
        self._counts.seed_failures[kept.name] += 1
        kept.reason = reason
        delay = self._wait_after(kept)
        self._failures.add(self.logged_name, kept.name, reason, delay)
        self._seed_after(kept, delay)

    def _call(self, call: Callable[[], None]) -> None:
        """Call somebody whose faults concern neither the state nor others who wait."""
        try:
            call()
        except Exception as error:
            self._lists.fault(error, "use of the state")

    def _tell_waiting(self) -> None:
        for waiting in [each for each in self._waiting if self.settled(each.kinds)]:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._call(waiting.callback)

    # -- after a list ------------------------------------------------------

    def _settle_after(self, kept: Kept, looks: int) -> None:
        epoch, instance = self._epoch, kept.kind

        def settle() -> None:
            if epoch == self._epoch and kept.kind is instance:
                self._settle(kept, looks)

        self._scheduler.later(SETTLE_SECONDS, settle)

    def _settle(self, kept: Kept, looks: int) -> None:
        drift = kept.settle()
        if drift is None:
            return
        if drift.total and looks > 1:
            self._settle_after(kept, looks - 1)
            return
        kept.before = None
        if drift.total:
            self._count(kept, drift)

    def _count(self, kept: Kept, drift: Drift) -> None:
        self._counts.drift[kept.name] += drift.total
        fields = drift.summary()
        log.say(log.WARNING, "state-drift", server=self.logged_name, kind=kept.name, **fields)
