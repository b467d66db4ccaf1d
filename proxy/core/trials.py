"""Trials: whose secret is compared next, and who is answered when.

A comparison costs tens of milliseconds of a processor, and anybody may ask for one.  Hundreds of
strangers with a wrong secret each, all from networks of their own, would be seconds of work before
a good client that comes last.  What tells the good one from them is not its address, nor that it has
not failed yet: it is that its login can succeed at all.  Most guesses cannot, whatever the secret is:
the name does not exist, is disabled, or may not log in from that address or without a certificate.
Such a trial is *hopeless*.  Nothing is lost when hopeless ones are compared last; but then a refusal
that came sooner or later would tell which names exist.

So there are two queues of the same kind (``core/fairqueue.py``):

- In the queue of **turns** is every trial, hopeless or not.  With each comparison that begins, one trial
  has its turn.  It is refused when that comparison ends, and not before, even if it was judged long ago.
- In the queue of the **hopeful** are the trials that can succeed and are not being compared yet.  The
  comparison that begins with a turn is that of the trial whose turn it is, if it is one of these;
  otherwise that of the hopeful trial that is first in its own queue; and if there is none, it is done
  for its cost alone.  A secret that is right is told at once.

What anybody without a right secret can see follows from this alone:  The queue of turns does not
know which trials are hopeless.  A comparison begins whenever a worker is free and that queue is not
empty, and all cost the same (``UserTable.trial``).  So the moment of a refusal, and how busy the
processor is, depend on who asked when, from where and for which name, never on which names exist.
A right secret is another matter: its owner sees how many hopeful trials were before it, and could tell
in that way whether a guess for another name, sent just before from other addresses, was one
of them.  That takes an account, an address that has not logged in yet, and one hash time for each look.

An attacker that knows all this can delay a login only with names that exist and may log in from
where it is; by one or two turns for each name and network that it uses, whichever are fewer, until
each of its addresses has failed once.  The networks that users may log in from (``acl``) and
certificates (``login: both``) make its trials hopeless, and from addresses that have logged in
lately a login comes before all of that.

Memory: an applicant is in each queue at most once, and its owner bounds how many there are.
"""

from collections.abc import Callable, Hashable
from typing import NamedTuple

from proxy.core.fairqueue import FairQueue
from proxy.core.ports import Applicant

Done = Callable[[bool | None], None]


class Trial:
    """A candidate, the hashes that it is compared with, and the applicants that wait for the verdict."""

    __slots__ = ("applicants", "begun", "candidate", "digest", "had_turn", "over", "stored", "wrong")

    def __init__(self, digest: bytes, stored: tuple[str, ...], candidate: bytes, hopeless: bool) -> None:
        self.digest = digest
        self.stored = stored
        self.candidate = candidate
        self.applicants: dict[Hashable, Done] = {}
        #: Whether it need not be compared any more: that has begun, or it is hopeless.
        self.begun = hopeless
        #: Whether it is known to be wrong.
        self.wrong = hopeless
        #: Whether it has had its turn; and whether the comparison that began with it has ended.
        self.had_turn = False
        self.over = False


class Comparison(NamedTuple):
    """What a worker does: compare this trial, in the turn of that one."""

    trial: Trial
    turn: Trial


class Trials:
    """All of them.  Each is known by a digest, equal for equal names, hashes and candidates only."""

    def __init__(self, ranks: int) -> None:
        self._turns: FairQueue[Hashable] = FairQueue(ranks)
        self._hopeful: FairQueue[Hashable] = FairQueue(ranks)
        self._trials: dict[bytes, Trial] = {}
        #: The trials of applicants that wait for their turn.
        self._asked: dict[Hashable, Trial] = {}

    def __len__(self) -> int:
        """Trials that are not answered."""
        return len(self._trials)

    @property
    def waiting(self) -> int:
        """Applicants that wait for their turn."""
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
        """Somebody asks for a verdict.  A trial that is there already is not made twice."""
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
        """The next comparison, for a worker that is free; None if nobody waits."""
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
        """A comparison has ended; the calls to be made for that, with what to tell."""
        trial, turn = comparison
        trial.wrong = not matches
        turn.over = True
        told = self._answer(trial, matches) if matches or trial.over else []
        if turn is not trial and turn.wrong:
            told += self._answer(turn, False)
        return told

    def withdraw(self, who: Hashable) -> Done | None:
        """Take an applicant out, if its turn has not come; the call that it would have had."""
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
            return []  # answered already, or nobody waits for it any more
        del self._trials[trial.digest]
        for who in trial.applicants:
            self._turns.remove(who)
            self._asked.pop(who, None)
        return [(done, matches) for done in trial.applicants.values()]
