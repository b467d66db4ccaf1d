"""Each member gets exactly the events of the servers that it may see, whatever those servers send."""

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_advanced, compile_legacy
from amiproxy.ami.message import Message
from amiproxy.ami.relay import BROADCAST, rebuild_event
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.fanout.eventview import EventView, Sight, bound_view, multi_view
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.model.rules import Scope
from tests.support.core_doubles import event
from tests.support.fan_out import FanOut, Listener

NAMES = ("pbx1", "pbx2", "pbx3", "pbx4", "pbx5")
OWN = Scope(channels=("PJSIP/own",))


def stamped_by(server: str, raw: bytes) -> bytes:
    """The event with the server's name, made in the simplest way."""
    lines = [line for line in raw.split(b"\r\n") if line.partition(b":")[0].strip().lower() != b"server"]
    return b"\r\n".join([*lines[:-2], b"Server: " + server.encode(), b"", b""])


# -- classes and filters -------------------------------------------------------


class Happening(NamedTuple):
    """An event of a server."""

    server: str
    raw: bytes
    classes: int


masks = st.sampled_from([0, privilege.CALL, privilege.USER, privilege.CALL | privilege.USER, privilege.ALL])
filters = st.sampled_from(
    [
        None,
        FilterSet((compile_legacy(b"Server: pbx[12]"),)),
        FilterSet((compile_advanced(b"action(include),header(Server),method(exact)", b"pbx2"),)),
        FilterSet((compile_legacy(b"!Server: pbx1"),)),
        FilterSet((compile_legacy(b"UserEvent"),)),
    ]
)


def views(names: tuple[str, ...]) -> st.SearchStrategy[EventView]:
    server = st.sampled_from(names)
    return st.one_of(
        st.builds(
            lambda text, name, mask, numbered: bound_view(text, Sight(name, mask, None), numbered=numbered),
            filters,
            server,
            masks,
            st.booleans(),
        ),
        st.builds(
            lambda text, sights, mask, numbered: multi_view(
                text,
                tuple(Sight(name, mask, None) for name, mask in sights.items()),
                mask,
                None,
                numbered=numbered,
            ),
            filters,
            st.dictionaries(server, masks, max_size=len(names)),
            masks,
            st.booleans(),
        ),
    )


server_lines = st.sampled_from(
    [
        b"",
        b"Server: pbx2\r\n",
        b"SERVER:pbx1\r\n",
        b" server \t: \r\n" * 2,
        b"Server: a\r\nserver: b\r\n",
        b"ProxySequence: x\r\n proxysequence : y\r\n",
    ]
)
notes = st.sampled_from([b"a", b"Server: x", b"\0", b"bare\rreturn"])


def happenings(names: tuple[str, ...]) -> st.SearchStrategy[Happening]:
    return st.builds(
        lambda server, head, line, note, end: Happening(
            server,
            b"Event: %b\r\nPrivilege: %b,all\r\n%bNote: %b\r\n%b\r\n" % (*head[:2], line, note, end),
            head[2],
        ),
        st.sampled_from(names),
        st.sampled_from(
            [
                (b"UserEvent", b"user", privilege.USER),
                (b"Newexten", b"call", privilege.CALL),
                (b"Odd", b"call,user", privilege.CALL | privilege.USER),
                (b"Cdr", b"cdr", privilege.parse_classes("cdr")),
            ]
        ),
        server_lines,
        notes,
        server_lines,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[tuple[str, ...], list[EventView], list[Happening | int | str]]:
    """Servers, views of members, and steps.

    A step is an event, the number of a member that subscribes again, or the name of a server of which a
    journal is kept from now on.
    """
    names = NAMES[: draw(st.integers(2, 5))]
    members = draw(st.lists(views(names), min_size=1, max_size=6))
    one = st.one_of(happenings(names), st.integers(0, len(members) - 1), st.sampled_from(names))
    return names, members, draw(st.lists(one, max_size=12))


def numbered_by(token: bytes, raw: bytes) -> bytes:
    """The event with this position, made in the simplest way."""
    lines = [
        line for line in raw.split(b"\r\n") if line.partition(b":")[0].strip().lower() != b"proxysequence"
    ]
    return b"\r\n".join([*lines[:-2], b"ProxySequence: " + token, b"", b""])


def expected(view: EventView, happening: Happening, token: bytes = b"") -> bytes | None:
    mask = next((sight.mask for sight in view.sights if sight.server == happening.server), None)
    if mask is None or happening.classes & mask != happening.classes:
        return None
    raw = happening.raw if BROADCAST.fullmatch(happening.raw) else rebuild_event(happening.raw)
    assert raw is not None
    text = stamped_by(happening.server, raw) if view.named else raw
    if view.filters is not None and not view.filters.admits(text):
        return None
    if view.numbered and token:
        numbered = numbered_by(token, raw)
        return stamped_by(happening.server, numbered) if view.named else numbered
    return text


@given(world=worlds())
def test_each_member_gets_exactly_the_events_that_it_may_see(
    world: tuple[tuple[str, ...], list[EventView], list[Happening | int | str]],
) -> None:
    names, chosen, steps = world
    site = FanOut(*names)
    members = [site.member(view) for view in chosen]
    all_of_them, tokens = [], []
    for step in steps:
        if isinstance(step, int):
            site.subscriptions.subscribe(members[step])
        elif isinstance(step, str):
            site.keep(step)
        else:
            site.feed(step.server, step.raw)
            server = site.servers.find(step.server.encode())
            assert server is not None
            journal = server.journal
            all_of_them.append(step)
            tokens.append(b"" if journal is None else journal.token(journal.last))
    site.flush()
    deliveries = 0
    for member in members:
        got = member.take()
        deliveries += len(got)
        wanted = [expected(member.view, *one) for one in zip(all_of_them, tokens, strict=True)]
        assert got == [raw for raw in wanted if raw is not None]
        for raw in got:
            assert BROADCAST.fullmatch(raw)
            servers = [value for name, value in Message(raw).headers if name.strip().lower() == b"server"]
            if member.view.named:
                assert len(servers) == 1
                assert raw.endswith(b"\r\nServer: " + servers[0] + b"\r\n\r\n")
    assert site.subscriptions.deliveries == deliveries
    for name in names:
        counts = site.stats.events[name]
        assert sum(counts.classes.values()) == sum(one.server == name for one in all_of_them)


# -- calls ---------------------------------------------------------------------


def leg(channel: str, unique: str) -> bytes:
    return event("Newstate", Channel=f"{channel}-0000000{unique[-1]}", Uniqueid=unique, Linkedid=unique)


def bare(unique: str) -> bytes:
    """An event of a call that does not say whose it is."""
    return event("MusicOnHoldStart", Uniqueid=unique)


@given(
    owned=st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(["1.1", "1.2"]))),
    steps=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(["1.1", "1.2"]), st.booleans()), max_size=40
    ),
)
def test_an_event_never_joins_a_call_at_another_server(
    owned: set[tuple[str, str]], steps: list[tuple[str, str, bool]]
) -> None:
    site = FanOut(*NAMES)
    sights = tuple(Sight(name, privilege.ALL, OWN) for name in NAMES)
    several = site.member(multi_view(None, sights, privilege.ALL, OWN))
    bound = {name: site.member(bound_view(None, Sight(name, privilege.ALL, OWN))) for name in NAMES}
    sent: dict[tuple[str, str], list[bytes]] = {}
    known: set[tuple[str, str]] = set()
    for name, unique, is_bare in steps:
        call = name, unique
        raw = bare(unique) if is_bare else leg("PJSIP/own" if call in owned else "PJSIP/other", unique)
        site.feed(name, raw)
        if not is_bare:
            known.add(call)
        sent.setdefault(call, []).append(raw)
    site.flush()
    visible = {call: events for call, events in sent.items() if call in known & owned}
    got = several.take()
    for (name, unique), events in visible.items():
        ends = f"Server: {name}\r\n\r\n".encode(), f"Uniqueid: {unique}\r\n".encode()
        assert [raw for raw in got if raw.endswith(ends[0]) and ends[1] in raw] == [
            stamped_by(name, raw) for raw in events
        ]
    assert len(got) == sum(map(len, visible.values()))
    for name, member in bound.items():
        mine = [events for call, events in visible.items() if call[0] == name]
        assert sorted(member.take()) == sorted(raw for events in mine for raw in events)


# -- one at a time -------------------------------------------------------------


def multi(*names: str, mask: int = privilege.ALL, scope: Scope | None = None) -> EventView:
    return multi_view(None, tuple(Sight(name, mask, scope) for name in names), mask, scope)


SIGHT = Sight("pbx1", privilege.ALL, None)


def token_at(site: FanOut) -> bytes:
    """The position of the last event of the first server."""
    journal = site.servers.first.journal
    assert journal is not None
    return journal.token(journal.last)


def pending(members: Iterable[Listener]) -> list[list[bytes]]:
    return [member.subscription.pending for member in members if member.subscription is not None]


def test_a_flush_delivers_the_events_of_all_servers_at_once_and_in_their_order() -> None:
    site = FanOut(*NAMES)
    member = site.member(multi(*NAMES))
    for name in NAMES:
        site.feed(name, event(name))
    site.flush()
    assert member.got == [b"".join(stamped_by(name, event(name)) for name in NAMES)]


class TestStamps:
    def test_an_event_is_stamped_once_for_all(self):
        site = FanOut("pbx1", "pbx2")
        members = [site.member(multi("pbx1", "pbx2", mask=mask)) for mask in (privilege.ALL, privilege.CALL)]
        members.append(site.member(multi("pbx1", scope=Scope(channels=("PJSIP/own",)))))
        site.feed("pbx1", leg("PJSIP/own", "1.1"))
        first, second, third = pending(members)
        assert first[0] is second[0] is third[0]

    def test_earlier_events_of_a_call_are_stamped_too(self):
        site = FanOut("pbx1")
        member = site.member(multi("pbx1", scope=OWN))
        site.feed("pbx1", bare("1.1"), leg("PJSIP/own", "1.1"))
        site.flush()
        assert member.take() == [stamped_by("pbx1", raw) for raw in (bare("1.1"), leg("PJSIP/own", "1.1"))]

    def test_classes_and_filters_apply_to_events_of_calls(self):
        site = FanOut("pbx1")
        scoped = Sight("pbx1", privilege.CALL, OWN)
        members = [
            site.member(multi_view(FilterSet((compile_legacy(text),)), (scoped,), privilege.CALL, OWN))
            for text in (b"Server: pbx1", b"Server: pbx2")
        ]
        raw = leg("PJSIP/own", "1.1")
        site.feed("pbx1", raw, raw.replace(b"Privilege: call", b"Privilege: dialplan"))
        site.flush()
        assert [member.take() for member in members] == [[stamped_by("pbx1", raw)], []]


class TestNumbers:
    def test_an_event_is_numbered_once_for_all(self):
        site = FanOut("pbx1", "pbx2")
        site.keep()
        sights = Sight("pbx1", privilege.ALL, None), Sight("pbx1", privilege.CALL, None)
        bound = [site.member(bound_view(None, sight, numbered=True)) for sight in sights]
        several = [
            site.member(multi_view(None, (sight,), privilege.ALL, None, numbered=True)) for sight in sights
        ]
        site.feed("pbx1", event("X"))
        for members in (bound, several):
            first, second = pending(members)
            assert first[0] is second[0]

    def test_members_without_numbers_are_sent_what_they_always_were(self):
        site = FanOut("pbx1")
        site.keep()
        plain, named = site.member(bound_view(None, SIGHT)), site.member(multi("pbx1"))
        site.member(bound_view(None, SIGHT, numbered=True))
        raw = event("UserEvent", "user", ProxySequence="x")
        site.feed("pbx1", raw)
        site.flush()
        assert (plain.take(), named.take()) == ([raw], [stamped_by("pbx1", raw)])

    def test_filters_do_not_see_the_number(self):
        site = FanOut("pbx1")
        site.keep()
        filters = FilterSet((compile_legacy(b"ProxySequence"),))
        views = (
            bound_view(filters, SIGHT, numbered=True),
            multi_view(filters, (SIGHT,), privilege.ALL, None, numbered=True),
        )
        members = [site.member(view) for view in views]
        site.feed("pbx1", event("X"))
        site.flush()
        assert [member.take() for member in members] == [[], []]
        assert site.subscriptions.deliveries == 0

    def test_a_boot_is_numbered_for_a_member_without_classes(self):
        site = FanOut("pbx1")
        site.keep()
        sights = (Sight("pbx1", 0, None),)
        member = site.member(multi_view(None, sights, privilege.CALL, None, numbered=True))
        site.feed("pbx1", event("FullyBooted", "system"))
        site.flush()
        (got,) = member.take()
        assert got == stamped_by("pbx1", numbered_by(token_at(site), event("FullyBooted", "system")))

    def test_without_a_journal_events_have_no_number(self):
        site = FanOut("pbx1")
        member = site.member(bound_view(None, SIGHT, numbered=True))
        site.feed("pbx1", event("X"))
        site.keep()
        site.feed("pbx1", event("Y"))
        (server,) = site.servers
        token = token_at(site)
        server.keep(None, present=False)
        site.feed("pbx1", event("Z"))
        site.flush()
        assert member.take() == [event("X"), numbered_by(token, event("Y")), event("Z")]

    def test_earlier_events_of_a_call_have_the_position_before_the_event_that_shows_whose_it_is(self):
        site = FanOut("pbx1")
        site.keep()
        bound = site.member(bound_view(None, Sight("pbx1", privilege.ALL, OWN), numbered=True))
        scoped = (Sight("pbx1", privilege.ALL, OWN),)
        several = site.member(multi_view(None, scoped, privilege.ALL, OWN, numbered=True))
        site.feed("pbx1", bare("1.1"), bare("2.1"))
        before = token_at(site)
        site.feed("pbx1", leg("PJSIP/own", "1.1"))
        site.flush()
        expected = [
            numbered_by(before, bare("1.1")),
            numbered_by(token_at(site), leg("PJSIP/own", "1.1")),
        ]
        assert bound.take() == expected
        assert several.take() == [stamped_by("pbx1", raw) for raw in expected]

    def test_numbered_events_are_recorded(self):
        site = FanOut("pbx1")
        site.keep()
        recorder = Recorder(0.0)
        site.subscriptions.record(recorder)
        site.member(bound_view(None, SIGHT, numbered=True))
        site.feed("pbx1", event("X"))
        site.subscriptions.count()
        assert [(seen.user, seen.event) for seen in recorder.events] == [("ada", b"X")]


class TestTheJournal:
    def test_it_holds_each_event_as_it_is_passed_on_and_its_call(self):
        site = FanOut("pbx1")
        site.keep()
        site.feed("pbx1", event("X"), event("Odd").replace(b"\r\n", b"\n"), bare("1.1"))
        (server,) = site.servers
        entries = server.journal.after(server.journal.epoch, 0)
        assert entries.raws == [event("X"), event("Odd"), bare("1.1")]
        assert [call is not None for call in entries.calls] == [False, False, True]

    def test_servers_have_journals_of_their_own(self):
        site = FanOut("pbx1", "pbx2")
        site.keep()
        site.feed("pbx1", event("X"))
        one, two = (server.journal for server in site.servers)
        assert (one.last, two.last) == (1, 0)
        assert one.epoch != two.epoch


class TestServersThatComeAndGo:
    def test_members_that_may_see_it_get_the_events_of_a_server_that_is_added(self):
        site = FanOut("pbx1")
        member, other = site.member(multi("pbx1", "pbx2")), site.member(multi("pbx1"))
        site.subscriptions.add("pbx2").pass_on(
            event("X"),
            site.subscriptions.of("pbx2").audience_of(b"", b"X", privilege.CALL, remember=False),
        )
        site.flush()
        assert (member.take(), other.take()) == ([stamped_by("pbx2", event("X"))], [])

    def test_a_removed_server_sends_no_more_events_and_stays_counted(self):
        site = FanOut("pbx1", "pbx2")
        member = site.member(multi("pbx1", "pbx2"))
        site.feed("pbx2", event("X"))
        site.subscriptions.remove("pbx2")
        site.feed("pbx2", event("Late"))
        with pytest.raises(KeyError):
            site.subscriptions.of("pbx2")
        assert site.subscriptions.deliveries == 1
        assert site.subscriptions.leave(member) == stamped_by("pbx2", event("X"))

    def test_a_server_that_is_added_while_events_are_recorded_is_recorded(self):
        site = FanOut("pbx1")
        recorder = Recorder(0.0)
        site.subscriptions.record(recorder)
        site.member(multi("pbx2"))
        site.member(multi("pbx2", scope=OWN), "bob")
        site.servers.add(site.server("pbx2"))
        site.feed("pbx2", leg("PJSIP/own", "1.1"))
        site.subscriptions.count()
        assert [(seen.user, seen.event) for seen in recorder.events] == [
            ("bob", b"Newstate"),
            ("ada", b"Newstate"),
        ]


class TestCalls:
    def test_without_a_tracker_a_member_with_a_scope_gets_nothing(self):
        site = FanOut("pbx1")
        subscriptions = Subscriptions(site.stats)
        inflow = subscriptions.add("pbx1")
        member = Listener(bound_view(None, Sight("pbx1", privilege.ALL, OWN)))
        subscriptions.subscribe(member)
        raw = leg("PJSIP/own", "1.1")

        def cast() -> bytes:
            inflow.pass_on(raw, inflow.audience_of(b"", b"Newstate", privilege.CALL, remember=False))
            inflow.pass_on_scoped(raw, tracker.feed(raw))
            return subscriptions.leave(member) if member.subscription else b""

        tracker = CallTracker()
        assert cast() == b""
        subscriptions.subscribe(member)
        for _ in range(2):
            inflow.follow(tracker)
        assert cast() == raw


def test_readers_are_counted_for_each_server() -> None:
    site = FanOut("pbx1", "pbx2")
    site.member(bound_view(None, Sight("pbx1", privilege.CALL, None)))
    several = site.member(
        multi_view(
            None,
            (Sight("pbx1", privilege.CALL, None), Sight("pbx2", privilege.USER, None)),
            privilege.ALL,
            None,
        )
    )
    pbx1, pbx2 = site.servers
    assert (pbx1.readers(privilege.CALL), pbx2.readers(privilege.CALL)) == (2, 0)
    assert (pbx1.readers(privilege.USER), pbx2.readers(privilege.USER)) == (0, 1)
    site.subscriptions.leave(several)
    assert (pbx1.readers(privilege.CALL), pbx2.readers(privilege.USER)) == (1, 0)
