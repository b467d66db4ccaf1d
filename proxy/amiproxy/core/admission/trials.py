"""Trials: which client's secret is compared next, and when each client gets its answer.

A comparison costs tens of milliseconds of CPU, and any client may cause one.  Hundreds of
unauthenticated clients with one wrong secret each, all from different networks, would be seconds of
work ahead of a legitimate client that comes last.  Neither its address nor the fact that it has not
failed yet sets the legitimate client apart, but that its login can succeed at all.  Most guesses cannot,
whatever the secret is: the name does not exist, is disabled, or may not log in from that address or
without a certificate.  Such a trial is *hopeless*.  Nothing is lost if hopeless trials are compared
last; but then the time of a refusal would reveal which names exist.

So there are two queues of the same kind (``core/admission/fairqueue.py``):

- The queue of **turns** holds every trial, hopeless or not.  Each comparison that begins takes one trial
  out of it: that trial's turn.  The trial is refused when this comparison ends, and never before, even if
  its own comparison ended long ago.
- The queue of the **hopeful** holds the trials that can succeed and are not being compared yet.  The
  comparison that begins with a turn is that of the trial whose turn it is, if that trial is in this queue;
  otherwise it is that of the first trial in this queue.  If the queue is empty, a comparison is made only
  for its cost.  A right secret is reported at once.

From this follows what a client without a right secret can observe.  The queue of turns does not know
which trials are hopeless.  A comparison begins whenever a worker is free and that queue is not empty,
and all comparisons cost the same (``UserTable.trial``).  So the time of a refusal, and the load on the
CPU, depend on which clients asked when, from where and for which name, but never on which names exist.
A client with a right secret can observe more: it sees how many hopeful trials were ahead of it, and could
so find out whether a guess for another name, sent just before from other addresses, was one of them.  For
that it needs an account, an address that has not logged in yet, and the time of one hash per guess.

An attacker that knows all this can only delay a login with names that exist and may log in from the
attacker's addresses: by one or two turns for each name or each network that it uses, whichever are fewer,
until each of its addresses has failed once.  Restricting the networks that users may log in from (``acl``)
or requiring certificates (``login: both``) makes its trials hopeless, and a login from an address that has
logged in lately is served before all of them.

Memory: an applicant is in each queue at most once, and the owner of this object bounds their number.
"""

from collections.abc import Callable, Hashable
from typing import NamedTuple

from amiproxy.core.admission.fairqueue import FairQueue
from amiproxy.core.ports import Applicant

Done = Callable[[bool | None], None]


class Trial:
    """A candidate secret, the hashes to compare it with, and the applicants that wait for the verdict."""

    __slots__ = ("applicants", "begun", "candidate", "digest", "had_turn", "over", "stored", "wrong")

    def __init__(self, digest: bytes, stored: tuple[str, ...], candidate: bytes, hopeless: bool) -> None:
        self.digest = digest
        self.stored = stored
        self.candidate = candidate
        self.applicants: dict[Hashable, Done] = {}
        #: Whether it need not be compared: its comparison has begun, or it is hopeless.
        self.begun = hopeless
        #: Whether the secret is known to be wrong.
        self.wrong = hopeless
        #: Whether it has had its turn, and whether the comparison that began with that turn has ended.
        self.had_turn = False
        self.over = False


class Comparison(NamedTuple):
    """Work for a worker: compare ``trial``, in the turn of ``turn``."""

    trial: Trial
    turn: Trial


class Trials:
    """All unanswered trials, by digest; digests are equal only for equal names, hashes and candidates."""

    def __init__(self, ranks: int) -> None:
        self._turns: FairQueue[Hashable] = FairQueue(ranks)
        self._hopeful: FairQueue[Hashable] = FairQueue(ranks)
        self._trials: dict[bytes, Trial] = {}
        #: The trial of each applicant that waits for its turn.
        self._asked: dict[Hashable, Trial] = {}

    def __len__(self) -> int:
        """The number of trials that are not answered."""
        return len(self._trials)

    @property
    def waiting(self) -> int:
        """The number of applicants that wait for their turn."""
        return len(self._turns)

    def add(
        self,
        applicant: Applicant,
        name: bytes,
        digest: bytes,
        stored: tuple[str, ...],
        candidate: bytes,
        done: Done,
    ) -> None:
        """Add an applicant; it joins a trial with the same digest if there is one.

        ``stored`` are the hashes to compare ``candidate`` with.  ``done`` is not called here: ``end`` and
        ``withdraw`` return it.
        """
        trial = self._trials.get(digest)
        if trial is None:
            trial = self._trials[digest] = Trial(digest, stored, candidate, applicant.hopeless)
        trial.applicants[applicant.who] = done
        if trial.had_turn:
            return
        self._asked[applicant.who] = trial
        self._turns.put(applicant.who, applicant.networks, applicant.rank, name)
        if not trial.begun:
            self._hopeful.put(applicant.who, applicant.networks, applicant.rank, name)

    def begin(self) -> Comparison | None:
        """Take the next comparison, for a free worker; None if no applicant waits for a turn."""
        if not self._turns:
            return None
        turn = self._asked[self._turns.take()]
        trial = self._asked[self._hopeful.take()] if turn.begun and self._hopeful else turn
        trial.begun = True
        for who in trial.applicants:
            self._hopeful.remove(who)
        turn.had_turn = True
        for who in turn.applicants:
            self._turns.remove(who)
            del self._asked[who]
        return Comparison(trial, turn)

    def end(self, comparison: Comparison, matches: bool) -> list[tuple[Done, bool]]:
        """End a comparison; returns the callbacks to call, each with its verdict."""
        trial, turn = comparison
        trial.wrong = not matches
        turn.over = True
        told = self._answer(trial, matches) if matches or trial.over else []
        if turn is not trial and turn.wrong:
            told += self._answer(turn, False)
        return told

    def withdraw(self, who: Hashable) -> Done | None:
        """Remove an applicant whose turn has not come; returns its callback, or None if it does not wait."""
        trial = self._asked.pop(who, None)
        if trial is None:
            return None
        self._turns.remove(who)
        self._hopeful.remove(who)
        done = trial.applicants.pop(who)
        if not trial.applicants:
            del self._trials[trial.digest]
        return done

    def surplus(self) -> Hashable:
        """The applicant to turn away when too many wait; see ``FairQueue.surplus``."""
        return self._turns.surplus()

    def _answer(self, trial: Trial, matches: bool) -> list[tuple[Done, bool]]:
        if self._trials.get(trial.digest) is not trial:
            return []  # already answered, or all its applicants have left
        del self._trials[trial.digest]
        for who in trial.applicants:
            self._turns.remove(who)
            self._asked.pop(who, None)
        return [(done, matches) for done in trial.applicants.values()]
