"""Messages of a client that have not started yet."""

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.audit.stats import Stats
from amiproxy.core.budgets.throttle import UserRates
from amiproxy.core.clients.actionqueue import ActionQueue
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, HandClock

LIMITS = Limits(in_flight_per_session=2, originate_rate=1.0, originate_burst=1, rate_wait=1.5)


class Waiter:
    """Counts the calls of ``advance``."""

    def __init__(self) -> None:
        self.advanced = 0

    def advance(self) -> None:
        self.advanced += 1


class Site:
    """A queue, its clock, and the line of its user's Originates."""

    def __init__(self) -> None:
        rates = UserRates(LIMITS)
        self.limit_state = LimitState(LIMITS, Stats())
        self.load = self.limit_state.load
        self.queue = ActionQueue(self.limit_state, rates, None)
        self.clock = HandClock()
        self.waiter = Waiter()
        self.line = rates.find(User("u"), b"originate")

    def passes(self, name: bytes, number: bytes = b"1") -> bool:
        action = Action([(b"Action", name), (b"ActionID", number), (b"Async", b"yes")])
        line = self.line if action.key == b"originate" else None
        passes, held = self.queue.passes(action, line, self.waiter, self.clock)
        self.refused = held is not None and held.refused
        return passes


@pytest.fixture
def site() -> Site:
    return Site()


def test_messages_start_in_the_order_in_which_they_came(site: Site) -> None:
    site.queue.messages.extend([b"first", b"second"])
    assert [site.queue.take(), site.queue.take(), site.queue.take()] == [b"first", b"second", None]


def test_messages_count_as_queued_up_to_the_limit_of_the_session(site: Site) -> None:
    site.queue.messages.extend([b"1", b"2", b"3"])
    site.queue.count()
    assert (site.load.queued, len(site.queue.messages)) == (2, 3)
    site.queue.take()
    site.queue.take()
    assert site.load.queued == 1


def test_no_message_counts_as_queued_while_an_action_is_held(site: Site) -> None:
    site.queue.messages.extend([b"1"])
    site.queue.count()
    site.queue.hold(Action([(b"Action", b"Ping")]))
    assert site.load.queued == 0
    site.queue.let_go()
    assert site.load.queued == 1


def test_an_action_over_its_rate_waits_while_others_pass_and_is_then_returned(site: Site) -> None:
    assert site.passes(b"Originate")
    assert not site.passes(b"Originate", b"2")
    assert site.passes(b"Ping")
    assert site.queue.take() is None
    site.clock.advance(1.0)
    assert site.waiter.advanced == 1
    waited = site.queue.take()
    assert isinstance(waited, Action)
    assert waited.action_id == b"2"


def test_an_action_that_would_wait_too_long_is_refused(site: Site) -> None:
    assert site.passes(b"Originate")
    assert not site.passes(b"Originate", b"2")
    assert not site.passes(b"Originate", b"3")
    assert site.refused
    assert site.queue.size == 1


def test_logoff_waits_for_earlier_actions_and_blocks_later_messages(site: Site) -> None:
    assert site.passes(b"Originate")
    assert not site.passes(b"Originate", b"2")
    assert not site.passes(b"Logoff")
    site.queue.messages.extend([b"later"])
    assert site.queue.aside.holds_session
    assert site.queue.take() is None


def test_clear_returns_the_held_action_and_then_those_that_waited_for_a_rate(site: Site) -> None:
    assert site.passes(b"Originate")
    assert not site.passes(b"Originate", b"2")
    held = Action([(b"Action", b"Ping")])
    site.queue.messages.extend([b"unread"])
    site.queue.hold(held)
    first, second = site.queue.clear()
    assert (first, second.action_id) == (held, b"2")
    assert (site.queue.size, site.load.queued) == (0, 0)


def test_waiting_messages_count_towards_the_load_of_another_server_after_the_login(site: Site) -> None:
    site.queue.messages.extend([b"1", b"2", b"3"])
    site.queue.count()
    server = Bench().hub.servers.first
    site.queue.follow(server)
    assert (site.load.queued, server.load.queued) == (0, 2)
    site.queue.clear()
    assert (site.load.queued, server.load.queued) == (0, 0)
