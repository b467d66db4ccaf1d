"""Over a rate, an action waits; after rate_wait of waiting, it is refused."""

import pytest

from amiproxy.core.budgets.rests import Rest
from amiproxy.core.budgets.throttle import Held, Throttle, UserRates
from amiproxy.core.model.limits import Limits, UserLimits
from amiproxy.core.model.users import User, UserTable
from amiproxy.steps import finish
from tests.support.core_doubles import HandClock

SLOW = {"action_rate": 10.0, "action_burst": 2, "originate_rate": 1.0, "originate_burst": 1, "rate_wait": 5.0}
USER, OTHER = User("u"), User("other")


def make(**changed) -> Throttle:
    return Throttle(UserRates(Limits(**{**SLOW, **changed})))


def test_action_rate_and_burst_delay_actions():
    session = make()
    assert [session.own(USER, 0.0) for _ in range(2)] == [None, None]
    assert session.own(USER, 0.0) == Held(pytest.approx(0.1), "action_rate", False, True)
    assert session.own(USER, 0.1) == Held(pytest.approx(0.1), "action_rate", False, False)
    assert session.own(USER, 9.0) is None
    assert make().own(USER, 0.0) is None


@pytest.mark.parametrize("key", [b"originate", b"command"])
def test_originate_and_command_rates_are_shared_by_a_users_sessions(key):
    name = key.decode()
    shared = UserRates(Limits(**{f"{name}_rate": 1.0, f"{name}_burst": 2}))
    first, second = Throttle(shared), Throttle(shared)
    line = shared.find(USER, key)
    assert first.kind(line, 0.0) is None
    assert second.kind(line, 0.0) is None
    assert first.kind(line, 0.0) == Held(1.0, f"{name}_rate", False, True)
    assert shared.find(USER, key) is line
    assert shared.find(USER, b"ping") is None
    assert first.kind(shared.find(OTHER, key), 0.0) is None


def test_refusals_after_rate_wait_are_slow_too():
    session = make()
    now, refused = 0.0, []
    for _ in range(100):
        held = session.own(USER, now)
        if held is not None:
            now += held.seconds
            refused.append(held.refused)
    assert refused.count(False) == 50, "10 a second for 5 s"
    assert refused.index(True) == 50
    assert all(refused[50:]), "until it lets up"
    assert now == pytest.approx(9.8), "refusals are not faster"
    assert session.own(USER, now + 1.0) is None
    session.own(USER, now + 1.0)
    again = session.own(USER, now + 1.0)
    assert again is not None
    assert again.first
    assert not again.refused


def test_a_refused_originate_uses_up_nothing_of_its_user():
    shared = UserRates(Limits(originate_rate=0.1, originate_burst=1, rate_wait=5.0))
    eager, other = Throttle(shared), Throttle(shared)
    line = shared.find(USER, b"originate")
    assert eager.kind(line, 0.0) is None
    assert eager.kind(line, 0.0) == Held(10.0, "originate_rate", True, True)
    assert eager.kind(line, 0.0) == Held(10.0, "originate_rate", True, False)
    assert other.kind(line, 10.0) is None


def test_changed_limits_apply_at_once():
    shared = UserRates(Limits(**SLOW))
    session = Throttle(shared)
    for _ in range(3):
        session.own(USER, 0.0)
    shared.limits = Limits()
    assert session.own(USER, 0.0) is None


class TestUserRates:
    OWN = User(
        "u",
        limits=UserLimits(
            action_rate=100.0,
            action_burst=3,
            originate_rate=50.0,
            originate_burst=4,
            command_rate=7.0,
            command_burst=5,
        ),
    )

    def test_a_users_own_rates_take_precedence(self):
        shared = UserRates(Limits(**SLOW))
        originate, command = shared.find(self.OWN, b"originate"), shared.find(self.OWN, b"command")
        assert (originate.rate, originate.burst) == (50.0, 4)
        assert (command.rate, command.burst) == (7.0, 5)
        session = Throttle(shared)
        assert [session.own(self.OWN, 0.0) for _ in range(3)] == [None] * 3
        assert session.own(self.OWN, 0.0) == Held(pytest.approx(0.01), "action_rate", False, True)

    def test_a_users_missing_rates_default_to_the_common_ones(self):
        line = UserRates(Limits(**SLOW)).find(User("u", limits=UserLimits(originate_burst=9)), b"originate")
        assert (line.rate, line.burst) == (1.0, 9)


class TestNextLogin:
    """A session starts where an ended session of its user stopped: a new login brings no new burst."""

    @staticmethod
    def used_up(shared: UserRates, now: float) -> Throttle:
        session = Throttle(shared)
        session.begin(USER, now)
        for _ in range(2):
            session.own(USER, now)
        return session

    def test_the_next_session_starts_with_the_remainder_of_the_last(self):
        shared = UserRates(Limits(**SLOW))
        self.used_up(shared, 0.0).end(USER, 0.0)
        session = Throttle(shared)
        session.begin(USER, 0.0)
        assert session.own(USER, 0.0) == Held(pytest.approx(0.1), "action_rate", False, True)

    def test_each_ended_session_counts_once(self):
        shared = UserRates(Limits(**SLOW))
        for session in [self.used_up(shared, 0.0) for _ in range(2)]:
            session.end(USER, 0.0)
        sessions = [Throttle(shared) for _ in range(3)]
        for session in sessions:
            session.begin(USER, 0.0)
        assert [session.own(USER, 0.0) is None for session in sessions] == [False, False, True]

    def test_after_a_while_the_next_session_has_a_full_burst(self):
        shared = UserRates(Limits(**SLOW))
        self.used_up(shared, 0.0).end(USER, 0.0)
        self.used_up(shared, 9.0).end(USER, 20.0)
        session = Throttle(shared)
        session.begin(USER, 20.0)
        assert session.own(USER, 20.0) is None

    def test_other_users_have_a_full_burst(self):
        shared = UserRates(Limits(**SLOW))
        self.used_up(shared, 0.0).end(USER, 0.0)
        other = Throttle(shared)
        other.begin(OTHER, 0.0)
        assert other.own(OTHER, 0.0) is None

    def test_no_more_ended_sessions_are_remembered_than_sessions_per_user(self):
        shared = UserRates(Limits(**SLOW, sessions_per_user=2))
        for session in [self.used_up(shared, 0.0) for _ in range(5)]:
            session.end(USER, 0.0)
        assert [shared.take_kept("u", 0.0) is None for _ in range(3)] == [False, False, True]

    def test_a_removed_user_is_forgotten(self):
        shared = UserRates(Limits(**SLOW))
        self.used_up(shared, 0.0).end(USER, 0.0)
        finish(shared.adopting(UserTable([OTHER])))
        assert shared.take_kept("u", 0.0) is None


class TestAnotherSpelling:
    """A reload may change the case of a user's name, while sessions and waiting actions stay."""

    AGAIN = User("U")

    @pytest.mark.parametrize("key", [b"originate", b"command"])
    def test_the_rate_of_a_kind_is_the_same(self, key):
        shared = UserRates(Limits(originate_burst=1, command_burst=1))
        line = shared.find(USER, key)
        Throttle(shared).kind(line, 0.0)
        finish(shared.adopting(UserTable([self.AGAIN])))
        assert shared.find(self.AGAIN, key) is line
        assert line.wait(0.0) > 0

    def test_the_actions_that_sleep_in_asterisk_are_the_same(self):
        shared, scheduler = UserRates(Limits(link_hold=0.2)), HandClock()
        rests = shared.rests("u", "pbx1", 0.2, scheduler)
        rests.take(0.2)
        assert shared.rests("U", "pbx1", 0.2, scheduler) is rests
        assert shared.rests("other", "pbx1", 0.2, scheduler) is not rests

    def test_sleeping_at_one_server_does_not_count_at_another(self):
        shared, scheduler = UserRates(Limits()), HandClock()
        shared.rests("u", "pbx1", 0.2, scheduler).take(0.2)
        assert shared.rests("u", "pbx1", 0.2, scheduler).wait(0.2) > 0
        other = shared.rests("u", "pbx2", 0.2, scheduler)
        assert other.wait(0.2) == 0
        shared.drop("pbx1")
        assert shared.rests("u", "pbx1", 0.2, scheduler).wait(0.2) == 0, "another server has its name"
        assert shared.rests("u", "pbx2", 0.2, scheduler) is other

    def test_the_buckets_of_ended_sessions_are_kept(self):
        shared = UserRates(Limits(**SLOW))
        session = Throttle(shared)
        session.begin(USER, 0.0)
        for _ in range(3):
            session.own(USER, 0.0)
        session.end(USER, 0.0)
        finish(shared.adopting(UserTable([self.AGAIN])))
        session = Throttle(shared)
        session.begin(self.AGAIN, 0.0)
        assert session.own(self.AGAIN, 0.0) is not None

    def test_waiting_actions_of_a_session_that_leaves_are_removed(self):
        shared, scheduler = UserRates(Limits(link_hold=0.2)), HandClock()
        rests, owner, ran = shared.rests("u", "pbx1", 0.2, scheduler), object(), []
        rests.take(0.2)
        rests.join(Rest(owner, 0.1, lambda: ran.append(1)))
        waits = rests.wait(0.1)
        shared.leave("U", owner)
        assert rests.wait(0.1) < waits, "no other action waits behind it"
        scheduler.advance(10)
        assert ran == []

    def test_the_resting_actions_of_a_removed_user_are_forgotten(self):
        shared, scheduler = UserRates(Limits()), HandClock()
        gone, stays = shared.rests("u", "pbx1", 0.2, scheduler), shared.rests("other", "pbx1", 0.2, scheduler)
        finish(shared.adopting(UserTable([OTHER])))
        assert shared.rests("u", "pbx1", 0.2, scheduler) is not gone
        assert shared.rests("Other", "pbx1", 0.2, scheduler) is stays
