"""Recordings begin and end, and hold what happened in between."""

from amiproxy.ami import privilege
from amiproxy.core.learning.learner import Learner
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, HandClock, event

CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")
TWO = User("two", read=privilege.SYSTEM | privilege.USER, secret="plain:x")


def test_a_recording_ends_when_the_next_begins() -> None:
    """Whoever records events is given each recorder in turn."""
    given: list[Recorder | None] = []
    learner = Learner(HandClock(), given.append)
    learner.end()
    assert (learner.newest, given) == (None, [])
    learner.begin(0)
    first = learner.recorder
    learner.begin(0)
    assert first is not None
    assert (learner.ended, given) == (first, [first, None, learner.recorder])
    assert learner.newest is learner.recorder is not first
    learner.end()
    assert (learner.recorder, learner.newest, given[-1]) == (None, given[2], None)


def test_a_recording_ends_when_its_time_is_over() -> None:
    clock = HandClock()
    learner = Learner(clock, lambda _: None)
    learner.begin(0)
    clock.advance(1e6)
    learner.tick()
    assert learner.recorder is not None, "it has no end"
    learner.begin(5)
    clock.advance(4.5)
    learner.tick()
    assert learner.recorder is not None
    clock.advance(0.5)
    learner.tick()
    assert learner.recorder is None


class TestLearning:
    def test_learning_records_allowed_actions_and_sent_events(self):
        scoped = User(
            "scoped", read=privilege.CALL, secret="plain:x", rules=Rules(scope=Scope(channels=("PJSIP/1",)))
        )
        bench = Bench(CALLS, TWO, scoped)
        bench.link_up()
        session, _ = bench.login("calls")
        bench.login("two")
        bench.login("scoped")
        bench.feed(event("Newchannel", "call"))
        bench.hub.learner.begin(0)
        assert bench.hub.learner.recorder is not None
        session.receive(b"Action: Getvar\r\nVariable: A\r\n\r\n")
        session.receive(b"Action: CoreStatus\r\n\r\n")
        bench.feed(event("Hangup", "call", Channel="PJSIP/1-00000001", Uniqueid="1.1"))
        bench.feed(event("UserEvent", "user"))
        bench.hub.learner.end()
        recorded = bench.hub.learner.ended
        assert recorded is not None
        assert {shape.action for shape in recorded.shapes} == {b"Getvar"}
        assert {(seen.user, seen.event): count for seen, count in recorded.events.items()} == {
            ("calls", b"Hangup"): 1,
            ("scoped", b"Hangup"): 1,
            ("two", b"UserEvent"): 1,
        }
        bench.feed(event("Hangup", "call"))
        bench.hub.subscriptions.count()
        assert bench.hub.learner.recorder is None
        bench.hub.learner.end()
        assert bench.hub.learner.ended is recorded

    def test_learning_ends_when_its_time_is_over(self):
        bench = Bench(CALLS)
        bench.hub.learner.begin(5)
        bench.clock.advance(4)
        bench.hub.tick(bench.clock.now())
        assert bench.hub.learner.recorder is not None
        bench.clock.advance(2)
        bench.hub.tick(bench.clock.now())
        assert bench.hub.learner.recorder is None
        assert bench.hub.learner.ended is not None
