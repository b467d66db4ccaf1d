"""Over a rate an action waits; over rate_wait of waiting it is refused."""

import pytest

from proxy.config.limits import Limits
from proxy.core.throttle import Held, Throttle, UserRates

SLOW = {"action_rate": 10.0, "action_burst": 2, "originate_rate": 1.0, "originate_burst": 1, "rate_wait": 5.0}


def make(**changed) -> Throttle:
    return Throttle(UserRates(Limits(**{**SLOW, **changed})))


def test_action_rate_and_burst():
    session = make()
    assert [session.judge("u", b"ping", 0.0) for _ in range(2)] == [None, None]
    held = session.judge("u", b"ping", 0.0)
    assert held == Held(pytest.approx(0.1), "action_rate", False, True)
    assert session.judge("u", b"ping", 0.1) == Held(pytest.approx(0.1), "action_rate", False, False)
    assert session.judge("u", b"ping", 9.0) is None
    assert make().judge("u", b"ping", 0.0) is None


@pytest.mark.parametrize(
    ("key", "limits"),
    [
        (b"originate", {"originate_rate": 1.0, "originate_burst": 2}),
        (b"command", {"command_rate": 1.0, "command_burst": 2}),
    ],
)
def test_originate_and_command_rates_are_shared_by_the_sessions_of_a_user(key, limits):
    shared = UserRates(Limits(**limits))
    first, second = Throttle(shared), Throttle(shared)
    assert first.judge("u", key, 0.0) is None
    assert second.judge("u", key, 0.0) is None
    name = key.decode() + "_rate"
    assert first.judge("u", key, 0.0) == Held(1.0, name, False, True)
    assert second.judge("u", key, 0.0) == Held(2.0, name, False, True), "it waits behind the first"
    assert first.judge("u", b"ping", 0.0) is None
    assert first.judge("other", key, 0.0) is None


def test_rate_wait_ends_with_a_refusal_that_is_still_slow():
    session = make()
    now, refused = 0.0, []
    for _ in range(100):
        held = session.judge("u", b"ping", now)
        if held is not None:
            now += held.seconds
            refused.append(held.refused)
    assert refused.count(False) == 50, "10 a second for 5 s"
    assert refused.index(True) == 50
    assert all(refused[50:]), "until it lets up"
    assert now == pytest.approx(9.8), "refusals are no faster"
    assert session.judge("u", b"ping", now + 1.0) is None
    session.judge("u", b"ping", now + 1.0)
    again = session.judge("u", b"ping", now + 1.0)
    assert again is not None
    assert again.first
    assert not again.refused


def test_a_refused_originate_takes_nothing_from_its_user():
    shared = UserRates(Limits(originate_rate=0.1, originate_burst=1, rate_wait=5.0))
    eager, other = Throttle(shared), Throttle(shared)
    assert eager.judge("u", b"originate", 0.0) is None
    assert eager.judge("u", b"originate", 0.0) == Held(0.0, "originate_rate", True, True)
    assert eager.judge("u", b"originate", 0.0) == Held(0.0, "originate_rate", True, False)
    assert other.judge("u", b"originate", 10.0) is None


def test_other_limits_hold_at_once():
    shared = UserRates(Limits(**SLOW))
    session = Throttle(shared)
    for _ in range(3):
        session.judge("u", b"ping", 0.0)
    shared.limits = Limits()
    assert session.judge("u", b"ping", 0.0) is None
