"""How long a good login waits during a guessing attack, on a simulated clock: a slow machine has no effect.

Two workers compare a secret in 40 ms: 50 a second.  The good users need 25 a second, each from an
address without a recent login.  The attackers are 300 addresses in 200 networks, and send more than all
workers could compare; once an address has failed, it comes behind all others.
"""

import heapq
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

import pytest

from amiproxy.core.admission.networks import networks_around
from amiproxy.core.admission.trials import Comparison, Trials
from amiproxy.core.ports import Applicant

HASH = 0.04
WORKERS = 2
ROOM = 128
SECONDS = 10.0
GOOD = ("far30", "far100", "far200")
GOOD_RATE = 25.0
#: Seconds that a login takes over a short distance: 4.5 round trips of 30 ms, and a comparison.
QUIET = 4.5 * 0.03 + HASH
UNKNOWN, FAILING = 1, 2


class Attack(NamedTuple):
    rate: float
    #: The names that the attackers use in turn; empty: each time another name that does not exist.
    names: Sequence[str] = ()

    def name(self, number: int) -> str:
        return self.names[number % len(self.names)] if self.names else f"nobody {number}"


class World:
    """Events in their order, and the seconds that each good login waited; None if it was turned away."""

    def __init__(self, attack: Attack) -> None:
        self.waits: list[float | None] = []
        self._attack = attack
        self._trials = Trials(3)
        self._free = WORKERS
        self._now = 0.0
        self._numbers = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._failed: set[str] = set()

    def run(self) -> None:
        self._at(0.0, partial(self._guess, 0))
        self._at(0.01, partial(self._log_in, 0))
        while (event := heapq.heappop(self._events))[0] < SECONDS:
            self._now = event[0]
            event[2]()

    def _at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), call))

    def _guess(self, number: int) -> None:
        self._at(self._now + 1 / self._attack.rate, partial(self._guess, number + 1))
        n = number % 300
        address = f"10.{n % 200}.{n // 200}.1"

        def done(verdict: bool | None) -> None:
            if verdict is False:
                self._failed.add(address)

        rank = FAILING if address in self._failed else UNKNOWN
        hopeless = not self._attack.names
        applicant = Applicant(f"guess {number}", networks_around(address), rank, hopeless)
        self._ask(applicant, self._attack.name(number), b"wrong", done)

    def _log_in(self, number: int) -> None:
        self._at(self._now + 1 / GOOD_RATE, partial(self._log_in, number + 1))
        began = self._now
        networks = networks_around(f"10.251.{number % 8}.{number % 250}")

        def done(verdict: bool | None) -> None:
            self.waits.append(self._now - began if verdict else None)

        self._ask(Applicant(f"good {number}", networks, UNKNOWN), GOOD[number % 3], b"right", done)

    def _ask(
        self, applicant: Applicant, name: str, secret: bytes, done: Callable[[bool | None], None]
    ) -> None:
        # Guesses all differ; clients of one user that ask at the same time cost one comparison.
        digest = name if secret == b"right" else f"{applicant.who}"
        self._trials.add(applicant, name.encode(), digest.encode(), (), secret, done)
        self._begin()
        if self._trials.waiting > ROOM:
            who: Hashable = self._trials.surplus()
            told = self._trials.withdraw(who)
            assert told is not None
            told(None)

    def _begin(self) -> None:
        while self._free and (comparison := self._trials.begin()) is not None:
            self._free -= 1
            self._at(self._now + HASH, partial(self._end, comparison))

    def _end(self, comparison: Comparison) -> None:
        self._free += 1
        told = self._trials.end(comparison, comparison.trial.candidate == b"right")
        self._begin()
        for done, verdict in told:
            done(verdict)


def share_in_time(attack: Attack) -> float:
    """The part of good logins that took at most three times as long as without an attack."""
    world = World(attack)
    world.run()
    in_time = [wait for wait in world.waits if wait is not None and wait + QUIET - HASH <= 3 * QUIET]
    assert len(world.waits) >= 0.8 * SECONDS * GOOD_RATE
    return len(in_time) / len(world.waits)


@pytest.mark.parametrize(
    "attack",
    [
        Attack(100),
        Attack(500),
        Attack(100, ["boss"]),
        Attack(500, ["boss"]),
        Attack(500, [f"boss {n}" for n in range(4)]),
        Attack(20, GOOD),
    ],
    ids=str,
)
def test_good_logins_finish_in_time(attack):
    assert share_in_time(attack) >= 0.99


def test_only_guesses_of_the_users_own_names_that_fill_all_workers_delay_them():
    shares = [share_in_time(Attack(rate, GOOD)) for rate in (20, 60, 100)]
    assert shares[0] >= 0.99
    assert 0.5 < shares[2] < shares[1] < 0.99, "until each address has failed once"
