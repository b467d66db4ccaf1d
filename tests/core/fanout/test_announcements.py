"""The events of the proxy's own: which clients are sent them, and in which form."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.message import Message
from amiproxy.core.fanout.eventview import EventView, Sight, bound_view, multi_view
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.rules import Scope
from tests.support.core_doubles import ListUpstream, event
from tests.support.fan_out import FanOut, Listener

NOTHING = FilterSet((compile_legacy(b"Event: Nothing"),))


def bound(server: str, mask: int = privilege.ALL, scope: Scope | None = None) -> EventView:
    return bound_view(None, Sight(server, mask, scope))


def multi(*servers: str, mask: int = privilege.ALL, own: int | None = None) -> EventView:
    """``mask`` at each of the servers; ``own`` is for the proxy's own events, by default the same."""
    sights = tuple(Sight(server, mask, None) for server in servers)
    return multi_view(None, sights, mask if own is None else own, None)


@pytest.fixture
def site() -> FanOut:
    site = FanOut("pbx1", "pbx2")
    site.feed("pbx1", event("X", SystemName="one"))
    site.feed("pbx2", event("X", Timestamp="1.5"))
    return site


def told(site: FanOut, *members: Listener) -> list[list[bytes]]:
    site.flush()
    return [member.take() for member in members]


class TestOfTheProxy:
    def test_each_client_is_sent_one_in_the_form_of_its_server(self, site):
        one, two = site.member(bound("pbx1")), site.member(bound("pbx2"))
        several = site.member(multi("pbx1", "pbx2"))
        site.announcements.tell(b"ProxyShutdown", b"system,all", (b"A", b"b"))
        assert told(site, one, two, several) == [
            [event("ProxyShutdown", "system", SystemName="one", A="b")],
            [event("ProxyShutdown", "system", Timestamp=f"{site.clock.wall():.6f}", A="b")],
            [event("ProxyShutdown", "system", A="b")],
        ]

    def test_classes_and_filters_decide(self, site):
        calls, several = site.member(bound("pbx1", privilege.CALL)), site.member(multi("pbx1", own=0))
        filtered = site.member(bound_view(NOTHING, Sight("pbx1", privilege.ALL, None)))
        site.announcements.tell(b"ProxyShutdown", b"system,all")
        assert told(site, calls, several, filtered) == [[], [], []]

    def test_a_scope_decides_too(self, site):
        strict = site.member(bound("pbx1", scope=Scope(channels=("PJSIP/1",))))
        wide = site.member(bound("pbx1", scope=Scope(channels=("PJSIP/1",), more_events=True)))
        sights = (Sight("pbx1", privilege.ALL, None),)
        several = site.member(multi_view(None, sights, privilege.ALL, Scope(channels=("PJSIP/1",))))
        site.announcements.tell(b"ProxyShutdown", b"system,all")
        assert [len(events) for events in told(site, strict, wide, several)] == [0, 1, 0]

    def test_those_bound_to_a_server_that_has_been_removed_get_the_plain_form(self, site):
        gone = site.member(bound("pbx3"))
        site.announcements.tell(b"ProxyShutdown", b"system,all")
        assert told(site, gone) == [[event("ProxyShutdown", "system")]]

    def test_readers_are_those_whose_classes_admit_it(self, site):
        assert site.announcements.readers(privilege.SYSTEM) == 0
        site.member(bound("pbx1", privilege.CALL))
        several = site.member(multi("pbx1", mask=privilege.CALL, own=privilege.SYSTEM))
        assert site.announcements.readers(privilege.SYSTEM) == 1
        site.subscriptions.leave(several)
        assert site.announcements.readers(privilege.SYSTEM) == 0


class TestOfALink:
    def test_only_clients_that_may_use_the_server_get_it(self, site):
        one, two = site.member(bound("pbx1")), site.member(bound("pbx2"))
        several, other = site.member(multi("pbx2", "pbx1")), site.member(multi("pbx2"))
        server = site.servers.find(b"pbx1")
        news = site.announcements.tell_upstream(server, b"Down", (b"Reason", b"gone"))
        assert set(news.members) == {one, several}
        short = event("ProxyUpstream", "system", SystemName="one", Status="Down")
        assert (news.short, news.short_named) == (short, short[:-2] + b"Server: pbx1\r\n\r\n")
        down = {"SystemName": "one", "Status": "Down", "Reason": "gone"}
        assert told(site, one, two, several, other) == [
            [event("ProxyUpstream", "system", **down)],
            [],
            [event("ProxyUpstream", "system", **down, Server="pbx1")],
            [],
        ]

    def test_a_client_of_several_servers_gets_it_whatever_it_may_see_else(self, site):
        sights = (Sight("pbx1", privilege.CALL, Scope()), Sight("pbx2", 0, None))
        several = site.member(multi_view(NOTHING, sights, privilege.CALL, Scope()))
        bound_one = site.member(bound_view(NOTHING, Sight("pbx2", privilege.ALL, None)))
        for server in site.servers:
            site.announcements.tell_upstream(server, b"Up")
        got, nothing = told(site, several, bound_one)
        assert [line for raw in got for line in raw.split(b"\r\n") if line.startswith(b"Server")] == [
            b"Server: pbx1",
            b"Server: pbx2",
        ]
        assert nothing == []

    def test_a_client_of_several_servers_gets_fullybooted_whatever_it_may_see_else(self, site):
        sights = (Sight("pbx1", privilege.CALL, Scope()), Sight("pbx2", 0, None))
        several = site.member(multi_view(NOTHING, sights, privilege.CALL, Scope()))
        full = site.member(
            multi_view(None, (Sight("pbx1", privilege.ALL, Scope(more_events=True)),), 1, None)
        )
        calls = site.member(bound("pbx1", privilege.CALL))
        booted = event("FullyBooted", "system", Uptime="1")
        site.feed("pbx1", booted)
        stamped = booted[:-2] + b"Server: pbx1\r\n\r\n"
        assert told(site, several, full, calls) == [[stamped], [stamped], []]
        site.feed("pbx2", booted)
        assert told(site, several, full) == [[booted[:-2] + b"Server: pbx2\r\n\r\n"], []]


class TestCounts:
    def test_an_event_is_counted_once_under_no_server(self, site):
        site.member(bound("pbx1"), "ada")
        site.member(multi("pbx1", "pbx2"), "bob")
        site.member(bound_view(NOTHING, Sight("pbx1", privilege.ALL, None)))
        recorder = Recorder(0.0)
        site.subscriptions.record(recorder)
        before = site.stats.events_in
        site.announcements.tell(b"ProxyShutdown", b"system,all")
        site.announcements.tell_upstream(site.servers.first, b"Up")
        own, system = site.stats.events[""], privilege.SYSTEM
        assert site.stats.events_in == before + 2
        assert (own.classes[system], own.delivered[system], own.filtered[system]) == (2, 4, 2)
        assert own.unread[system] == 0
        assert {seen.user for seen in recorder.events} == {"ada", "bob"}

    def test_an_event_that_nobody_may_read_is_counted_so(self, site):
        site.announcements.tell(b"ProxyShutdown", b"system,all")
        assert site.stats.events[""].unread[privilege.SYSTEM] == 1


class TestHeartbeats:
    @pytest.fixture
    def beating(self, site):
        """Two servers with a journal, linked."""
        site.keep()
        for server in site.servers:
            server.exchange.connect(ListUpstream())
        site.feed("pbx1", event("X", SystemName="one"))
        return site

    def test_members_with_numbers_are_sent_one_every_five_seconds(self, beating):
        site = beating
        numbered = site.member(bound_view(None, Sight("pbx1", privilege.ALL, None), numbered=True))
        several = site.member(
            multi_view(
                None, tuple(Sight(n, 1, None) for n in ("pbx1", "pbx2")), privilege.ALL, None, numbered=True
            )
        )
        plain = site.member(bound("pbx1"))
        tokens = [server.journal.token(server.journal.last) for server in site.servers]
        wall = f"{site.clock.wall():.6f}"
        forms = [
            event("ProxyHeartbeat", "system", SystemName="one", Sequence=tokens[0].decode()),
            event("ProxyHeartbeat", "system", Timestamp=wall, Sequence=tokens[1].decode()),
        ]
        for second in range(1000, 1005):
            site.announcements.tick(float(second))
        assert told(site, numbered, several, plain) == [
            [forms[0]],
            [
                form[:-2] + b"Server: %b\r\n\r\n" % name
                for form, name in zip(forms, (b"pbx1", b"pbx2"), strict=True)
            ],
            [],
        ]
        site.feed("pbx1", event("Y"))
        (got,) = told(site, numbered)
        site.announcements.tick(1005.0)
        (beat,) = told(site, numbered)[0]
        (token,) = [value for name, value in Message(beat).headers if name == b"Sequence"]
        assert got[0].endswith(b"ProxySequence: " + token + b"\r\n\r\n")

    def test_an_encoding_may_have_them_less_often(self, beating):
        site = beating
        view = bound_view(None, Sight("pbx1", privilege.ALL, None), numbered=True)
        often = site.member(view)
        seldom = site.member(view, encoding=Encoding("slow", None, heartbeat=15.0))
        for second in range(1000, 1031):
            site.announcements.tick(float(second))
        assert [len(events) for events in told(site, often, seldom)] == [7, 3]

    def test_it_was_asked_for_so_neither_classes_nor_filters_nor_a_scope_matter(self, beating):
        sight = Sight("pbx1", privilege.CALL, Scope())
        member = beating.member(bound_view(NOTHING, sight, numbered=True))
        beating.announcements.tick(0.0)
        assert len(told(beating, member)[0]) == 1

    def test_it_comes_after_the_events_that_it_counts(self, beating):
        member = beating.member(bound_view(None, Sight("pbx1", privilege.ALL, None), numbered=True))
        beating.feed("pbx1", event("Y"))
        beating.announcements.tick(0.0)
        names = [Message(raw).get(b"event") for raw in told(beating, member)[0]]
        assert names == [b"Y", b"ProxyHeartbeat"]

    def test_servers_without_a_link_or_without_a_journal_have_none(self, beating):
        sights = tuple(Sight(name, privilege.ALL, None) for name in ("pbx1", "pbx2"))
        member = beating.member(multi_view(None, sights, privilege.ALL, None, numbered=True))
        one, two = beating.servers
        one.exchange.disconnect()
        two.keep(None, present=False)
        beating.announcements.tick(0.0)
        assert told(beating, member) == [[]]

    def test_it_is_not_recorded_as_an_event_for_which_the_user_needs_a_class(self, beating):
        recorder = Recorder(0.0)
        beating.subscriptions.record(recorder)
        member = beating.member(bound_view(None, Sight("pbx1", privilege.CALL, None), numbered=True))
        beating.announcements.tick(0.0)
        assert len(told(beating, member)[0]) == 1
        beating.subscriptions.count()
        assert list(recorder.events) == []

    def test_it_is_counted_as_an_event_of_the_proxy(self, beating):
        before = beating.stats.events_in
        beating.announcements.tick(0.0)
        assert beating.stats.events_in == before
        beating.member(bound_view(None, Sight("pbx1", privilege.ALL, None), numbered=True))
        beating.announcements.tick(5.0)
        counts = beating.stats.events_of("")
        assert (beating.stats.events_in, counts.delivered[privilege.SYSTEM]) == (before + 1, 1)
