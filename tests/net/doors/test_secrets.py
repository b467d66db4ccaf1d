import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import count

import pytest

from amiproxy.core.model.phc import dummy_hash, hash_secret
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.ports import Applicant
from amiproxy.net.doors import secrets
from amiproxy.net.doors.secrets import HashVerifier
from tests.support.waiting import until

STORED = hash_secret(b"s3cret", memory_kib=64, passes=1)
SCRYPT = "$scrypt$ln=17,r=8,p=1$JH6NzchvOvo5ZK/nf4VYog$w7HeSHgw0ncjcu2rzUaC2FGMVlEo1qgiJUnCe4G3kQY"  # of "x"


_numbers = count()


def new_applicant() -> Applicant:
    """An applicant equal to no other."""
    return Applicant(next(_numbers))


class Clocked(asyncio.SelectorEventLoop):
    """A loop whose clock can be set forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Gate:
    """Blocks the threads until it is opened, and counts how many came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.came = 0
        real = secrets.verify

        def verify(stored: str, candidate: bytes) -> bool:
            self.came += 1
            self.open.wait(10)
            return real(stored, candidate)

        monkeypatch.setattr(secrets, "verify", verify)


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., HashVerifier]]:
    made: list[HashVerifier] = []

    def build(**settings: float) -> HashVerifier:
        made.append(HashVerifier(asyncio.get_running_loop(), **settings))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for verifier in made:
        verifier.close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


async def verdict(verifier: HashVerifier, stored: str, candidate: bytes) -> bool:
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    verifier.verify(new_applicant(), b"u", (stored,), candidate, answer.set_result)
    return await asyncio.wait_for(answer, 10)


@pytest.mark.parametrize(
    ("stored", "candidate", "matches"),
    [
        (STORED, b"s3cret", True),
        (STORED, b"S3cret", False),
        (STORED, b"", False),
        (SCRYPT, b"x", True),
        (SCRYPT, b"y", False),
        (dummy_hash("$argon2id$v=19$m=64,t=1,p=1$$"), b"s3cret", False),
        # The table is checked when it is loaded; if it is bad nevertheless, no login succeeds.
        ("hunter2", b"hunter2", False),
    ],
    ids=["argon2id", "other case", "empty", "scrypt", "scrypt, wrong", "dummy", "plain text"],
)
async def test_only_the_right_secret_matches(
    make: Callable[..., HashVerifier], stored: str, candidate: bytes, matches: bool
) -> None:
    assert await verdict(make(), stored, candidate) is matches


async def test_the_verdict_comes_on_the_loops_thread_and_after_the_call_returned(
    make: Callable[..., HashVerifier],
) -> None:
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    make().verify(
        new_applicant(), b"u", (STORED,), b"s3cret", lambda _: told.set_result(threading.get_ident())
    )
    assert not told.done()
    assert await told == threading.get_ident()


async def test_a_match_is_not_hashed_again_until_it_is_forgotten(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    gate.open.set()
    verifier = make()
    for _ in range(3):
        assert await verdict(verifier, STORED, b"s3cret")
    assert (gate.came, verifier.remembered) == (1, 2)
    verifier.forget()
    assert await verdict(verifier, STORED, b"s3cret")
    assert gate.came == 2


async def test_a_mismatch_is_hashed_every_time(make: Callable[..., HashVerifier], gate: Gate) -> None:
    gate.open.set()
    verifier = make()
    for _ in range(3):
        assert not await verdict(verifier, STORED, b"wrong")
    assert (gate.came, verifier.remembered) == (3, 0)


async def test_a_cached_match_is_valid_for_its_hash_only(make: Callable[..., HashVerifier]) -> None:
    verifier = make()
    assert await verdict(verifier, STORED, b"s3cret")
    assert not await verdict(verifier, hash_secret(b"another", memory_kib=64, passes=1), b"s3cret")


async def test_the_cache_is_bounded_and_the_oldest_entry_goes_first(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    gate.open.set()
    verifier = make(cache_entries=2)
    hashes = [hash_secret(b"s3cret", memory_kib=64, passes=1) for _ in range(3)]
    for stored in (*hashes, hashes[2], hashes[1], hashes[0]):
        assert await verdict(verifier, stored, b"s3cret")
    assert gate.came == 4


async def test_without_a_cache_every_secret_is_hashed(make: Callable[..., HashVerifier], gate: Gate) -> None:
    gate.open.set()
    verifier = make(cache_timeout=0)
    assert await verdict(verifier, STORED, b"s3cret")
    assert await verdict(verifier, STORED, b"s3cret")
    assert gate.came == 2


def test_a_match_is_remembered_only_for_a_while(gate: Gate) -> None:
    gate.open.set()
    loop = Clocked()
    verifier = HashVerifier(loop, cache_timeout=600)
    try:
        for ahead, came in ((0, 1), (599, 1), (601, 2)):
            loop.ahead = ahead
            assert loop.run_until_complete(verdict(verifier, STORED, b"s3cret"))
            assert gate.came == came
    finally:
        verifier.close()
        loop.close()


async def test_beyond_the_queue_the_longest_waiting_is_turned_away_and_counted(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make(threads=1, queue=2)
    told: dict[int, bool | None] = {}
    for number in range(4):
        secret = b"s3cret" if number == 3 else b"%d" % number
        verifier.verify(new_applicant(), b"u", (STORED,), secret, partial(told.__setitem__, number))
    assert told == {1: None}
    assert (verifier.refused, verifier.pending) == (1, 3)
    gate.open.set()
    await until(lambda: len(told) == 4)
    assert told == {0: False, 1: None, 2: False, 3: True}
    assert verifier.pending == 0


async def test_equal_candidates_are_compared_once_for_all(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make(threads=1, queue=1)
    answers = [asyncio.ensure_future(verdict(verifier, STORED, b"s3cret")) for _ in range(200)]  # noqa: TID251
    await asyncio.sleep(0)
    assert verifier.pending == 1
    gate.open.set()
    assert all(await asyncio.gather(*answers))
    assert (gate.came, verifier.refused) == (1, 0)


async def test_a_comparison_that_began_before_forgetting_is_not_remembered(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make()
    first = asyncio.ensure_future(verdict(verifier, STORED, b"s3cret"))  # noqa: TID251
    await asyncio.sleep(0)
    verifier.forget()
    gate.open.set()
    assert await first
    assert await verdict(verifier, STORED, b"s3cret")
    assert gate.came == 2


async def test_different_names_do_not_share_a_comparison(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    # All unknown names use the same hash: two of them at once must take as long as two users.
    verifier = make()
    told: list[bool | None] = []
    for name in (b"nobody", b"nobody", b"noone"):
        verifier.verify(new_applicant(), name, (STORED,), b"wrong", told.append)
    assert verifier.pending == 2
    gate.open.set()
    await until(lambda: len(told) == 3)
    assert gate.came == 2


async def test_networks_take_turns_and_addresses_that_failed_come_last(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make(threads=1)
    order: list[str] = []

    def ask(who: str, network: str, rank: int) -> None:
        applicant = Applicant(who, (network, network, who), rank)
        verifier.verify(applicant, b"u", (STORED,), who.encode(), lambda _: order.append(who))

    ask("under way", "crowd", 1)
    for number in range(3):
        ask(f"failing {number}", "bad", 2)
    for number in range(3):
        ask(f"crowd {number}", "crowd", 1)
    ask("good", "far", 1)
    ask("known", "crowd", 0)
    gate.open.set()
    await until(lambda: len(order) == 9)
    assert order[:2] == ["under way", "known"]
    assert order.index("good") <= 4, "not behind all of the flood"
    assert [who.partition(" ")[0] for who in order[-3:]] == ["failing"] * 3


async def test_secrets_that_can_match_are_compared_before_those_that_cannot(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make(threads=1)
    told: list[str] = []

    def ask(who: str, secret: bytes, hopeless: bool) -> None:
        applicant = Applicant(who, (who,), 1, hopeless)
        verifier.verify(applicant, who.encode(), (STORED,), secret, lambda _: told.append(who))

    for number in range(20):
        ask(f"nobody {number}", b"wrong", hopeless=True)
    ask("good", b"s3cret", hopeless=False)
    gate.open.set()
    await until(lambda: len(told) == 21)
    assert told.index("good") <= 1
    assert gate.came == 20, "its comparison was one of theirs, by cost"


async def test_a_secret_that_no_client_waits_for_is_not_hashed(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make(threads=1)
    told: list[str] = []

    def ask(who: str, secret: bytes) -> None:
        verifier.verify(Applicant(who), b"u", (STORED,), secret, lambda _: told.append(who))

    for who, secret in (("first", b"1"), ("gone", b"2"), ("mate", b"3"), ("other mate", b"3")):
        ask(who, secret)
    for who in ("gone", "mate", "first", "never came"):
        verifier.abandon(who)
    assert verifier.pending == 2
    gate.open.set()
    await until(lambda: verifier.pending == 0)
    assert told == ["first", "other mate"], "the one being compared gets its verdict, and ignores it"
    assert gate.came == 2


def _rank_sum(a: list[float], b: list[float]) -> float:
    """Mann and Whitney's U as a standard normal: beyond 4 by chance once in 15,000 times."""
    u = sum((x > y) + 0.5 * (x == y) for x in a for y in b)
    n, m = len(a), len(b)
    return float((u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5)


@pytest.mark.serial
async def test_the_time_of_a_failing_login_does_not_reveal_the_cost_of_its_hash(
    make: Callable[..., HashVerifier],
) -> None:
    cheap, dear = (hash_secret(b"s3cret", memory_kib=kib, passes=1) for kib in (64, 4096))
    users = UserTable([User("cheap", secret=cheap), User("dear", secret=dear)])
    verifier = make(threads=1, cache_timeout=0)

    async def seconds(name: str, trial: tuple[str, ...]) -> float:
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        verifier.verify(new_applicant(), name.encode(), trial, b"wrong", told.set_result)
        assert not await told
        return time.perf_counter() - began

    names = ["cheap", "dear", "nobody"]
    judged: dict[str, list[float]] = {name: [] for name in names}
    alone: dict[str, list[float]] = {"cheap": [], "dear": []}
    for _ in range(60):
        random.shuffle(names)  # so that other load on the machine affects both alike
        for name in names:
            judged[name].append(await seconds(name, users.trial(users.find(name.encode()))))
        for name, stored in (("cheap", cheap), ("dear", dear)):
            alone[name].append(await seconds(name, (stored,)))
    assert _rank_sum(alone["dear"], alone["cheap"]) > 4, "the test must see a difference where there is one"
    assert abs(_rank_sum(judged["dear"], judged["cheap"])) < 4
    assert abs(_rank_sum(judged["dear"], judged["nobody"])) < 4


async def test_after_close_no_login_succeeds_and_no_late_verdict_is_given(
    make: Callable[..., HashVerifier], gate: Gate
) -> None:
    verifier = make()
    told: list[bool | None] = []
    verifier.verify(new_applicant(), b"u", (STORED,), b"s3cret", told.append)
    verifier.close()
    verifier.verify(new_applicant(), b"u", (STORED,), b"other", told.append)
    assert told == [None]
    gate.open.set()
    # The thread's verdict arrives through the loop, after everything scheduled so far.
    await asyncio.get_running_loop().run_in_executor(None, verifier._threads.shutdown)
    await asyncio.sleep(0)
    assert told == [None]


def test_a_closed_loop_gets_no_verdict(gate: Gate) -> None:
    loop = asyncio.new_event_loop()
    verifier = HashVerifier(loop)
    verifier.verify(new_applicant(), b"u", (STORED,), b"s3cret", pytest.fail)
    loop.close()
    gate.open.set()
    verifier._threads.shutdown()
