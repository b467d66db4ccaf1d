import itertools

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Action
from amiproxy.core.budgets.caused import Caused, classes_of_events
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, HandClock, ListTransport, event

EVERYTHING = privilege.ALL
BOSS, OTHER = (User(name, read=EVERYTHING, write=EVERYTHING, secret="plain:x") for name in ("boss", "other"))
MUTE = User("mute", read=0, write=EVERYTHING, secret="plain:x")


@pytest.mark.parametrize(
    ("action", "classes"),
    [
        (b"userevent", "user"),
        (b"setvar", "dialplan"),
        (b"queuepause", "agent"),
        (b"redirect", "call"),
        (b"originate", "call"),
        (b"hangup", "call"),
        (b"dbput", "call"),
        (b"getvar", "none"),
        (b"status", "none"),
        (b"coreshowchannels", "none"),
        (b"queuestatus", "none"),
    ],
)
def test_events_that_an_action_causes_have_these_classes(action: bytes, classes: str) -> None:
    row = SHIPPED.find(action)
    assert row is not None
    assert classes_of_events(row) == privilege.parse_classes(classes)


class TestCost:
    def test_the_cost_is_zero_before_any_measurement(self) -> None:
        assert Caused(HandClock(), 0.5).cost(1_000_000) == 0.0

    def test_the_cost_follows_measured_bytes_and_messages(self) -> None:
        caused = Caused(HandClock(), 0.5)
        caused.flushed(0.5, 1000)
        assert caused.cost(500) == pytest.approx(0.25)
        caused.read(0.25, 10)
        assert caused.cost(500) == pytest.approx(0.25 + 2 * 0.025)

    def test_recent_measurements_weigh_more(self) -> None:
        caused = Caused(HandClock(), 0.5)
        caused.flushed(1.0, 1000)
        for _ in range(100):
            caused.flushed(0.001, 1000)
        assert caused.cost(1000) == pytest.approx(0.001, rel=0.1)


def noise(number: int, text: str = "") -> bytes:
    return f"Action: UserEvent\r\nActionID: {number}\r\nUserEvent: Noise\r\nText: {text}\r\n\r\n".encode()


class Site:
    """Users who each read all events.  Delivering a byte costs ``per_byte`` seconds."""

    def __init__(self, share: float = 0.5, readers: int = 8, per_byte: float = 1e-5) -> None:
        limits = Limits(delivery_share=share, action_burst=10_000, sessions_per_user=100)
        self.bench = Bench(BOSS, OTHER, MUTE, limits=limits)
        self.bench.link_up()
        for _ in range(readers):
            self.bench.login("boss")
        self.bench.hub.ctx.caused.flushed(1.0, int(1.0 / per_byte))

    def connect(self, name: str):
        session, transport = self.bench.login(name)
        self.bench.hub.ctx.caused.flushed(0.0, 0)
        return session, transport

    def sent(self) -> list[str]:
        """The UserEvents that reached Asterisk; it answers each."""
        found = []
        while asked := self.bench.upstream.take():
            for one in asked:
                found.append(one.get(b"text").decode())
                self.bench.answer(one, b"Message: Event Sent\r\n")
        return found

    def let_time_pass(self, seconds: float) -> list[str]:
        found = []
        for _ in range(round(seconds * 1000)):
            self.bench.clock.advance(0.001)
            found += self.sent()
        return found


def test_a_user_in_debt_waits_before_it_causes_more_events() -> None:
    site = Site()
    session, transport = site.connect("boss")
    session.receive(b"".join(noise(n, "boss") for n in range(20)))
    at_once = site.sent()
    assert 0 < len(at_once) < 20
    assert transport.paused, "nothing more is read from it"
    assert site.bench.hub.stats.limits["delivery_share"] == 1
    assert len(at_once + site.let_time_pass(2.0)) == 20, "all of them are sent in the end"
    assert not transport.paused


def test_half_of_the_processor_is_left_to_others() -> None:
    site = Site(share=0.5, readers=9, per_byte=1e-5)  # ten readers with the sender
    session, _ = site.connect("boss")
    seconds = site.bench.hub.ctx.caused.cost(10 * len("UserEvent0UserEventNoiseTextboss" + "ActionActionID"))
    session.receive(b"".join(noise(0, "boss") for _ in range(2000)))
    site.sent()
    count = len(site.let_time_pass(1.0))
    assert count * seconds == pytest.approx(0.5, rel=0.3)


def test_an_action_that_causes_no_events_does_not_wait() -> None:
    site = Site()
    greedy, _ = site.connect("boss")
    greedy.receive(b"".join(noise(n, "greedy") for n in range(20)))
    site.sent()
    other, _ = site.connect("other")
    other.receive(b"Action: CoreStatus\r\nActionID: 1\r\n\r\n")
    (asked,) = site.bench.upstream.take()
    assert asked.get(b"action") == b"CoreStatus"


def test_a_user_that_has_caused_little_goes_first() -> None:
    site = Site()
    greedy = [site.connect("boss")[0] for _ in range(10)]
    for session in greedy:
        session.receive(b"".join(noise(n, "greedy") for n in range(20)))
    site.sent()
    site.let_time_pass(0.5)
    other, _ = site.connect("other")
    other.receive(noise(1, "other"))
    assert site.sent() == []
    assert "other" in site.let_time_pass(0.2)[:3], "one of ten sessions goes before it, not all"


def test_events_without_readers_delay_no_action() -> None:
    site = Site(readers=0)
    session, _ = site.connect("mute")
    session.receive(b"".join(noise(n) for n in range(50)))
    assert len(site.sent()) == 50


def test_with_the_whole_share_no_action_waits_but_its_cost_is_charged() -> None:
    site = Site(share=1.0)
    session, _ = site.connect("boss")
    before = session.principal.share.seconds
    session.receive(b"".join(noise(n) for n in range(50)))
    assert len(site.sent()) == 50
    assert session.principal.share.seconds > before


def test_larger_events_cost_more() -> None:
    site = Site()
    small, large = site.connect("boss")[0], site.connect("other")[0]
    before = small.principal.share.seconds, large.principal.share.seconds
    small.receive(noise(1))
    large.receive(noise(1, "x" * 1000))
    assert large.principal.share.seconds - before[1] > 5 * (small.principal.share.seconds - before[0])


def test_a_session_closed_while_it_waits_sends_nothing() -> None:
    site = Site()
    session, _ = site.connect("boss")
    session.receive(b"".join(noise(n) for n in range(20)))
    site.sent()
    session.lost("gone")
    assert site.let_time_pass(1.0) == []
    other, _ = site.connect("other")
    other.receive(noise(1, "other"))
    assert site.sent() == ["other"], "the others go on"


def test_an_action_of_another_module_is_assumed_to_cause_an_event() -> None:
    site = Site()
    site.connect("boss")
    (server,) = site.bench.hub.servers
    table = server.actions.table
    assert table.find(b"rptstatus") is None
    action = Action([(b"Action", b"RptStatus")])
    seconds = site.bench.hub.ctx.caused.estimate(action, server.name, table, server.readers)
    assert seconds is not None
    assert seconds > 0


def test_a_session_is_charged_to_its_user_from_its_login_on() -> None:
    bench = Bench(BOSS)
    bench.link_up()
    transport = ListTransport("192.0.2.1")
    session = bench.hub.attach(transport)
    assert session.principal.share is bench.hub.ctx.shares.of_network("192.0.2.1")
    session.receive(b"Action: Login\r\nUsername: boss\r\nSecret: x\r\n\r\n")
    assert session.principal.share is bench.hub.ctx.shares.of_user("boss")
    assert transport.share is session.principal.share
    again, _ = bench.login("boss")
    assert again.principal.share is session.principal.share


def test_the_cost_of_asterisks_messages_is_sampled() -> None:
    bench = Bench(BOSS)
    bench.link_up()
    bench.hub.ctx.caused.flushed(0.0, 1000)
    assert bench.hub.ctx.caused.cost(0) == 0
    times = itertools.count()
    bench.clock.clock = lambda: 0.001 * next(times)
    for _ in range(64):
        bench.feed(event("Newstate"))
    assert bench.hub.ctx.caused.cost(0) == pytest.approx(2 * 0.001)


def test_waiting_actions_go_on_when_the_share_grows() -> None:
    site = Site(share=0.01)
    session, _ = site.connect("boss")
    session.receive(b"".join(noise(n) for n in range(20)))
    first = len(site.sent())
    site.bench.hub.ctx.caused.adopt(0.8)
    assert len(site.let_time_pass(0.2)) == 20 - first
    site.bench.hub.ctx.caused.adopt(0.5)
    assert site.let_time_pass(0.1) == [], "nothing waits, and nothing comes of it"


def test_items_of_a_long_answer_are_charged_to_its_user_once_each() -> None:
    bench = Bench(BOSS, OTHER)
    bench.link_up()
    session, _ = bench.login("boss")
    bench.hub.ctx.caused.read(1.0, 1000)
    session.receive(b"Action: CoreShowChannels\r\n\r\n")
    (asked,) = bench.upstream.take()
    head = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    before = bench.hub.ctx.shares.seconds()["boss"]
    bench.answer(asked, b"EventList: start\r\n")
    for _ in range(3):
        bench.feed(*[b"Event: CoreShowChannel\r\n" + head + b"Channel: a\r\n\r\n"] * 40)
    bench.feed(b"Event: CoreShowChannelsComplete\r\n" + head + b"EventList: Complete\r\n\r\n")
    spent = bench.hub.ctx.shares.seconds()["boss"] - before
    assert spent == pytest.approx(0.121, rel=0.05)
