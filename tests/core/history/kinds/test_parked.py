"""Parked calls: what lists and events of Asterisk 22 and 16 have said."""

import pytest

from amiproxy.core.history.kinds.parked import PARKED_CALL, Parked
from tests.core.history.kinds.recorded import happened, listed, texts, values

ITEM = """
Event: ParkedCall
ParkeeChannel: Local/stay@lab-00000001;1
ParkeeChannelState: 6
ParkeeChannelStateDesc: Up
ParkeeCallerIDNum: <unknown>
ParkeeCallerIDName: <unknown>
ParkeeConnectedLineNum: <unknown>
ParkeeConnectedLineName: <unknown>
ParkeeLanguage: en
ParkeeAccountCode:
ParkeeContext: lab
ParkeeExten: park
ParkeePriority: 2
ParkeeUniqueid: p1
ParkeeLinkedid: p1
ParkeeChanVariable: FOO=1
ParkeeChanVariable: CDR(src)=
ParkerDialString: Local/stay@lab
Parkinglot: default
ParkingSpace: 701
ParkingTimeout: 30
ParkingDuration: 0
"""
CHANNEL = """Channel: Local/stay@lab-00000001;1
ChannelState: 6
CallerIDNum: 5551
Uniqueid: p1
Linkedid: p1
"""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parked(clock: Clock) -> Parked:
    kind = Parked(clock)
    listed(kind, ITEM)
    return kind


def event(name: str, text: str = ITEM) -> str:
    return text.replace("Event: ParkedCall\n", f"Event: {name}\nPrivilege: call,all\n")


def test_the_seconds_go_on(parked: Parked, clock: Clock) -> None:
    clock.now += 12.5
    assert values(parked, "ParkingTimeout", "ParkingDuration") == {"default\x00701": ("18", "12")}
    clock.now += 100
    assert values(parked, "ParkingTimeout", "ParkingDuration") == {"default\x00701": ("0", "112")}


def test_a_call_is_parked_and_leaves_in_each_way(clock: Clock) -> None:
    kind = Parked(clock)
    for ends in ("UnParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp"):
        happened(kind, event("ParkedCall"))
        assert values(kind, "ParkeeUniqueid") == {"default\x00701": ("p1",)}
        happened(kind, event(ends) * 2)
        assert values(kind, "ParkeeUniqueid") == {}


def test_another_channel_takes_the_place(parked: Parked) -> None:
    happened(parked, event("ParkedCallSwap").replace("p1", "p2"))
    assert values(parked, "ParkeeUniqueid") == {"default\x00701": ("p2",)}
    happened(parked, event("ParkedCallGiveUp"))
    assert len(parked) == 1
    happened(parked, event("ParkedCallSwap").replace("Parkinglot: default\nParkingSpace: 701\n", ""))
    assert len(parked) == 1


def test_the_channel_is_as_its_events_say(parked: Parked) -> None:
    happened(parked, f"Event: NewCallerid\n{CHANNEL}\n")
    happened(parked, "Event: Rename\nChannel: x\nNewname: Local/y-1;1\nUniqueid: p1\n")
    happened(parked, "Event: Rename\nChannel: x\nNewname: Local/z-1;1\nUniqueid: other\n")
    happened(parked, f"Event: NewCallerid\n{CHANNEL.replace('p1', 'p9').replace('5551', '666')}\n")
    happened(parked, "Event: NewCallerid\nUniqueid: p1\nUniqueid: p2\nCallerIDNum: 7\n")
    assert values(parked, "ParkeeChannel", "ParkeeCallerIDNum") == {"default\x00701": ("Local/y-1;1", "5551")}


def test_nothing_is_looked_for_while_no_call_is_parked(clock: Clock) -> None:
    kind = Parked(clock)
    happened(kind, f"Event: NewCallerid\n{CHANNEL}\n")
    assert len(kind) == 0


def test_all_variables_of_the_channel_are_kept(parked: Parked) -> None:
    (item,) = parked.items()
    assert item.values[b"ParkeeChanVariable"] == b"FOO=1\r\nParkeeChanVariable: CDR(src)="
    raw = item.as_event(PARKED_CALL.carriers[0])
    assert raw is not None
    assert b"\r\nParkeeChanVariable: FOO=1\r\nParkeeChanVariable: CDR(src)=\r\n" in raw


def test_a_parked_call_that_ended_unseen_was_given_up(parked: Parked) -> None:
    (item,) = parked.items()
    ((first, privilege, *rest),) = texts(parked.closing(item, {"parked": parked.by_key()}))
    assert (first, privilege) == ("Event: ParkedCallGiveUp", "Privilege: call,all")
    assert rest[-2:] == ["ParkingDuration: 0", "ProxySynthetic: yes"]
    assert "ParkeeUniqueid: p1" in rest


def test_another_call_in_the_same_space_is_another_call(parked: Parked) -> None:
    (item,) = parked.items()
    assert parked.has_ended(item, None)
    assert not parked.has_ended(item, item)
    assert parked.has_ended(item, item.with_values({b"ParkeeUniqueid": b"p2"}))


def test_a_scope_judges_the_call_that_is_parked(parked: Parked) -> None:
    facts = parked.items()[0].facts()
    assert facts is not None
    assert facts.ids == (b"p1",)


def test_a_copy_goes_its_own_way_and_without_a_link_nothing_is_known(parked: Parked, clock: Clock) -> None:
    heir = Parked(clock)
    heir.inherit(parked)
    parked.forget()
    clock.now += 1
    assert values(heir, "ParkingDuration") == {"default\x00701": ("1",)}
    assert parked.items() == []


def test_an_item_of_another_list_is_none(clock: Clock) -> None:
    kind = Parked(clock)
    listed(kind, "Event: Parkinglot\nName: default")
    assert len(kind) == 0
