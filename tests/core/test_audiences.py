"""Events are counted by class without being looked at one by one."""

from proxy.ami import privilege
from proxy.ami.eventfilter import FilterSet, compile_legacy
from proxy.core.audiences import Audience, Audiences
from proxy.core.stats import Stats
from proxy.core.users import User
from tests.support.core_doubles import Bench, event

READER = User("reader", read=privilege.CALL, secret="plain:x")


def test_events_are_counted_by_class_and_by_whether_anybody_could_see_them() -> None:
    bench = Bench(READER)
    bench.login("reader")
    bench.feed(
        *[event("Hangup")] * 3, event("Alarm", "system"), event("Reload", "system"), event("Alarm", "system")
    )
    bench.hub.audiences.count()
    stats = bench.hub.stats
    assert stats.classes[privilege.CALL] == 3
    assert stats.unread[privilege.CALL] == 0
    assert stats.classes[privilege.SYSTEM] == stats.unread[privilege.SYSTEM] == 3
    assert stats.events_in == sum(stats.classes.values())


def test_what_filters_keep_back_is_counted_once_for_each_view() -> None:
    quiet = FilterSet((compile_legacy(b"!Event: Hangup"),))
    bench = Bench(User("quiet", read=privilege.CALL, secret="plain:x", filters=quiet), READER)
    for name in ("quiet", "quiet", "reader"):
        bench.login(name)
    bench.feed(event("Hangup"), event("Hangup"), event("Newchannel"))
    bench.hub.audiences.count()
    stats = bench.hub.stats
    assert (stats.classes[privilege.CALL], stats.filtered[privilege.CALL]) == (3, 2)
    bench.hub.audiences.count()
    assert stats.filtered[privilege.CALL] == 2


def test_what_is_forgotten_was_counted() -> None:
    bench = Bench(READER)
    bench.feed(event("Hangup"))
    bench.login("reader")  # a new subscription: everything that is remembered is wrong now
    bench.feed(event("Hangup"))
    bench.hub.audiences.count()
    bench.hub.audiences.count()
    assert bench.hub.stats.classes[privilege.CALL] == 2
    assert bench.hub.stats.unread[privilege.CALL] == 1


def test_only_so_many_heads_are_remembered() -> None:
    stats = Stats()
    audiences = Audiences(stats)
    for number in range(5000):
        audience = Audience(privilege.USER, (), True)
        audience.events = 1
        audiences.remember(b"%d" % number, audience)
    assert len(audiences.by_head) <= 4096
    audiences.count()
    assert stats.classes[privilege.USER] == 5000
