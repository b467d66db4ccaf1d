"""Which view sees which call: all legs, from the first event on, and no other call."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.calls import call as calls
from amiproxy.core.calls import callfacts, scope
from amiproxy.core.calls.scope import CallTracker, View
from amiproxy.core.model.rules import Scope
from tests.core.calls.test_callfacts import event


def channel(name: str, device: str, call: str, number: str, **more: str) -> bytes:
    known = {"Uniqueid": number, "Linkedid": call, **more}
    return event(name, Channel=f"{device}-0000002a", ChannelState="6", **known)


def dial(call: str, one: str, other: str, device: str = "PJSIP/x") -> bytes:
    return event(
        "DialBegin",
        Channel="A/1-01",
        Uniqueid=one,
        Linkedid=call,
        DestChannel=f"{device}-02",
        DestUniqueid=other,
        DestLinkedid=call,
    )


def shown(tracker: CallTracker, view: View, *events: bytes) -> list[bytes]:
    """The events that the view is given, in order."""
    result: list[bytes] = []
    for raw in events:
        result += view.admit(tracker.feed(raw), raw)
    return result


def follow(**keys: Any) -> tuple[CallTracker, View]:
    tracker = CallTracker()
    return tracker, tracker.follow(Scope(**keys))


def test_an_own_call_is_seen_and_another_is_not() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    mine = [channel("Newchannel", "PJSIP/100", "1", "1"), channel("Hangup", "PJSIP/100", "1", "1")]
    other = [channel("Newchannel", "PJSIP/1001", "2", "2"), channel("Hangup", "PJSIP/1001", "2", "2")]
    assert shown(tracker, view, mine[0], other[0], mine[1], other[1]) == mine


@pytest.mark.parametrize(
    ("keys", "headers"),
    [
        ({"channels": ("PJSIP/1*",)}, {}),
        ({"channels": ("pjsip/100",)}, {}),
        ({"contexts": ("sales-*",)}, {"Context": "sales-in"}),
        ({"accountcodes": ("s p",)}, {"AccountCode": "s p"}),
    ],
)
def test_a_scope_owns_a_call_by_any_of_its_keys(keys: dict[str, Any], headers: dict[str, str]) -> None:
    tracker, view = follow(**keys)
    first = channel("Newchannel", "PJSIP/100", "1", "1", **headers)
    assert shown(tracker, view, first) == [first]


def test_earlier_events_are_shown_in_order_and_once_when_the_owner_is_known() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    early = [channel("Newchannel", "PJSIP/trunk", "1", "1"), channel("Newexten", "PJSIP/trunk", "1", "1")]
    late = [dial("1", "1", "2", "PJSIP/100"), channel("Hangup", "PJSIP/trunk", "1", "1")]
    assert shown(tracker, view, *early) == []
    assert shown(tracker, view, late[0]) == [*early, late[0]]
    assert shown(tracker, view, late[1]) == [late[1]]


def test_events_before_the_view_existed_are_not_shown() -> None:
    tracker = CallTracker()
    early = [channel("Newchannel", "PJSIP/trunk", "1", "1"), channel("Newexten", "PJSIP/trunk", "1", "1")]
    tracker.feed(early[0])
    other = tracker.follow(Scope(channels=("X/1",)))
    tracker.feed(early[1])
    view = tracker.follow(Scope(channels=("PJSIP/100",)))
    event_ = dial("1", "1", "2", "PJSIP/100")
    assert shown(tracker, view, event_) == [event_]
    assert list(other.admit(tracker.feed(event_), event_)) == []


def test_a_later_view_knows_the_existing_calls() -> None:
    tracker = CallTracker()
    tracker.feed(channel("Newchannel", "PJSIP/100", "1", "1"))
    tracker.feed(dial("1", "1", "2"))
    view = tracker.follow(Scope(channels=("PJSIP/100",)))
    leg = event("Newstate", Channel="PJSIP/x-02", Uniqueid="2")
    assert shown(tracker, view, leg) == [leg]


@pytest.mark.parametrize(
    "forged",
    [
        event("Cdr", AccountCode="x\r\nUniqueID: 2", Channel="PJSIP/100-2a", UniqueID="1"),
        event("Cdr", AccountCode="", Channel="PJSIP/100-2a", LastData="x\r\nuniqueid: 2", UniqueID="1"),
        event("CEL", EventName="x\r\nLinkedID: 2", Channel="PJSIP/100-2a", UniqueID="1", LinkedID="1"),
        channel("Newexten", "PJSIP/100", "1", "1", AppData="x\r\nLinkedid: 2"),
        channel("Newexten", "PJSIP/100", "1", "1", AppData="x\r\nDestUniqueid: 2"),
        channel("NewThing", "PJSIP/100", "1", "1", Text="x\r\nChannel: PJSIP/200-2a\r\nUniqueid: 2"),
        event(
            "DialBegin",
            DestChannel="PJSIP/100-2a",
            DestChannelState="0",
            DestCallerIDNum="\r\nUniqueid: 2",
            DestUniqueid="1",
            DestLinkedid="1",
            DialString="100",
        ),
        event(
            "BridgeEnter",
            BridgeUniqueid="b",
            BridgeTechnology="softmix",
            BridgeName="x\r\nUniqueid: 2",
            Channel="PJSIP/100-2a",
            Uniqueid="1",
            Linkedid="1",
        ),
        event(
            "ConfbridgeJoin",
            Conference="x\r\nChannel: PJSIP/100-2a\r\nLinkedid: 2",
            BridgeUniqueid="b",
            BridgeTechnology="softmix",
            Channel="PJSIP/100-2a",
            Uniqueid="1",
            Linkedid="1",
        ),
        event("QueueMemberStatus", Queue="q", MemberName="x\r\nUniqueid: 2", Interface="PJSIP/100"),
        event("UnknownToAll", Text="x\r\nChannel: PJSIP/100-2a\r\nUniqueid: 2"),
    ],
)
def test_a_line_end_in_a_value_opens_no_other_call(forged: bytes) -> None:
    tracker, view = follow(channels=("PJSIP/100",), more_events=True)
    mine = channel("Newchannel", "PJSIP/100", "1", "1")
    theirs = [channel("Newchannel", "PJSIP/200", "2", "2"), channel("Newstate", "PJSIP/200", "2", "2")]
    assert shown(tracker, view, mine, *theirs) == [mine]
    seen = shown(tracker, view, forged)
    assert set(seen) <= {forged}
    assert shown(tracker, view, theirs[1]) == []
    # The owner of the other call does not see this one either.
    tracker, view = follow(channels=("PJSIP/200",), more_events=True)
    assert shown(tracker, view, mine, *theirs) == theirs
    assert shown(tracker, view, forged, mine) == []


def test_joined_calls_are_one_from_then_on() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    mine = channel("Newchannel", "PJSIP/100", "1", "1")
    theirs = [channel("Newchannel", "PJSIP/200", "2", "2"), channel("Newstate", "PJSIP/200", "2", "2")]
    bridge = event("BridgeCreate", BridgeUniqueid="b", BridgeTechnology="simple_bridge")
    enter = [
        event("BridgeEnter", BridgeUniqueid="b", Uniqueid=number, Linkedid=number) for number in ("1", "2")
    ]
    after = channel("Hangup", "PJSIP/200", "1", "2")
    assert shown(tracker, view, mine, *theirs) == [mine]
    assert shown(tracker, view, bridge, enter[0]) == [bridge, enter[0]]
    assert shown(tracker, view, enter[1]) == [*theirs, enter[1]]
    assert shown(tracker, view, after) == [after]


def test_joining_shows_each_owner_the_other_call_once() -> None:
    tracker = CallTracker()
    one = tracker.follow(Scope(channels=("PJSIP/100",)))
    other = tracker.follow(Scope(channels=("PJSIP/200",)))
    both = tracker.follow(Scope(channels=("PJSIP/*",)))
    neither = tracker.follow(Scope(channels=("X/*",)))
    events = [
        channel("Newchannel", "PJSIP/100", "1", "1"),
        channel("Newchannel", "PJSIP/200", "2", "2"),
        channel("Newstate", "PJSIP/200", "2", "2"),
        dial("1", "1", "2"),
        channel("Hangup", "PJSIP/200", "1", "2"),
    ]
    seen: dict[View, list[bytes]] = {view: [] for view in (one, other, both, neither)}
    for raw in events:
        call = tracker.feed(raw)
        for view in seen:
            seen[view] += view.admit(call, raw)
    assert seen[one] == events
    assert seen[other] == [events[1], events[2], events[0], events[3], events[4]]
    assert seen[both] == events
    assert seen[neither] == []


def test_one_event_may_join_many_calls() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    mine = channel("Newchannel", "PJSIP/100", "1", "1")
    theirs = [channel("Newchannel", "PJSIP/200", "2", "2"), channel("Newchannel", "PJSIP/300", "3", "3")]
    legs = [channel("Newchannel", "PJSIP/300", "3", str(number)) for number in range(4, 9)]
    transfer = event(
        "AttendedTransfer",
        OrigTransfererUniqueid="1",
        OrigTransfererLinkedid="3",
        SecondTransfererUniqueid="2",
    )
    assert shown(tracker, view, mine, *theirs, *legs) == [mine]
    assert shown(tracker, view, transfer) == [*theirs, *legs, transfer]


def test_a_parking_lot_does_not_join_the_calls_in_it() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    mine = channel("Newchannel", "PJSIP/100", "1", "1")
    other = channel("Newchannel", "PJSIP/200", "2", "2")
    enter = [
        event("BridgeEnter", BridgeUniqueid="lot", BridgeTechnology="holding_bridge", Uniqueid=number)
        for number in ("1", "2")
    ]
    assert shown(tracker, view, mine, other, *enter) == [mine, enter[0]]


def test_a_user_event_shows_nothing_that_it_only_claims() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    mine = channel("Newchannel", "PJSIP/100", "1", "1")
    other = channel("Newchannel", "PJSIP/200", "2", "2")
    claims = [
        event("UserEvent", Uniqueid="2", Linkedid="1"),
        event("UserEvent", Uniqueid="9", Channel="PJSIP/100"),
        event("UserEvent", Channel="PJSIP/100"),
    ]
    about_mine = event("UserEvent", Uniqueid="1")
    later = channel("Newstate", "PJSIP/200", "2", "2")
    assert shown(tracker, view, mine, other, *claims, about_mine, later) == [mine, about_mine]


def test_events_of_no_call_are_not_shown() -> None:
    events = [
        event("FullyBooted", Status="x"),
        event("DeviceStateChange", Device="PJSIP/100"),
        event("DeviceStateChange", Device="PJSIP/200"),
        event("UserEvent", UserEvent="x"),
    ]
    tracker, view = follow(channels=("PJSIP/100",))
    assert shown(tracker, view, *events) == [events[1]]
    tracker, view = follow(contexts=("x",), more_events=True)
    assert shown(tracker, view, *events) == [events[0], events[3]]
    tracker, view = follow(channels=("PJSIP/100",), more_events=True)
    assert shown(tracker, view, *events) == [events[0], events[1], events[3]]


@pytest.mark.parametrize(
    "raw",
    [
        # No id, but still about the call of another.
        event("OriginateResponse", Response="Failure", Channel="Local/x@theirs", Uniqueid="<unknown>"),
        event("TestEvent", Channel="PJSIP/200-00000001", State="CallIDChange"),
        event("DeviceStateChange", Device="confbridge:theirs", State="INUSE"),
        event("ExtensionStatus", Exten="200", Context="x", Status="1"),
        event("ConfbridgeThing", Conference="theirs"),
        event("QueueMemberStatus", Interface="PJSIP/200", Status="2"),
    ],
)
def test_more_events_shows_no_event_that_is_about_a_call(raw: bytes) -> None:
    tracker, view = follow(channels=("PJSIP/100",), more_events=True)
    ours = event("ProxyUpstream", Status="Up")
    assert shown(tracker, view, raw, ours) == [ours]


def test_events_after_the_hangup_belong_to_the_call() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    events = [
        channel("Newchannel", "PJSIP/100", "1", "1"),
        channel("Hangup", "PJSIP/100", "1", "1"),
        event("Cdr", UniqueID="1", Channel="PJSIP/100-01"),
        event("CEL", UniqueID="1", LinkedID="1"),
    ]
    assert shown(tracker, view, *events) == events
    assert len(tracker) == 1


def test_a_record_that_comes_first_does_not_end_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_ENDED", 1)
    tracker, view = follow(channels=("PJSIP/100",))
    events = [
        event("CEL", UniqueID="1", LinkedID="1", Channel="PJSIP/100-2a"),
        channel("Newchannel", "PJSIP/100", "1", "1"),
    ]
    assert shown(tracker, view, *events) == events
    for number in ("2", "3", "4"):
        shown(tracker, view, event("CEL", UniqueID=number, LinkedID=number))
    assert len(tracker) == 2
    later = event("Newstate", Uniqueid="1")
    assert shown(tracker, view, later) == [later]


def test_ended_calls_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_ENDED", 2)
    tracker, view = follow(channels=("PJSIP/*",))
    for number in range(10):
        one = str(number)
        shown(
            tracker, view, channel("Newchannel", "PJSIP/1", one, one), channel("Hangup", "PJSIP/1", one, one)
        )
    assert len(tracker) == 2
    assert tracker.forgotten == 0
    late = event("Cdr", UniqueID="1")
    assert shown(tracker, view, late) == []


def test_a_call_with_a_leg_left_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_ENDED", 0)
    tracker, view = follow(channels=("PJSIP/100",))
    shown(tracker, view, channel("Newchannel", "PJSIP/100", "1", "1"), dial("1", "1", "2"))
    shown(tracker, view, channel("Hangup", "PJSIP/100", "1", "1"))
    leg = event("Newstate", Uniqueid="2")
    assert shown(tracker, view, leg) == [leg]
    shown(tracker, view, event("Hangup", Uniqueid="2"))
    assert len(tracker) == 0


def test_an_ended_call_that_a_new_channel_joins_is_active_again() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    ended = [channel("Newchannel", "PJSIP/100", "1", "1"), channel("Hangup", "PJSIP/100", "1", "1")]
    other = channel("Newchannel", "PJSIP/200", "2", "2")
    joined = join("1", "2")
    assert shown(tracker, view, *ended, other, joined) == [*ended, other, joined]
    ended_too = channel("Newchannel", "PJSIP/300", "1", "3")
    assert shown(tracker, view, ended_too) == [ended_too]


def test_two_ended_calls_stay_ended_when_joined() -> None:
    tracker, view = follow(channels=("PJSIP/*",))
    for one in ("1", "2"):
        shown(
            tracker, view, channel("Newchannel", "PJSIP/1", one, one), channel("Hangup", "PJSIP/1", one, one)
        )
    shown(tracker, view, event("LocalBridge", LocalOneUniqueid="1", LocalTwoUniqueid="2"))
    assert len(tracker) == 1


def test_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_CALLS", 3)
    tracker, view = follow(channels=("PJSIP/*",))
    shown(tracker, view, channel("Newchannel", "PJSIP/1", "0", "0"), channel("Hangup", "PJSIP/1", "0", "0"))
    for number in range(1, 6):
        shown(tracker, view, channel("Newchannel", "PJSIP/1", str(number), str(number)))
    assert len(tracker) == 3
    assert tracker.forgotten == 2  # the ended one went first


def test_the_number_of_first_events_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 2)
    tracker, view = follow(channels=("PJSIP/100",))
    early = [channel("Newexten", "PJSIP/trunk", "1", "1", N=str(number)) for number in range(4)]
    owned = dial("1", "1", "2", "PJSIP/100")
    assert shown(tracker, view, *early, owned) == [*early[:2], owned]


@pytest.mark.parametrize("limit", ["MAX_EARLY_BYTES", "MAX_EARLY_TOTAL"])
def test_bytes_of_first_events_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(scope, limit, 100)
    tracker, view = follow(channels=("PJSIP/100",))
    large = channel("Newexten", "PJSIP/trunk", "1", "1", N="x" * 100)
    owned = dial("1", "1", "2", "PJSIP/100")
    assert shown(tracker, view, large, owned) == [owned]


@pytest.mark.parametrize("limit", ["MAX_EARLY_EVENTS", "MAX_EARLY_BYTES", "MAX_EARLY_TOTAL"])
def test_claims_leave_room_for_a_calls_own_first_events(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    early = [channel("Newchannel", "PJSIP/trunk", "1", "1"), channel("Newexten", "PJSIP/trunk", "1", "1")]
    claim = event("UserEvent", UserEvent="x", Uniqueid="1")
    monkeypatch.setattr(scope, limit, 8 if limit == "MAX_EARLY_EVENTS" else 8 * len(claim))
    tracker, view = follow(channels=("PJSIP/100",))
    assert shown(tracker, view, early[0], *[claim] * 20, early[1]) == []
    late = dial("1", "1", "2", "PJSIP/100")
    assert shown(tracker, view, late) == [early[0], claim, claim, early[1], late]


def test_room_used_by_claims_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = [event("UserEvent", UserEvent="x", Uniqueid=number) for number in "123"]
    monkeypatch.setattr(scope, "MAX_EARLY_TOTAL", 12 * len(claims[0]))
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 8)
    monkeypatch.setattr(scope, "MAX_ENDED", 1)
    tracker, view = follow(channels=("PJSIP/100",))
    calls = [channel("Newchannel", "PJSIP/trunk", number, number) for number in "123"]
    assert shown(tracker, view, *calls[:2], *[claims[0]] * 2, claims[1]) == []
    # Once joined, events beyond the bound of one call are dropped from the last on, with their claims.
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 4)
    assert shown(tracker, view, event("BridgeEnter", Uniqueid="1", Channel="A/1-1", Linkedid="2")) == []
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 8)
    # The call is forgotten with the next one that ends.
    ends = [channel("Hangup", "PJSIP/trunk", number, number) for number in "12"]
    assert shown(tracker, view, *ends, calls[2]) == []
    late = dial("3", "3", "4", "PJSIP/100")
    gone = channel("Hangup", "PJSIP/trunk", "5", "5")
    assert shown(tracker, view, gone, *[claims[2]] * 3, late) == [calls[2], *[claims[2]] * 2, late]


def test_a_forgotten_call_gives_its_bytes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_CALLS", 1)
    monkeypatch.setattr(scope, "MAX_EARLY_TOTAL", 400)
    tracker, view = follow(channels=("PJSIP/100",))
    for number in range(50):
        early = channel("Newchannel", "PJSIP/trunk", str(number), str(number))
        assert shown(tracker, view, early) == []
    owned = dial("49", "49", "x", "PJSIP/100")
    assert shown(tracker, view, owned) == [early, owned]


def test_facts_of_a_call_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_FACTS", 2)
    tracker, view = follow(channels=("PJSIP/100",))
    for number in range(5):
        shown(tracker, view, channel("Rename", f"PJSIP/{number}", "1", "1"))
    assert shown(tracker, view, channel("Rename", "PJSIP/100", "1", "1")) == []


def join(one: str, other: str) -> bytes:
    return event("LocalBridge", LocalOneUniqueid=one, LocalTwoUniqueid=other)


def test_facts_of_joined_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_FACTS", 3)
    tracker, _ = follow(channels=("PJSIP/100",))
    for number in ("1", "2"):
        for leg in ("a", "b"):
            more = {"Context": f"c{number}{leg}", "AccountCode": f"a{number}{leg}"}
            tracker.feed(channel("Newchannel", f"PJSIP/{number}{leg}", number, number + leg, **more))
    call = tracker.feed(join("1", "2"))
    assert isinstance(call, scope.Call)
    assert [len(known) for known in (call.devices, call.contexts, call.accountcodes)] == [3, 3, 3]


@pytest.mark.parametrize("limit", ["MAX_EARLY_EVENTS", "MAX_EARLY_BYTES"])
def test_first_events_of_joined_calls_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    first = [channel("Newchannel", "PJSIP/trunk", number, number) for number in ("1", "2")]
    later = [channel("Newstate", "PJSIP/trunk", number, number) for number in ("1", "2")]
    monkeypatch.setattr(scope, limit, 3 if limit == "MAX_EARLY_EVENTS" else sum(map(len, first + later[:1])))
    tracker, view = follow(channels=("PJSIP/100",))
    assert shown(tracker, view, *first, *later, join("1", "2")) == []
    assert shown(tracker, view, owned := dial("1", "1", "3", "PJSIP/100")) == [*first, later[0], owned]


def test_first_events_that_the_journal_holds_are_not_dropped_when_calls_are_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope, "MAX_EARLY_EVENTS", 2)
    tracker, view = follow(channels=("PJSIP/100",))
    tracker.hold(0)
    early = [channel("Newstate", "PJSIP/trunk", number, number, N=n) for number in "1234" for n in "ab"]
    assert shown(tracker, view, *early, join("1", "2")) == []
    tracker.hold(1)
    # The call has as many as before: it is not searched again before it has twice as many.
    assert shown(tracker, view, join("2", "3"), join("1", "4")) == []
    assert shown(tracker, view, owned := dial("1", "1", "5", "PJSIP/100")) == [*early, owned]
    more = [channel("Newstate", "PJSIP/trunk", number, number, N=n) for number in "6789" for n in "ab"]
    assert shown(tracker, view, *more[:6]) == []
    tracker.hold(3)
    assert shown(tracker, view, join("6", "7"), join("6", "8")) == []
    owned = dial("6", "6", "x", "PJSIP/100")
    assert shown(tracker, view, owned) == [*more[:2], *more[3:6], owned]


def conference(number: str) -> list[bytes]:
    """A channel that enters the bridge ``b`` and leaves it."""
    return [
        channel("Newchannel", "PJSIP/200", number, number),
        event("BridgeEnter", BridgeUniqueid="b", Uniqueid=number, Linkedid=number),
        channel("Hangup", "PJSIP/200", number, number),
    ]


def test_an_endless_bridge_remembers_few_channels_that_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_IDS", 8)
    tracker, view = follow(channels=("PJSIP/100",))
    mine = channel("Newchannel", "PJSIP/100", "1", "1")
    assert shown(tracker, view, mine, event("BridgeEnter", BridgeUniqueid="b", Uniqueid="1"))
    for number in range(2, 100):
        seen = shown(tracker, view, *conference(str(number)))
        assert seen == conference(str(number)), "they are in a call of its own"
    call = tracker.feed(mine)
    assert isinstance(call, scope.Call)
    assert set(call.ids) == {b"1", b"b", *(str(number).encode() for number in range(94, 100))}
    assert (len(call.gone), call.live) == (6, {b"1", b"b"})
    assert shown(tracker, view, late := event("Cdr", UniqueID="99")) == [late]
    assert shown(tracker, view, event("Cdr", UniqueID="2")) == [], "long forgotten"


def test_the_end_of_an_id_that_does_not_name_the_call_is_not_remembered() -> None:
    tracker, _ = follow(channels=("PJSIP/100",))
    call = tracker.feed(
        event("BridgeDestroy", ParkeeUniqueid="1", BridgeUniqueid="b", BridgeTechnology="holding_bridge")
    )
    assert isinstance(call, scope.Call)
    assert (set(call.ids), call.gone) == ({b"1"}, {})


def test_the_channels_with_the_oldest_events_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_IDS", 4)
    tracker, _ = follow(channels=("PJSIP/100",))
    for number in range(9):
        call = tracker.feed(channel("Newchannel", "PJSIP/200", "9", str(number)))
    assert isinstance(call, scope.Call)
    assert (set(call.ids), call.live) == ({b"9", b"6", b"7", b"8"}, {b"6", b"7", b"8"})


def test_ids_of_all_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_IDS", 4)
    monkeypatch.setattr(scope, "MAX_IDS_TOTAL", 10)
    tracker, _ = follow(channels=("PJSIP/100",))
    for number in range(20):
        for leg in range(3):
            tracker.feed(channel("Newchannel", "PJSIP/200", str(number), f"{number}-{leg}"))
    assert (len(tracker), tracker.forgotten) == (2, 18)
    tracker, _ = follow(channels=("PJSIP/100",))
    monkeypatch.setattr(scope, "MAX_IDS_TOTAL", 1)
    tracker.feed(channel("Newchannel", "PJSIP/200", "1", "2"))
    assert len(tracker) == 1, "never the one that is looked at"


def test_a_removed_view_is_forgotten() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    call = tracker.feed(channel("Newchannel", "PJSIP/100", "1", "1"))
    list(view.admit(call, b""))
    tracker.unfollow(view)
    tracker.unfollow(view)
    assert isinstance(call, scope.Call)
    assert call.verdicts == {}


def test_a_new_link_starts_without_calls() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    shown(tracker, view, channel("Newchannel", "PJSIP/100", "1", "1"))
    tracker.reset()
    assert len(tracker) == 0
    assert shown(tracker, view, event("Newstate", Uniqueid="1")) == []


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Events of several calls, interleaved: (call, event)."""
    queues: list[list[bytes]] = []
    for number in range(draw(st.integers(2, 5))):
        call, leg = f"c{number}", f"c{number}-leg"
        device = "PJSIP/100" if number % 2 == 0 else f"PJSIP/2{number}"
        queues.append(
            [
                channel("Newchannel", f"Trunk/{number}", call, call),
                channel("Newexten", f"Trunk/{number}", call, call, N="1"),
                channel("Newchannel", device, call, leg),
                dial(call, call, leg),
                event("BridgeEnter", BridgeUniqueid=f"b{number}", Uniqueid=leg),
                channel("Hangup", device, call, leg),
                channel("Hangup", f"Trunk/{number}", call, call),
            ]
        )
    mixed: list[tuple[int, bytes]] = []
    while any(queues):
        number = draw(st.sampled_from([n for n, queue in enumerate(queues) if queue]))
        mixed.append((number, queues[number].pop(0)))
    return mixed


@given(traffic())
def test_in_any_order_each_view_sees_its_own_whole_calls(mixed: list[tuple[int, bytes]]) -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    seen = shown(tracker, view, *(raw for _, raw in mixed))
    for number in {number for number, _ in mixed}:
        whole = [raw for owner, raw in mixed if owner == number]
        assert [raw for raw in seen if raw in whole] == (whole if number % 2 == 0 else [])


def test_it_is_known_whether_a_call_is_shown_without_an_event() -> None:
    tracker = CallTracker()
    own, other = Scope(channels=("PJSIP/100",)), Scope(channels=("PJSIP/200",))
    raw = channel("Newchannel", "PJSIP/100", "1", "1")
    view = tracker.follow(own)
    facts = callfacts.read_facts(raw)
    assert not tracker.shows(own, facts)  # no call is known yet
    tracker.feed(raw)
    later = callfacts.read_facts(channel("Newstate", "PJSIP/trunk", "1", "1.2"))
    for known in (facts, later):
        assert tracker.shows(own, known)
        assert not tracker.shows(other, known)
    assert shown(tracker, view, channel("Hangup", "PJSIP/trunk", "1", "1.2"))
    device = callfacts.read_facts(event("DeviceStateChange", Device="PJSIP/200", State="INUSE"))
    assert tracker.shows(other, device)
    assert not tracker.shows(own, device)


def test_a_channel_that_a_list_shows_is_known_like_one_that_an_event_told() -> None:
    tracker, view = follow(channels=("PJSIP/100",))
    tracker.know(callfacts.CallFacts((b"7.1", b"bridge"), (b"7.0",), (b"PJSIP/100",), (), (), b""))
    tracker.know(callfacts.CallFacts((b"7.2", b"bridge"), (), (b"PJSIP/200",), (), (), b""))
    tracker.know(callfacts.CallFacts((), (), (), (), (), b""))
    assert len(tracker) == 1
    raw = channel("Hangup", "PJSIP/200", "7.2", "7.2")
    assert shown(tracker, view, raw) == [raw]


def test_a_view_that_reaches_back_shows_no_event_twice_of_a_call_that_is_joined_to_another() -> None:
    tracker, _ = follow(channels=("PJSIP/300",))  # first events are kept for views only
    mine, other = channel("Newchannel", "PJSIP/100", "1", "1"), channel("Newchannel", "PJSIP/200", "2", "2")
    for raw in (mine, other):
        tracker.feed(raw)
    view = tracker.follow(Scope(channels=("PJSIP/100",)))
    view.reach_back()  # its client was sent the first event when it caught up
    assert shown(tracker, view, joined := join("1", "2")) == [other, joined]
