"""What a client missed is what it would have been sent: nothing lost, nothing doubled, nothing of others."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.core.calls import scope
from amiproxy.core.calls.call import Call
from amiproxy.core.fanout.eventview import EventView, Sight, bound_view, multi_view
from amiproxy.core.fanout.sieve import Sieve
from amiproxy.core.history.journal import Journal
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.rules import Scope
from amiproxy.core.servers.server import Server
from tests.core.fanout.test_inflow import (
    NAMES,
    Happening,
    bare,
    happenings,
    leg,
    numbered_by,
    stamped_by,
    views,
)
from tests.support.core_doubles import event
from tests.support.fan_out import FanOut, Listener

OWN = Scope(channels=("PJSIP/own",), more_events=True)
ALL = Sight("pbx1", privilege.ALL, None)
SCOPED = Sight("pbx1", privilege.ALL, OWN)


def journal_of(server: Server) -> Journal:
    assert server.journal is not None
    return server.journal


def missed(sieve: Sieve, server: Server, sequence: int = 0) -> list[bytes]:
    """What the sieve lets pass of everything after this event."""
    journal = journal_of(server)
    found: list[bytes] = []
    while True:
        entries = journal.after(journal.epoch, sequence)
        assert entries is not None
        found += sieve.sift(entries)
        if not entries.raws:
            return found
        sequence = entries.last


def one_by_one(sieve: Sieve, server: Server) -> list[bytes]:
    """The same, each event asked for by itself."""
    journal = journal_of(server)
    entries = journal.after(journal.epoch, 0)
    assert entries is not None
    events = [sieve.one(raw, entries.epoch, entries.first + n) for n, raw in enumerate(entries.raws)]
    return [raw for raw in events if raw]


# -- classes and filters -------------------------------------------------------


@given(view=views(NAMES[:2]), events=st.lists(happenings(NAMES[:2]), max_size=12))
def test_it_lets_pass_what_a_member_of_the_same_view_was_sent(
    view: EventView, events: list[Happening]
) -> None:
    site = FanOut(*NAMES[:2])
    site.keep()
    member = site.member(view)
    for happening in [*events, Happening("pbx1", event("FullyBooted", "system"), 0)]:
        site.feed(happening.server, happening.raw)
    site.flush()
    got = member.take()
    found = [missed(Sieve(view, server), server) for server in site.servers]
    for server, part in zip(site.servers, found, strict=True):
        if all(sight.scope is None for sight in view.sights):
            assert one_by_one(Sieve(view, server), server) == part
    assert sorted(raw for part in found for raw in part) == sorted(got)
    for part in found:
        assert part == [raw for raw in got if raw in part]


def test_an_event_is_rendered_in_the_encoding_of_the_client() -> None:
    site = FanOut("pbx1")
    site.keep()
    site.feed("pbx1", event("X"))
    sieve = Sieve(bound_view(None, ALL), site.servers.first, Encoding("test", bytes.upper))
    assert missed(sieve, site.servers.first) == [event("X").upper()]
    assert sieve.single(event("Y")) == event("Y").upper()


def test_a_name_that_looks_like_the_end_of_a_head_is_judged_by_its_classes() -> None:
    site = FanOut("pbx1")
    site.keep()
    raws = [event("X,all", classes) for classes in ("call", "user", "call")]
    site.feed("pbx1", *raws)
    sieve = Sieve(bound_view(None, Sight("pbx1", privilege.CALL, None)), site.servers.first)
    assert missed(sieve, site.servers.first) == [raws[0], raws[2]]


def test_without_a_journal_there_are_no_positions() -> None:
    site = FanOut("pbx1")
    site.keep()
    site.feed("pbx1", event("X"))
    server = site.servers.first
    journal = journal_of(server)
    entries = journal.after(journal.epoch, 0)
    assert entries is not None
    server.keep(None, present=False)
    for sight in (ALL, SCOPED):
        sieve = Sieve(bound_view(None, sight, numbered=True), server)
        assert sieve.sift(entries) == ([event("X")] if sight is ALL else [])


# -- calls ---------------------------------------------------------------------


def test_without_a_tracker_a_scope_shows_nothing_but_the_boot_to_clients_of_several_servers() -> None:
    site = FanOut("pbx1", follows_calls=False)
    site.keep()
    booted = event("FullyBooted", "system")
    site.feed("pbx1", booted, leg("PJSIP/own", "1.1"))
    assert missed(Sieve(bound_view(None, SCOPED), site.servers.first), site.servers.first) == []
    several = multi_view(None, (SCOPED,), privilege.ALL, OWN)
    assert missed(Sieve(several, site.servers.first), site.servers.first) == [stamped_by("pbx1", booted)]


def test_events_of_no_call_are_judged_by_themselves() -> None:
    site = FanOut("pbx1")
    site.keep()
    raws = [event("PeerStatus", "system"), event("DeviceStateChange", Device="PJSIP/other")]
    site.feed("pbx1", *raws)
    assert missed(Sieve(bound_view(None, SCOPED), site.servers.first), site.servers.first) == raws[:1]


def test_events_before_the_position_come_first_if_their_call_turned_out_to_be_the_clients_since() -> None:
    site = FanOut("pbx1")
    site.keep()
    site.feed("pbx1", bare("1.1"), leg("PJSIP/other", "2.1"), event("PeerStatus", "system"))
    cut = journal_of(site.servers.first).last
    site.feed("pbx1", event("Reload", "system"), leg("PJSIP/own", "1.1"), bare("1.1"))
    journal = journal_of(site.servers.first)
    view = bound_view(None, SCOPED, numbered=True)
    assert missed(Sieve(view, site.servers.first), site.servers.first, cut) == [
        numbered_by(journal.token(4), event("Reload", "system")),
        numbered_by(journal.token(4), bare("1.1")),
        numbered_by(journal.token(5), leg("PJSIP/own", "1.1")),
        numbered_by(journal.token(6), bare("1.1")),
    ]


def test_first_events_that_the_journal_has_forgotten_are_sent_as_they_are_live() -> None:
    site = FanOut("pbx1")
    site.keep(seconds=10.0)
    server = site.servers.first
    journal = journal_of(server)
    site.feed("pbx1", bare("1.1"))
    site.clock.time += 20.0
    server.tick(site.clock.time)
    site.feed("pbx1", event("PeerStatus", "system"))
    cut = journal.last
    site.feed("pbx1", leg("PJSIP/own", "1.1"))
    assert journal.event(1) == b""
    sieve = Sieve(bound_view(None, SCOPED), server)
    assert missed(sieve, server, cut) == [bare("1.1"), leg("PJSIP/own", "1.1")]


def test_of_a_call_that_has_been_forgotten_the_events_come_from_the_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope, "MAX_ENDED", 0)
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 4)
    site = FanOut("pbx1")
    site.keep(seconds=100.0)
    server = site.servers.first
    journal = journal_of(server)
    site.feed("pbx1", bare("1.1"))
    site.clock.time += 60.0
    server.tick(site.clock.time)
    site.feed("pbx1", bare("1.1"), bare("2.2"), linked("1.1", "2.2"), bare("1.1"))
    cut = journal.last
    site.feed("pbx1", leg("PJSIP/own", "1.1"))
    hangups = [event("Hangup", Uniqueid=call, Linkedid=call) for call in ("1.1", "2.2")]
    site.feed("pbx1", *hangups)
    assert server.tracker is not None
    assert len(server.tracker) == 0
    site.clock.time += 60.0  # the first event is forgotten
    sieve = Sieve(bound_view(None, SCOPED), server)
    assert missed(sieve, server, cut) == [
        bare("1.1"),
        bare("2.2"),
        linked("1.1", "2.2"),
        leg("PJSIP/own", "1.1"),
        *hangups,
    ]


def test_of_a_call_that_has_been_forgotten_no_more_is_sent_than_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope, "MAX_ENDED", 0)
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 1)
    site = FanOut("pbx1")
    site.keep()
    member = site.member(bound_view(None, SCOPED))
    hangup = event("Hangup", Uniqueid="1.1", Linkedid="1.1")
    site.feed("pbx1", bare("1.1"), bare("1.1"), leg("PJSIP/own", "1.1"), hangup)
    site.flush()
    sent = member.take()
    assert sent == [bare("1.1"), leg("PJSIP/own", "1.1"), hangup]
    assert missed(Sieve(bound_view(None, SCOPED), site.servers.first), site.servers.first) == sent


def test_a_client_that_follows_a_journal_for_long_keeps_little_of_it() -> None:
    site = FanOut("pbx1")
    site.keep()
    server = site.servers.first
    journal = journal_of(server)
    sieve = Sieve(bound_view(None, SCOPED), server)
    site.feed("pbx1", bare("0.1"))
    sequence, got = 0, []
    for number in range(1, 1500):
        call = f"{number}.1"
        site.feed("pbx1", bare(call), leg("PJSIP/own" if number % 2 else "PJSIP/other", call))
        entries = journal.after(journal.epoch, sequence)
        assert entries is not None
        got += sieve.sift(entries)
        sequence = entries.last
    assert got.count(bare("1499.1")) == 1
    assert len(got) == 2 * 750
    assert max(len(one) for one in (sieve._ends, sieve._known, sieve._searched, sieve._verdicts)) <= 1024
    site.feed("pbx1", leg("PJSIP/own", "0.1"))
    assert missed(sieve, server, sequence) == [bare("0.1"), leg("PJSIP/own", "0.1")]


def linked(one: str, other: str) -> bytes:
    return event(
        "DialBegin",
        Channel="Local/x-01",
        Uniqueid=one,
        Linkedid=one,
        DestChannel="Local/y-02",
        DestUniqueid=other,
        DestLinkedid=other,
    )


def test_events_of_a_call_that_was_joined_to_the_clients_own_since_come_first() -> None:
    site = FanOut("pbx1")
    site.keep()
    site.feed("pbx1", leg("PJSIP/own", "1.1"), bare("2.2"))
    cut = journal_of(site.servers.first).last
    site.feed("pbx1", linked("1.1", "2.2"))
    sieve = Sieve(bound_view(None, SCOPED), site.servers.first)
    assert missed(sieve, site.servers.first, cut) == [bare("2.2"), linked("1.1", "2.2")]


CALLS = ("1.1", "2.2", "3.3", "4.4")
moves = st.one_of(
    st.builds(bare, st.sampled_from(CALLS)),
    st.builds(leg, st.sampled_from(["PJSIP/own", "PJSIP/other"]), st.sampled_from(CALLS)),
    st.builds(linked, st.sampled_from(CALLS), st.sampled_from(CALLS)),
    st.just(event("PeerStatus", "system")),
    st.builds(lambda call: event("Hangup", Uniqueid=call, Linkedid=call), st.sampled_from(CALLS)),
)
Story = list[bytes | None]
#: Events, and None for a moment in which a client that catches up is sent a part.
story = st.lists(st.one_of(moves, moves, st.none()), max_size=25)


def unnumbered(events: list[bytes]) -> list[bytes]:
    return [re.sub(rb"ProxySequence: .*\r\n", b"", raw) for raw in events]


@given(
    before=story,
    gap=story,
    during=story,
    after=story,
    others=st.booleans(),
    named=st.booleans(),
    most=st.sampled_from([1, 3, 128]),
    ended=st.sampled_from([0, 1, 512]),
)
def test_a_client_with_a_scope_that_was_cut_off_is_sent_what_it_would_have_been_sent(
    before: Story,
    gap: Story,
    during: Story,
    after: Story,
    others: bool,
    named: bool,
    most: int,
    ended: int,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scope, "MAX_ENDED", ended)
        patch.setattr(scope, "MAX_EARLY_EVENTS", most)
        compare(before, gap, during, after, others, named)


def compare(
    before: Story,
    gap: Story,
    during: Story,
    after: Story,
    others: bool,
    named: bool,
) -> None:
    """A client that is cut off after ``before`` and catches up in ``during`` is sent what another one is."""
    site = FanOut("pbx1")
    site.keep()
    server = site.servers.first
    journal = journal_of(server)
    view = (
        multi_view(None, (SCOPED,), privilege.ALL, OWN, numbered=True)
        if named
        else bound_view(None, SCOPED, numbered=True)
    )
    # Has the same view without positions, so that its subscription is another one.
    witness = site.member(view._replace(numbered=False))
    client = site.member(view)
    count = 0

    def happen(raw: bytes | None) -> None:
        nonlocal count
        if raw is None:
            return
        count += 1
        site.feed("pbx1", raw[:-2] + b"Number: %d\r\n\r\n" % count)
        site.clock.time += 2.0  # so that the parts of the journal are small
        server.tick(site.clock.time)

    for raw in before:
        happen(raw)
    site.flush()
    got = client.take()
    site.subscriptions.leave(client)
    sequence = journal.last
    for raw in gap:
        happen(raw)
    if others:
        site.member(view, "bob")
    sieve = Sieve(view, server)
    for raw in during:
        happen(raw)
        if raw is None:
            entries = journal.after(journal.epoch, sequence)
            assert entries is not None
            got += sieve.sift(entries)
            sequence = entries.last
    got += missed(sieve, server, sequence)
    again = Listener(view)
    site.subscriptions.resume(again)
    for raw in after:
        happen(raw)
    site.flush()
    got += again.take()
    assert sorted(unnumbered(got)) == sorted(witness.take())
    sequences = [int(found[1]) for raw in got if (found := re.search(rb"ProxySequence: T\w+-(\d+)", raw))]
    assert len(sequences) == len(got)
    assert sequences == sorted(sequences)


class TestSingleEvents:
    def test_they_have_the_form_of_the_view_without_a_position(self):
        site = FanOut("pbx1")
        site.keep()
        several = multi_view(None, (ALL,), privilege.ALL, None, numbered=True)
        assert Sieve(several, site.servers.first).single(event("X")) == stamped_by("pbx1", event("X"))
        assert Sieve(bound_view(None, ALL), site.servers.first).single(event("X")) == event("X")

    def test_classes_filters_scope_and_server_decide(self):
        site = FanOut("pbx1", "pbx2")
        one, two = site.servers
        none = Sieve(bound_view(None, Sight("pbx1", privilege.USER, None)), one)
        filtered = Sieve(bound_view(FilterSet((compile_legacy(b"Event: Y"),)), ALL), one)
        scoped, other = Sieve(bound_view(None, SCOPED), one), Sieve(bound_view(None, ALL), two)
        for sieve in (none, filtered, scoped, other):
            assert sieve.single(leg("PJSIP/other", "1.1")) == b""

    def test_the_call_may_be_given(self):
        site = FanOut("pbx1")
        sieve = Sieve(bound_view(None, SCOPED), site.servers.first)
        call = Call()
        assert sieve.single(bare("1.1"), call) == b""
        call.devices[b"PJSIP/own"] = 1
        call.revision += 1
        assert sieve.single(bare("1.1"), call) == bare("1.1")


@pytest.mark.parametrize("numbered", [True, False])
def test_earlier_events_from_before_a_login_are_shown_to_no_client_that_did_not_ask_for_positions(
    numbered: bool,
) -> None:
    site = FanOut("pbx1")
    site.keep()
    view = bound_view(None, SCOPED, numbered=numbered)
    site.feed("pbx1", bare("1.1"))
    fresh = site.member(view)
    again = Listener(view)
    site.subscriptions.resume(again)
    site.feed("pbx1", leg("PJSIP/own", "1.1"))
    site.flush()
    assert len(fresh.take()) == (2 if numbered else 1)


def test_a_client_that_sees_nothing_resumes_nothing() -> None:
    site = FanOut("pbx1")
    member = Listener(bound_view(None, Sight("pbx1", 0, None)))
    site.subscriptions.resume(member)
    assert member.subscription is None
