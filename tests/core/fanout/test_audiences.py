"""Events are counted by class without examining each one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.audit.eventcounts import EventCounts
from amiproxy.core.clients.session import Session
from amiproxy.core.fanout.audiences import Audience, Audiences
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, ListTransport, event

READER = User("reader", read=privilege.CALL, secret="plain:x")


def test_events_are_counted_by_class_and_by_whether_a_session_could_see_them() -> None:
    bench = Bench(READER)
    bench.login("reader")
    bench.feed(
        *[event("Hangup")] * 3, event("Alarm", "system"), event("Reload", "system"), event("Alarm", "system")
    )
    bench.hub.subscriptions.count()
    stats = bench.hub.stats
    assert stats.classes[privilege.CALL] == 3
    assert stats.events_of("asterisk").unread[privilege.CALL] == 0
    assert stats.classes[privilege.SYSTEM] == stats.events_of("asterisk").unread[privilege.SYSTEM] == 3
    assert stats.events_in == sum(stats.classes.values())


def test_filtered_events_are_counted_once_for_each_view() -> None:
    quiet = FilterSet((compile_legacy(b"!Event: Hangup"),))
    bench = Bench(User("quiet", read=privilege.CALL, secret="plain:x", filters=quiet), READER)
    for name in ("quiet", "quiet", "reader"):
        bench.login(name)
    bench.feed(event("Hangup"), event("Hangup"), event("Newchannel"))
    bench.hub.subscriptions.count()
    stats = bench.hub.stats
    assert (stats.classes[privilege.CALL], stats.events_of("asterisk").filtered[privilege.CALL]) == (3, 2)
    bench.hub.subscriptions.count()
    assert stats.events_of("asterisk").filtered[privilege.CALL] == 2


def test_forgotten_audiences_were_counted() -> None:
    bench = Bench(READER)
    bench.feed(event("Hangup"))
    bench.login("reader")  # a new subscription: all remembered audiences are invalid
    bench.feed(event("Hangup"))
    bench.hub.subscriptions.count()
    bench.hub.subscriptions.count()
    assert bench.hub.stats.classes[privilege.CALL] == 2
    assert bench.hub.stats.events_of("asterisk").unread[privilege.CALL] == 1


def test_the_number_of_remembered_heads_is_bounded() -> None:
    counts = EventCounts()
    audiences = Audiences(counts)
    for number in range(5000):
        audience = Audience(b"X", privilege.USER, (), (), True)
        audience.events = 1
        audiences.remember(b"%d" % number, audience)
    assert len(audiences.by_head) <= 4096
    audiences.count()
    assert counts.classes[privilege.USER] == 5000


def taken(*transports: ListTransport) -> Counter[str]:
    """The events that these sessions were sent, by their Privilege."""
    lines = [line for transport in transports for line in transport.take().split(b"\r\n")]
    return Counter(
        line.removeprefix(b"Privilege: ").removesuffix(b",all").decode()
        for line in lines
        if line.startswith(b"Privilege: ")
    )


def counted(bench: Bench) -> Counter[str]:
    bench.hub.subscriptions.count()
    delivered = bench.hub.stats.delivered.items()
    return Counter({privilege.class_names(mask): number for mask, number in delivered if number})


QUIET = FilterSet((compile_legacy(b"!Event: Hangup"),))
ALL = (
    READER,
    User("quiet", read=privilege.CALL, secret="plain:x", filters=QUIET),
    User("boss", read=privilege.ALL, secret="plain:x"),
    User("part", read=privilege.ALL, secret="plain:x", rules=Rules(scope=Scope(channels=("PJSIP/1",)))),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("in"), st.sampled_from([user.name for user in ALL])),
        st.tuples(st.just("out"), st.integers(0, 20)),
        st.tuples(st.just("ask"), st.integers(0, 20)),
        st.tuples(st.just("look"), st.none()),
        st.tuples(
            st.just("event"),
            st.tuples(
                st.sampled_from(["Hangup", "Newchannel", "Reload"]),
                st.sampled_from(["call", "system", "cdr"]),
            ),
        ),
    ),
    max_size=40,
)


@given(steps=steps, interval=st.sampled_from([0.0, 5.0]))
def test_deliveries_by_class_equal_the_events_that_sessions_were_sent(
    steps: list[tuple[str, object]], interval: float
) -> None:
    bench = Bench(*ALL, interval=interval)
    bench.link_up()
    sessions: list[tuple[Session, ListTransport]] = []
    sent: Counter[str] = Counter()
    for what, which in steps:
        if what == "in":
            session, transport = bench.connect()
            session.receive(f"Action: Login\r\nUsername: {which}\r\nSecret: x\r\n\r\n".encode())
            sessions.append((session, transport))
        elif what == "event":
            name, classes = which  # type: ignore[misc]
            bench.feed(event(name, classes, Channel="PJSIP/1-1", Uniqueid="1.1"))
        elif what == "look":
            counted(bench)
        elif sessions:
            session, transport = sessions[which % len(sessions)]  # type: ignore[operator]
            if what == "ask":
                session.receive(b"Action: Events\r\nEventMask: on\r\n\r\n")
            else:
                bench.hub.flush()  # events pending for a session that leaves are counted but not sent
                session.close("left")
                sessions.remove((session, transport))
                sent += taken(transport)
    bench.hub.flush()
    sent += taken(*(transport for _, transport in sessions))
    assert counted(bench) == sent
    assert bench.hub.subscriptions.deliveries == sum(sent.values())
