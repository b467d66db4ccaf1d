"""Which secret is compared next, and which login is answered when: pure, with steps for hash times."""

import random
from collections.abc import Hashable

import pytest

from amiproxy.core.admission.networks import networks_around
from amiproxy.core.admission.trials import Comparison, Trials
from amiproxy.core.ports import Applicant

RANKS = 3
WORKERS = 2


class Workers:
    """Trials with workers that take one step per comparison; a secret's text says whether it is right."""

    def __init__(self, workers: int = WORKERS) -> None:
        self.trials = Trials(RANKS)
        self.now = 0
        self.compared = 0
        #: When each applicant got its verdict, and which.
        self.told: dict[Hashable, tuple[int, bool | None]] = {}
        self._free = workers
        self._running: list[Comparison] = []

    def ask(
        self,
        who: str,
        address: str,
        name: str,
        secret: str = "",
        *,
        hopeless: bool = False,
        rank: int = 1,
    ) -> None:
        candidate = (secret or f"wrong {who}").encode()
        self.trials.add(
            Applicant(who, networks_around(address), rank, hopeless),
            name.encode(),
            name.encode() + b":" + candidate,
            ("stored",),
            candidate,
            lambda verdict: self.told.update({who: (self.now, verdict)}),
        )
        self._begin()

    def step(self) -> None:
        """Let the time of one comparison pass."""
        self.now += 1
        ended, self._running = self._running, []
        self._free += len(ended)
        for comparison in ended:
            for done, verdict in self.trials.end(comparison, comparison.trial.candidate == b"right"):
                done(verdict)
        self._begin()

    def finish(self) -> None:
        while self._running:
            self.step()

    def _begin(self) -> None:
        while self._free and (comparison := self.trials.begin()) is not None:
            self._free -= 1
            self.compared += 1
            self._running.append(comparison)


def add_guesses(workers: Workers, number: int, name: str, *, hopeless: bool, networks: int = 300) -> None:
    """Guesses, the first of each address; ``*`` in the name is another name each time."""
    for n in range(number):
        address = f"{n % networks % 200 + 1}.{n % networks // 200}.0.{n // networks % 250 + 1}"
        workers.ask(f"stranger {n}", address, name.replace("*", str(n)), hopeless=hopeless)


@pytest.mark.parametrize(
    ("name", "hopeless", "networks"),
    [
        ("no such user *", True, 300),
        ("boss, from where he may not log in", True, 300),
        ("boss", False, 300),
        ("user *", False, 2),
    ],
    ids=["unknown names", "one user, hopeless", "one user", "all users, from few networks"],
)
def test_a_good_login_waits_for_a_few_comparisons_behind_hundreds(name, hopeless, networks):
    workers = Workers()
    add_guesses(workers, 300, name, hopeless=hopeless, networks=networks)
    workers.ask("good", "203.0.113.1", "far", "right")
    workers.finish()
    assert workers.told["good"][1] is True
    assert workers.told["good"][0] <= 5
    assert len(workers.told) == 301


def test_a_login_is_delayed_only_by_guesses_of_many_names_from_many_networks():
    workers = Workers()
    add_guesses(workers, 300, "user *", hopeless=False)
    workers.ask("good", "203.0.113.1", "far", "right")
    workers.finish()
    assert workers.told["good"][0] == 151, "as many as there are, by two workers"


def test_a_user_whose_name_is_guessed_gets_its_networks_turn():
    workers = Workers()
    add_guesses(workers, 300, "far", hopeless=False, networks=3)
    workers.ask("good", "203.0.113.1", "far", "right")
    workers.finish()
    assert workers.told["good"][0] <= 6


def test_each_guess_costs_one_comparison_whether_it_can_succeed_or_not():
    for hopeless in (True, False):
        workers = Workers()
        add_guesses(workers, 50, "user *", hopeless=hopeless)
        workers.finish()
        assert (workers.compared, len(workers.trials)) == (50, 0)


@pytest.mark.parametrize("seed", range(30))
def test_the_time_of_a_refusal_does_not_reveal_which_names_exist(seed):
    """The same guesses with two tables: each one is refused, or turned away, at the same time."""

    def seen(existing: set[str]) -> tuple[dict[Hashable, tuple[int, bool | None]], int]:
        rng = random.Random(seed)
        workers = Workers(rng.choice([1, 2, 4]))
        waiting: list[str] = []
        for number in range(200):
            name = f"name {rng.randrange(12)}"
            address = f"10.{rng.randrange(4)}.{rng.randrange(3)}.1"
            who = f"guess {number}"
            # Some guess the same at the same time, which costs one comparison.
            secret = rng.choice(["", "", "same"])
            hopeless, rank = name not in existing, rng.randrange(RANKS)
            workers.ask(who, address, name, secret, hopeless=hopeless, rank=rank)
            waiting.append(who)
            if rng.random() < 0.1:
                workers.trials.withdraw(rng.choice(waiting))
            if workers.trials.waiting > 20:
                turned_away = workers.trials.surplus()
                done = workers.trials.withdraw(turned_away)
                assert done is not None
                done(None)
            for _ in range(rng.choice([0, 0, 1])):
                workers.step()
        workers.finish()
        return workers.told, workers.compared

    names = {f"name {n}" for n in range(12)}
    nobody = seen(set())
    assert seen(names) == nobody
    assert seen({"name 3"}) == nobody
    assert seen(names - {"name 5", "name 6"}) == nobody


def test_a_right_secret_is_accepted_before_its_turn_and_uses_none():
    workers = Workers(1)
    add_guesses(workers, 4, "nobody *", hopeless=True)
    workers.ask("good", "203.0.113.1", "far", "right")
    workers.ask("colleague", "203.0.113.2", "far", "right")
    workers.step()
    assert "good" not in workers.told
    workers.step()
    assert workers.told["good"] == workers.told["colleague"] == (2, True)
    workers.finish()
    assert workers.compared == 4, "its turn was another client's"


def test_a_wrong_secret_is_compared_early_and_refused_in_its_turn():
    workers = Workers(1)
    add_guesses(workers, 4, "nobody *", hopeless=True)
    workers.ask("typing error", "203.0.113.1", "far")
    workers.step()
    workers.step()
    assert "typing error" not in workers.told
    workers.finish()
    assert workers.told["typing error"][1] is False
    assert sorted(at for at, _ in workers.told.values()) == [1, 2, 3, 4, 5]


def test_a_turn_that_comes_during_its_own_comparison_waits_for_it():
    trials = Trials(1)
    told: list[tuple[str, bool | None]] = []

    def ask(who: str, hopeless: bool) -> None:
        applicant = Applicant(who, hopeless=hopeless)
        trials.add(applicant, b"", who.encode(), (), b"", lambda verdict: told.append((who, verdict)))

    def end(comparison: Comparison, matches: bool = False) -> None:
        for done, verdict in trials.end(comparison, matches):
            done(verdict)

    ask("nobody", True)
    ask("user", False)
    first = trials.begin()
    second = trials.begin()
    assert first is not None
    assert second is not None
    assert [first.trial.digest, first.turn.digest] == [b"user", b"nobody"]
    assert second.trial is second.turn is first.trial, "no other could be compared at its cost"
    assert trials.begin() is None
    end(second)
    assert told == [("user", False)], "the second comparison of the same gave the verdict, too"
    end(first)
    assert told == [("user", False), ("nobody", False)]

    ask("nobody", True)
    ask("user", False)
    ask("other", False)
    first, second, third = trials.begin(), trials.begin(), trials.begin()
    assert first is not None
    assert second is not None
    assert third is not None
    assert [c.trial.digest for c in (first, second, third)] == [b"user", b"other", b"other"]
    del told[:]
    end(second)
    assert told == [], "user had that turn, and its own comparison continues"
    end(first)
    assert told == [("user", False), ("nobody", False)]
    end(third, matches=True)
    assert told[2:] == [("other", True)]
    assert len(trials) == 0


def test_equal_requests_share_one_comparison_and_its_verdict():
    workers = Workers(1)
    workers.ask("under way", "192.0.2.1", "u", "same")
    workers.ask("later", "192.0.2.2", "u", "same")
    workers.ask("later still", "192.0.2.3", "u", "right")
    workers.ask("latest", "192.0.2.4", "u", "right")
    assert len(workers.trials) == 2
    assert workers.trials.waiting == 2
    workers.finish()
    assert workers.told == {
        "under way": (1, False),
        "later": (1, False),
        "later still": (2, True),
        "latest": (2, True),
    }
    assert workers.compared == 2


def test_a_client_that_leaves_costs_no_comparison_and_gets_no_verdict():
    workers = Workers(1)
    for number in range(4):
        workers.ask(f"{number}", "192.0.2.1", "u", "same" if number > 1 else "")
    assert workers.trials.withdraw("0") is None, "it is being compared"
    assert workers.trials.withdraw("1") is not None
    assert workers.trials.withdraw("1") is None
    assert workers.trials.withdraw("2") is not None
    assert (len(workers.trials), workers.trials.waiting) == (2, 1)
    workers.finish()
    assert set(workers.told) == {"0", "3"}
    assert workers.compared == 2


def test_a_client_that_leaves_while_compared_in_another_turn_gets_no_verdict():
    workers = Workers(1)
    workers.ask("first", "192.0.2.1", "nobody", hopeless=True)
    workers.ask("second", "192.0.2.2", "nobody too", hopeless=True)
    workers.ask("good", "203.0.113.1", "far", "right")
    workers.step()
    assert workers.trials.withdraw("good") is not None
    workers.finish()
    assert set(workers.told) == {"first", "second"}
    assert len(workers.trials) == 0
