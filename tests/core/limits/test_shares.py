import pytest

from amiproxy.core.limits import shares as subject
from amiproxy.core.limits.shares import Shares
from amiproxy.core.model.share import Share
from tests.support.core_doubles import HandClock

#: Not a thousandth: a power of two, so that sums are exact.
MS = 1 / 1024


class Machine:
    """A processor of one thread: jobs take their time and record that they ran."""

    def __init__(self, turn: float = 5 * MS) -> None:
        self.clock = HandClock()
        self.shares = Shares(self.clock, turn)
        self.ran = ""

    def work(self, share: Share, name: str, seconds: float, times: int = 1) -> None:
        for _ in range(times):
            self.shares.add(share, lambda: self.spend(name, seconds))

    def spend(self, name: str, seconds: float) -> None:
        self.ran += name
        self.clock.time += seconds

    def turns(self, count: int = 1) -> str:
        """The jobs that ran in this many turns."""
        self.ran = ""
        for _ in range(count):
            if self.shares.is_due:
                self.clock.timers.pop().callback()
            else:
                self.shares.run()
        return self.ran


def test_a_turn_ends_when_its_time_is_over() -> None:
    machine = Machine(turn=5 * MS)
    machine.work(machine.shares.of_user("a"), "a", 2 * MS, times=7)
    assert machine.turns() == "aaa"
    assert machine.shares.is_due, "the rest has its turn by itself"
    assert machine.turns() == "aaa"
    assert machine.turns() == "a"
    assert not machine.shares.busy
    assert not machine.shares.is_due


def test_a_turn_under_load_lasts_as_long_as_the_loop_took_for_everything_else() -> None:
    machine = Machine(turn=2 * MS)
    machine.work(machine.shares.of_user("a"), "a", MS / 2, times=40)
    assert machine.turns() == "aaaa"
    machine.clock.time += 2.5 * MS
    assert machine.turns() == "aaaaa"
    machine.clock.time += MS / 4
    assert machine.turns() == "aaaa", "a turn at least"
    machine.clock.time += 1.0
    assert len(machine.turns()) <= 7, "3 ms at most"


def test_a_turn_does_one_job_however_short_it_is() -> None:
    machine = Machine(turn=0.0)
    machine.work(machine.shares.of_user("a"), "a", MS, times=2)
    assert machine.turns() == "a"


def test_users_share_by_time_however_many_jobs_they_have() -> None:
    machine = Machine(turn=1000 * MS)
    many, one = machine.shares.of_user("many"), machine.shares.of_user("one")
    machine.work(many, "m", 1 * MS, times=100)
    machine.work(one, "o", 1 * MS, times=3)
    assert machine.turns().startswith("momomom")


def test_all_sessions_of_a_user_have_one_share() -> None:
    shares = Machine().shares
    assert shares.of_user("a") is shares.of_user("a")
    assert shares.of_user("a") is not shares.of_user("b")
    assert shares.of_network("192.0.2.1") is shares.of_network("192.0.2.1")
    assert shares.of_network("a") is not shares.of_user("a")


def test_all_unauthenticated_clients_together_have_no_more_than_all_users() -> None:
    machine = Machine(turn=20 * MS)
    machine.work(machine.shares.of_user("u"), "u", 1 * MS, times=20)
    for number in range(50):
        machine.work(machine.shares.of_network(f"192.0.2.{number}"), "s", 1 * MS)
    assert machine.turns().count("u") == 10


@pytest.mark.parametrize(("first", "then"), [("u", "s"), ("s", "u")])
def test_a_group_that_had_nothing_to_do_does_not_catch_up(first: str, then: str) -> None:
    machine = Machine(turn=20 * MS)
    share = {"u": machine.shares.of_user("u"), "s": machine.shares.of_network("192.0.2.1")}
    machine.work(share[first], first, 1 * MS, times=60)
    assert machine.turns() == first * 20
    machine.work(share[then], then, 1 * MS, times=60)
    assert machine.turns().count(first) in {9, 10}


def test_unauthenticated_clients_get_all_the_time_that_users_leave() -> None:
    machine = Machine(turn=5 * MS)
    machine.work(machine.shares.unknown, "d", 1 * MS, times=5)
    assert machine.turns() == "ddddd"


def test_time_is_counted_by_user() -> None:
    machine = Machine(turn=1000 * MS)
    a, stranger = machine.shares.of_user("a"), machine.shares.of_network("192.0.2.1")
    machine.work(a, "a", 2 * MS, times=3)
    machine.work(stranger, "s", 4 * MS)
    machine.turns()
    assert machine.shares.seconds() == {"a": pytest.approx(6 * MS)}
    assert stranger.seconds == pytest.approx(4 * MS)


def test_a_job_put_back_for_later_waits_for_others() -> None:
    machine = Machine(turn=10 * MS)
    a, b = machine.shares.of_user("a"), machine.shares.of_user("b")

    def endless() -> None:
        while not machine.shares.over:
            machine.spend("a", 2 * MS)
        machine.shares.later(a, endless)

    machine.shares.later(a, endless)
    assert machine.shares.is_due
    assert machine.turns() == "aaaaa"
    machine.work(b, "b", 2 * MS, times=3)
    assert machine.turns() == "bbbaa", "b has had nothing so far"
    assert machine.turns() == "aaaaa"


def test_time_charged_outside_the_turns_counts() -> None:
    machine = Machine(turn=4 * MS)
    a, b = machine.shares.of_user("a"), machine.shares.of_user("b")
    machine.shares.charge(a, 3 * MS)
    machine.work(a, "a", 1 * MS, times=4)
    machine.work(b, "b", 1 * MS, times=4)
    assert machine.turns() == "bbba"
    assert a.seconds >= 3 * MS


def test_work_outside_the_turns_has_its_time_and_is_charged() -> None:
    machine = Machine(turn=5 * MS)
    a = machine.shares.of_user("a")
    machine.shares.begin()
    assert not machine.shares.over
    machine.clock.time += 6 * MS
    assert machine.shares.over
    machine.shares.end(a)
    assert a.seconds == pytest.approx(6 * MS)


def test_work_within_a_turn_is_charged_once() -> None:
    machine = Machine(turn=5 * MS)
    a = machine.shares.of_user("a")

    def job() -> None:
        machine.clock.time += 4 * MS
        machine.shares.begin()
        machine.clock.time += 2 * MS
        assert machine.shares.over, "the turn began before it"
        machine.shares.end(a)

    machine.shares.add(a, job)
    machine.turns()
    assert a.seconds == pytest.approx(6 * MS)


def test_a_failing_job_is_charged_and_ends_only_its_turn() -> None:
    machine = Machine(turn=1000 * MS)
    a, b = machine.shares.of_user("a"), machine.shares.of_user("b")

    def fails() -> None:
        machine.clock.time += 3 * MS
        raise RuntimeError

    machine.shares.add(a, fails)
    machine.work(b, "b", 1 * MS)
    with pytest.raises(RuntimeError):
        machine.shares.run()
    assert a.seconds == pytest.approx(3 * MS)
    assert machine.turns() == "b"
    machine.work(a, "a", 1 * MS)
    assert machine.turns() == "a"


def test_removed_users_are_forgotten() -> None:
    machine = Machine()
    kept = machine.shares.of_user("kept")
    gone = machine.shares.of_user("gone")
    machine.shares.keep({"kept"})
    assert set(machine.shares.seconds()) == {"kept"}
    assert machine.shares.of_user("kept") is kept
    machine.work(gone, "g", 1 * MS)
    assert machine.turns() == "g", "its waiting jobs are still run"


def test_networks_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = Machine().shares
    first = shares.of_network("first")
    for number in range(subject._REMEMBERED):
        shares.of_network(str(number))
    assert shares.of_network("first") is not first


def test_a_user_that_had_little_goes_before_those_that_keep_asking() -> None:
    machine = Machine(turn=100 * MS)
    for number in range(10):
        machine.work(machine.shares.of_user(str(number)), ".", (16 + number) * MS / 16, times=1000)
    machine.turns(3)
    little = machine.shares.of_user("little")
    for _ in range(4):
        machine.work(little, "L", 1 * MS)
        assert "L" in machine.turns()[:2]


def test_the_time_a_user_had_counts_however_often_it_comes_back() -> None:
    machine = Machine(turn=8 * MS)
    for number in range(50):
        machine.work(machine.shares.of_user(str(number)), ".", MS, times=100)
    machine.turns(50)
    for _ in range(3):  # another session each time
        machine.work(machine.shares.of_user("greedy"), "G", MS, times=20)
        machine.turns(20)
    machine.work(machine.shares.of_user("fresh"), "f", MS, times=6)
    ran = machine.turns()
    assert ran.count("f") >= 5
    assert ran.count("G") <= 1


def test_a_job_bypasses_the_queue_while_nothing_waits() -> None:
    machine = Machine(turn=5 * MS)
    a = machine.shares.of_user("a")

    def job() -> None:
        machine.spend("a", 2 * MS)
        machine.shares.begin()
        assert not machine.shares.over
        machine.spend("a", 4 * MS)
        assert machine.shares.over
        machine.shares.end(a)
        machine.shares.later(a, lambda: machine.spend("b", MS))

    machine.shares.serve(a, job)
    assert a.seconds == pytest.approx(6 * MS), "charged once"
    assert machine.turns() == "b", "the job left for later gets a turn of its own"
