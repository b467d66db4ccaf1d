"""Conferences and their members: what lists and events of Asterisk 22 and 16 have said."""

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.history.kinds import conferences as module
from amiproxy.core.history.kinds.conferences import MEMBER, Conferences
from tests.core.history.kinds.recorded import happened, listed, messages, texts

ROOM = """
Event: ConfbridgeListRooms
Conference: r1
Parties: 2
Marked: 1
Locked: Yes
Muted: No
"""
CHANNEL = """Channel: Local/stay@lab-00000001;1
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: <unknown>
CallerIDName: <unknown>
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Language: en
AccountCode:
Context: lab
Exten: conf
Priority: 2
Uniqueid: k1
Linkedid: k1
"""
ADMIN = f"""
Event: ConfbridgeList
Conference: r1
Admin: Yes
MarkedUser: Yes
WaitMarked: No
EndMarked: No
EndMarkedAny: No
Waiting: No
Muted: No
Talking: No
AnsweredTime: 5
{CHANNEL}"""
GUEST = ADMIN.replace("Admin: Yes\nMarkedUser: Yes", "Admin: No\nMarkedUser: No").replace("k1", "k2")
BRIDGE = """Conference: r1
BridgeUniqueid: f8a1d55f
BridgeType: base
BridgeTechnology: softmix
BridgeCreator: ConfBridge
BridgeName: r1
BridgeNumChannels: 2
BridgeVideoSourceMode: none
"""
START = f"Event: ConfbridgeStart\nPrivilege: call,all\n{BRIDGE}\n"
JOIN = f"Event: ConfbridgeJoin\nPrivilege: call,all\n{BRIDGE}{CHANNEL}Admin: No\nMuted: Yes\n\n"
LEAVE = JOIN.replace("ConfbridgeJoin", "ConfbridgeLeave")
END = START.replace("ConfbridgeStart", "ConfbridgeEnd")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kind(clock: Clock) -> Conferences:
    return Conferences(clock)


def rooms(kind: Conferences) -> list[str]:
    names = (b"Conference", b"Parties", b"Marked", b"Locked", b"Muted")
    return [
        " ".join(item.values.get(name, b"?").decode() for name in names)
        for item in kind.items()
        if item.form is not MEMBER
    ]


def members(kind: Conferences, *names: str) -> list[str]:
    return [
        " ".join(item.values.get(name.encode(), b"?").decode() for name in names)
        for item in kind.items()
        if item.form is MEMBER
    ]


def test_the_members_of_each_conference_are_asked_for(kind: Conferences) -> None:
    seeds = kind.further(messages(ROOM + ROOM.replace("r1", "r2") + ROOM.replace("Conference: r1\n", "")))
    assert [seed.action for seed in seeds] == [
        Action([(b"Action", b"ConfbridgeList"), (b"Conference", name)]) for name in (b"r1", b"r2")
    ]
    assert all(seed.optional for seed in (*kind.lists, *seeds))


def test_the_lists_tell_conferences_and_members(kind: Conferences, clock: Clock) -> None:
    listed(kind, ROOM + ROOM.replace("r1", "r2") + ADMIN + GUEST)
    clock.now += 7
    assert [item.event for item in kind.items()] == [
        b"ConfbridgeListRooms",
        b"ConfbridgeList",
        b"ConfbridgeList",
        b"ConfbridgeListRooms",
    ]
    assert rooms(kind) == ["r1 2 1 Yes No", "r2 0 1 Yes No"]
    assert members(kind, "Uniqueid", "Admin", "AnsweredTime") == ["k1 Yes 12", "k2 No 12"]


def test_a_conference_starts_is_joined_left_and_ends(kind: Conferences) -> None:
    happened(kind, START)
    assert rooms(kind) == ["r1 0 0 No No"]
    happened(kind, JOIN * 2)
    assert rooms(kind) == ["r1 1 0 No No"]
    assert members(kind, "Admin", "Muted", "Talking", "MarkedUser") == ["No Yes No ?"]
    assert kind.is_outdated  # only the list has the rest
    happened(kind, LEAVE * 2)
    assert rooms(kind) == ["r1 0 0 No No"]
    kind.is_outdated = False
    happened(kind, END * 2)
    assert kind.items() == []
    assert not kind.is_outdated


def test_a_conference_that_ends_takes_its_members_along(kind: Conferences) -> None:
    listed(kind, ROOM + ADMIN + GUEST.replace("r1", "r2"))
    happened(kind, END)
    assert members(kind, "Conference") == ["r2"]
    assert kind.is_outdated


def test_the_marked_member_that_leaves_is_counted(kind: Conferences) -> None:
    listed(kind, ROOM + ADMIN + GUEST)
    happened(kind, LEAVE)
    assert rooms(kind) == ["r1 1 0 Yes No"]
    listed(kind, ADMIN)
    happened(kind, LEAVE)
    assert kind.items() == []


def test_members_are_muted_and_talk(kind: Conferences) -> None:
    listed(kind, ROOM + ADMIN)
    happened(kind, JOIN.replace("Join", "Mute").replace("Muted: Yes\n", ""))
    assert members(kind, "Muted") == ["Yes"]
    happened(kind, JOIN.replace("Join", "Unmute").replace("Muted: Yes\n", ""))
    happened(kind, JOIN.replace("Join", "Talking").replace("Muted: Yes", "TalkingStatus: on"))
    assert members(kind, "Muted", "Talking") == ["No Yes"]
    happened(kind, JOIN.replace("Join", "Talking").replace("Muted: Yes", "TalkingStatus: off"))
    assert members(kind, "Talking") == ["No"]


def test_the_channel_is_as_its_events_say(kind: Conferences) -> None:
    changed = f"Event: NewCallerid\n{CHANNEL.replace('CallerIDNum: <unknown>', 'CallerIDNum: 5551')}\n"
    happened(kind, changed)
    listed(kind, ROOM + ADMIN + "ChanVariable: A=1\nChanVariable: B=2\n")
    happened(kind, changed + changed.replace("k1", "k9"))
    happened(kind, "Event: Rename\nChannel: x\nNewname: Local/y-1;1\nUniqueid: k1\n")
    happened(kind, "Event: Rename\nChannel: x\nNewname: Local/z-1;1\nUniqueid: other\n")
    assert members(kind, "Channel", "CallerIDNum") == ["Local/y-1;1 5551"]
    (item,) = [item for item in kind.items() if item.form is MEMBER]
    assert item.values[b"ChanVariable"] == b"A=1\r\nChanVariable: B=2"


def test_forged_headers_tell_nothing(kind: Conferences) -> None:
    happened(kind, START + START.replace("Conference: r1\n", "Conference: r1\nConference: r2\n"))
    happened(kind, JOIN.replace("Language: en", "Language: en\nUniqueid: k9"))
    happened(kind, JOIN.replace("Language: en", "Language: en\nConference: r9"))
    assert rooms(kind) == ["r1 0 0 No No"]


def test_what_ends_unseen_has_its_native_events(kind: Conferences) -> None:
    happened(kind, START + JOIN)
    room, member = kind.items()
    ((*leave,),) = texts(kind.closing(member, {}))
    assert leave[:4] == [
        "Event: ConfbridgeLeave",
        "Privilege: call,all",
        "Conference: r1",
        "BridgeUniqueid: f8a1d55f",
    ]
    assert leave[-2:] == ["Admin: No", "ProxySynthetic: yes"]
    assert "Uniqueid: k1" in leave
    ((*end,),) = texts(kind.closing(room, {}))
    assert end[0] == "Event: ConfbridgeEnd"
    assert end[-1] == "ProxySynthetic: yes"


def test_a_scope_judges_a_conference_by_its_bridge_or_by_its_members(kind: Conferences) -> None:
    listed(kind, ROOM)
    assert kind.items()[0].facts() == module.CallFacts((), (), (), (), (), b"", unclear=True)
    listed(kind, ROOM + ADMIN)
    room, member = [item.facts() for item in kind.items()]
    assert room is not None
    assert member is not None
    assert room.ids == member.ids == (b"k1",)
    happened(kind, START)
    room = kind.items()[0].facts()
    assert room is not None
    assert room.ids == (b"f8a1d55f",)


def test_bridges_of_conferences_that_are_gone_are_forgotten(
    kind: Conferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_BRIDGES", 2)
    happened(kind, START + START.replace("r1", "r2"))
    listed(kind, ROOM)
    happened(kind, START.replace("r1", "r3"))
    assert [*kind._bridges] == [b"r1", b"r3"]


def test_talking_is_written_as_asterisk_does(kind: Conferences) -> None:
    listed(kind, ROOM + ADMIN + GUEST.replace("Talking: No", "Talking: Yes"))
    talking = next(each for each in MEMBER.carriers if each.event == b"ConfbridgeTalking")
    raws = [item.as_event(talking) for item in kind.items() if item.form is MEMBER]
    assert [
        raw is not None and raw.endswith(b"TalkingStatus: " + word + b"\r\n\r\n")
        for raw, word in zip(raws, (b"off", b"on"), strict=True)
    ] == [True, True]


def test_a_copy_goes_its_own_way_and_without_a_link_nothing_is_known(kind: Conferences, clock: Clock) -> None:
    happened(kind, START + JOIN)
    heir = Conferences(clock)
    heir.inherit(kind)
    kind.forget()
    happened(heir, LEAVE)
    assert rooms(heir) == ["r1 0 0 No No"]
    assert kind.items() == []


def test_an_item_of_another_list_is_none(kind: Conferences) -> None:
    listed(kind, "Event: BridgeListItem\nConference: r1")
    assert len(kind) == 0
