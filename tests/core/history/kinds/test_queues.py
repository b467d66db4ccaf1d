"""Queues, their members and callers: what lists and events of Asterisk 22 and 16 have said."""

import pytest

from amiproxy.core.history.kinds.queueforms import CALLER, MEMBER, QUEUE
from amiproxy.core.history.kinds.queues import Queues
from amiproxy.core.history.state.item import Item
from tests.core.history.kinds.recorded import happened, listed, texts

EMPTY = """
Event: QueueParams
Queue: sales
Max: 0
Strategy: rrmemory
Calls: 0
Holdtime: 8
TalkTime: 20
Completed: 4
Abandoned: 1
ServiceLevel: 5
ServicelevelPerf: 50.0
ServicelevelPerf2: 60.0
Weight: 0

Event: QueueMember
Queue: sales
Name: Ann
Location: Local/ann@lab/n
StateInterface: Custom:ann
Membership: static
Penalty: 0
CallsTaken: 4
LastCall: 1796059920
LastPause: 0
LoginTime: 1796059917
InCall: 0
Status: 1
Paused: 0
PausedReason:
Wrapuptime: 0
"""
CALLER_1 = """
Event: QueueEntry
Queue: sales
Position: 1
Channel: Local/stay@lab-00000001;1
Uniqueid: 7.1
CallerIDNum: 5551
CallerIDName: unknown
ConnectedLineNum: unknown
ConnectedLineName: unknown
Wait: 10
Priority: 5
"""
CALLER_2 = (
    CALLER_1.replace("Position: 1", "Position: 2").replace("00000001", "00000002").replace("7.1", "7.2")
)
MEMBER_EVENT = """
Event: QueueMemberStatus
Privilege: agent,all
Queue: sales
MemberName: Ann
Interface: Local/ann@lab/n
StateInterface: Custom:ann
Membership: static
Penalty: 0
CallsTaken: 4
LastCall: 1796059920
LastPause: 0
LoginTime: 1796059917
InCall: 0
Status: 1
Paused: 0
PausedReason:
Ringinuse: 1
Wrapuptime: 0
"""


def channel(number: int) -> str:
    return f"""Channel: Local/stay@lab-0000000{number};1
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 555{number}
CallerIDName: <unknown>
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Language: en
AccountCode:
Context: lab
Exten: queue
Priority: 2
Uniqueid: 7.{number}
Linkedid: 7.{number}
"""


def joined(number: int, position: int, count: int, queue: str = "sales") -> str:
    return (
        f"Event: QueueCallerJoin\nPrivilege: agent,all\n{channel(number)}"
        f"Queue: {queue}\nPosition: {position}\nCount: {count}\n\n"
    )


def left(number: int, position: int, count: int) -> str:
    return joined(number, position, count).replace("QueueCallerJoin", "QueueCallerLeave")


def abandoned(number: int, held: int) -> str:
    return (
        f"Event: QueueCallerAbandon\nPrivilege: agent,all\n{channel(number)}"
        f"Queue: sales\nPosition: 1\nOriginalPosition: 1\nHoldTime: {held}\n\n"
    )


def connected(number: int, held: int = 3) -> str:
    return (
        f"Event: AgentConnect\nPrivilege: agent,all\n{channel(number)}DestChannel: Local/ann@lab-9;1\n"
        f"DestUniqueid: 9.{number}\nQueue: sales\nInterface: Local/ann@lab/n\nMemberName: Ann\n"
        f"HoldTime: {held}\nRingTime: 1\n\n"
    )


def completed(number: int, talked: int = 40) -> str:
    text = connected(number).replace("AgentConnect", "AgentComplete").rstrip()
    return f"{text}\nTalkTime: {talked}\nReason: agent\n\n"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queues(clock: Clock) -> Queues:
    kind = Queues(clock)
    listed(kind, EMPTY)
    return kind


def params(kind: Queues, *names: str) -> list[str]:
    item = next(item for item in kind.items() if item.form is QUEUE)
    return [item.values.get(name.encode(), b"?").decode() for name in names]


def member(kind: Queues, *names: str) -> list[str]:
    item = next(item for item in kind.items() if item.form is MEMBER)
    return [item.values.get(name.encode(), b"?").decode() for name in names]


def callers(kind: Queues, *names: str) -> list[str]:
    wanted = names or ("Uniqueid", "Position")
    return [
        " ".join(item.values.get(name.encode(), b"?").decode() for name in wanted)
        for item in kind.items()
        if item.form is CALLER
    ]


def test_a_caller_that_joins_is_counted_and_has_a_place(queues: Queues, clock: Clock) -> None:
    happened(queues, joined(1, 1, 1))
    clock.now += 4.5
    happened(queues, joined(2, 2, 2))
    assert params(queues, "Calls") == ["2"]
    names = ("Position", "CallerIDNum", "CallerIDName", "Wait", "Priority")
    assert callers(queues, *names) == ["1 5551 unknown 4 ?", "2 5552 unknown 0 ?"]
    assert not queues.is_outdated


def test_a_caller_of_a_higher_priority_moves_the_others_back(queues: Queues) -> None:
    happened(queues, joined(1, 1, 1) + joined(2, 2, 2) + joined(3, 1, 3))
    assert callers(queues) == ["7.3 1", "7.1 2", "7.2 3"]


def test_those_behind_a_caller_that_leaves_move_up(queues: Queues) -> None:
    happened(queues, joined(1, 1, 1) + joined(2, 2, 2) + joined(3, 3, 3) + left(2, 2, 2))
    assert callers(queues) == ["7.1 1", "7.3 2"]
    assert params(queues, "Calls", "Abandoned") == ["2", "1"]


def test_a_caller_that_gives_up_is_counted_once(queues: Queues) -> None:
    happened(queues, joined(1, 1, 1) + abandoned(1, 3) + abandoned(1, 3))
    assert params(queues, "Abandoned", "ServicelevelPerf", "ServicelevelPerf2") == ["2", "50.0", "66.7"]
    happened(queues, left(1, 1, 0))
    assert callers(queues) == []
    happened(queues, joined(1, 1, 1) + abandoned(1, 30))
    assert params(queues, "Abandoned", "ServicelevelPerf2") == ["3", "57.1"]


def test_a_list_that_is_ahead_of_the_events_is_not_undone(queues: Queues) -> None:
    listed(queues, EMPTY + CALLER_1.replace("7.1", "7.3").replace("00000001", "00000003"))
    # When caller 3 joined, two others were before it, who have left since.
    happened(queues, joined(3, 3, 3) + left(1, 1, 2) + abandoned(2, 9) + left(2, 1, 1))
    assert callers(queues) == ["7.3 1"]
    assert params(queues, "Calls", "Abandoned") == ["0", "1"]


def test_a_count_that_does_not_fit_has_the_list_asked_again(queues: Queues) -> None:
    happened(queues, joined(1, 2, 2))
    assert queues.is_outdated
    queues.is_outdated = False
    happened(queues, left(1, 2, 0))
    assert not queues.is_outdated


def test_a_caller_that_is_bridged_without_having_left_is_gone(queues: Queues) -> None:
    happened(queues, joined(1, 1, 1) + joined(2, 2, 2))
    happened(queues, f"Event: BridgeEnter\nBridgeUniqueid: b\n{channel(1)}\n")
    assert callers(queues) == ["7.2 1"]
    assert params(queues, "Calls", "Abandoned") == ["1", "2"]
    happened(queues, f"Event: BridgeEnter\nBridgeUniqueid: b\n{channel(9)}\n")
    assert callers(queues) == ["7.2 1"]


def test_a_channel_that_ends_in_a_queue_was_replaced_by_another(queues: Queues) -> None:
    happened(queues, f"Event: Hangup\n{channel(1)}\n")
    assert not queues.is_outdated
    happened(queues, joined(1, 1, 1) + f"Event: Hangup\n{channel(1)}\n")
    assert queues.is_outdated
    assert callers(queues) == [], "a snapshot must not show it: no event would end it"


def test_a_caller_has_its_present_name_and_number(queues: Queues) -> None:
    new = channel(1).replace("5551", "999")
    happened(queues, f"Event: NewCallerid\n{new}\n")
    happened(queues, joined(1, 1, 1) + f"Event: NewCallerid\n{new}\n")
    happened(queues, f"Event: NewConnectedLine\n{channel(4)}\n")
    happened(queues, "Event: Rename\nChannel: x\nNewname: Local/z-1\nUniqueid: other\n")
    happened(queues, "Event: Rename\nChannel: Local/stay@lab-00000001;1\nNewname: Local/x-1\nUniqueid: 7.1\n")
    assert callers(queues, "Channel", "CallerIDNum") == ["Local/x-1 999"]


def test_a_caller_in_two_queues_leaves_each_alone(queues: Queues) -> None:
    happened(queues, joined(1, 1, 1) + joined(1, 1, 1, "other"))
    assert queues.is_outdated  # an unknown queue
    happened(queues, left(1, 1, 0))
    assert [item.values[b"Queue"] for item in queues.items() if item.form is CALLER] == [b"other"]
    happened(queues, left(1, 1, 0).replace("Queue: sales", "Queue: other"))
    assert callers(queues) == []


def test_a_header_that_a_caller_forges_tells_nothing(queues: Queues) -> None:
    forged = joined(1, 1, 1).replace("CallerIDNum: 5551", "CallerIDNum: 5551\nQueue: other")
    happened(queues, forged)
    assert len(queues) == 2
    assert queues.is_outdated
    happened(queues, MEMBER_EVENT.replace("MemberName: Ann", "MemberName: Ann\nQueue: other"))
    assert len(queues) == 2


def test_an_event_of_a_member_tells_all_of_it(queues: Queues) -> None:
    changed = MEMBER_EVENT.replace("Penalty: 0", "Penalty: 3").replace("Status: 1", "Status: 2")
    happened(queues, changed.replace("Paused: 0\nPausedReason:", "Paused: 1\nPausedReason: lunch"))
    assert member(queues, "Penalty", "Status", "Paused", "PausedReason") == ["3", "2", "1", "lunch"]


def test_the_reason_of_the_end_of_a_pause_is_not_kept(queues: Queues) -> None:
    happened(
        queues, MEMBER_EVENT.replace("PausedReason:", "PausedReason: back").replace("Status\n", "Pause\n")
    )
    assert member(queues, "Paused", "PausedReason") == ["0", ""]


def test_members_come_and_go(queues: Queues) -> None:
    new = MEMBER_EVENT.replace("QueueMemberStatus", "QueueMemberAdded").replace("ann", "bob")
    happened(queues, new.replace("static", "realtime"))
    assert [item.values[b"Membership"] for item in queues.items() if item.form is MEMBER] == [b"static"] * 2
    happened(queues, new.replace("QueueMemberAdded", "QueueMemberRemoved"))
    happened(queues, new.replace("QueueMemberAdded", "QueueMemberRemoved"))
    assert member(queues, "Name") == ["Ann"]
    assert not queues.is_outdated
    happened(queues, new.replace("Queue: sales", "Queue: realtime"))
    assert queues.is_outdated
    assert [item.values[b"Queue"] for item in queues.items() if item.form is QUEUE] == [b"sales", b"realtime"]


def test_a_call_is_counted_when_it_ends(queues: Queues) -> None:
    happened(queues, connected(1, held=3) + connected(1, held=3))
    assert member(queues, "InCall", "CallsTaken") == ["1", "4"]
    assert params(queues, "Holdtime", "Completed") == ["6", "4"]
    happened(queues, completed(1, talked=40) * 2)
    assert member(queues, "InCall", "CallsTaken") == ["0", "5"]
    names = ("Completed", "TalkTime", "ServicelevelPerf", "ServicelevelPerf2")
    assert params(queues, *names) == ["5", "25", "60.0", "66.7"]
    happened(queues, connected(2, held=30) + completed(2))
    assert params(queues, "Completed", "ServicelevelPerf") == ["6", "50.0"]


def test_the_first_call_sets_the_averages() -> None:
    kind = Queues(lambda: 0.0)
    listed(kind, EMPTY.replace("Completed: 4", "Completed: 0").replace("Abandoned: 1", "Abandoned: 0"))
    happened(kind, connected(1, held=3) + completed(1, talked=11))
    assert params(kind, "Holdtime", "TalkTime", "Completed") == ["3", "11", "1"]


def test_the_state_of_a_member_may_tell_first_that_a_call_has_ended(queues: Queues) -> None:
    happened(queues, connected(1))
    happened(queues, MEMBER_EVENT.replace("InCall: 0", "InCall: 1"))
    assert params(queues, "Completed") == ["4"]
    happened(queues, MEMBER_EVENT.replace("CallsTaken: 4", "CallsTaken: 5"))
    assert params(queues, "Completed") == ["5"]
    happened(queues, completed(1))
    assert params(queues, "Completed") == ["5"]
    assert member(queues, "CallsTaken") == ["5"]


def test_a_call_that_began_before_the_list_is_counted(queues: Queues) -> None:
    listed(queues, EMPTY.replace("InCall: 0", "InCall: 1"))
    happened(queues, completed(1))
    assert params(queues, "Completed", "ServicelevelPerf") == ["5", "40.0"]


def test_of_two_calls_at_a_time_the_last_is_counted(queues: Queues) -> None:
    happened(queues, connected(1) + connected(2) + completed(1))
    assert member(queues, "InCall", "CallsTaken") == ["1", "4"]
    happened(queues, completed(2))
    assert member(queues, "InCall", "CallsTaken") == ["0", "5"]


def test_a_call_whose_channels_were_optimised_away_is_still_known(queues: Queues) -> None:
    happened(queues, connected(1) + connected(2))
    happened(queues, completed(3) + completed(4))
    assert member(queues, "InCall", "CallsTaken") == ["0", "5"]


def test_a_member_that_is_removed_during_a_call_counts_it_for_the_queue_only(queues: Queues) -> None:
    happened(queues, connected(1) + connected(2))
    happened(queues, MEMBER_EVENT.replace("Status\n", "Removed\n"))
    happened(queues, MEMBER_EVENT.replace("Status\n", "Added\n"))
    heir = Queues(lambda: 0.0)
    heir.inherit(queues)
    for kind in (queues, heir):
        happened(kind, completed(1) + completed(2) + completed(2))
        assert params(kind, "Completed") == ["5"]
        assert member(kind, "InCall", "CallsTaken") == ["0", "4"]


def test_items_without_a_queue_or_of_another_list_are_none(queues: Queues) -> None:
    listed(queues, "Event: QueueMember\nName: Ann\n\nEvent: QueueSummary\nQueue: sales")
    assert len(queues) == 0


def test_a_caller_of_a_queue_that_no_list_had_comes_and_goes(queues: Queues) -> None:
    listed(queues, CALLER_1)
    happened(
        queues, joined(2, 2, 2).replace("Uniqueid: 7.2", "Uniqueid: 7.1") + abandoned(1, 1) + left(1, 1, 0)
    )
    assert len(queues) == 0


def test_calls_of_unknown_members_and_queues_tell_nothing() -> None:
    kind = Queues(lambda: 0.0)
    happened(kind, connected(1) + completed(1))
    assert len(kind) == 0
    listed(kind, EMPTY.split("Event: QueueMember", maxsplit=1)[0])
    happened(kind, connected(1) + completed(1) + abandoned(1, 1))
    assert params(kind, "Completed", "Abandoned") == ["4", "1"]


def test_members_of_a_queue_that_no_list_had_are_counted(queues: Queues) -> None:
    listed(
        queues, "Event: QueueMember" + EMPTY.split("Event: QueueMember")[1].replace("InCall: 0", "InCall: 1")
    )
    happened(queues, completed(1))
    assert [item.values[b"CallsTaken"] for item in queues._items.values()] == [b"5"]


def test_items_are_in_the_order_of_the_list(queues: Queues) -> None:
    listed(queues, EMPTY + CALLER_1 + CALLER_2)
    happened(queues, joined(3, 1, 3) + MEMBER_EVENT.replace("ann", "bob"))
    shown = [item.event.decode() + item.values.get(b"Position", b"").decode() for item in queues.items()]
    assert shown == ["QueueParams", "QueueMember", "QueueMember", "QueueEntry1", "QueueEntry2", "QueueEntry3"]
    assert callers(queues, "Uniqueid", "Wait", "Priority") == ["7.3 0 ?", "7.1 10 5", "7.2 10 5"]


def test_what_ends_unseen_has_its_native_event(queues: Queues) -> None:
    listed(queues, EMPTY + CALLER_1 + CALLER_2)
    before = {"queues": queues.by_key()}
    raws = [raw for item in reversed(queues.items()) for raw in queues.closing(item, before)]
    second, first, removed = texts(raws)
    assert removed[:3] == ["Event: QueueMemberRemoved", "Privilege: agent,all", "Queue: sales"]
    assert removed[-1] == "ProxySynthetic: yes"
    assert "Interface: Local/ann@lab/n" in removed
    assert "Uniqueid: 7.1" in first
    assert "CallerIDName: <unknown>" in first
    assert first[-4:] == ["Queue: sales", "Position: 1", "Count: 0", "ProxySynthetic: yes"]
    assert second[-4:] == ["Queue: sales", "Position: 2", "Count: 1", "ProxySynthetic: yes"]


def test_scopes_judge_a_caller_by_its_call_a_member_by_its_device_and_hide_the_queue(queues: Queues) -> None:
    listed(queues, EMPTY + CALLER_1)
    queue, ann, caller = [item.facts() for item in queues.items()]
    assert queue is not None
    assert queue.unclear
    assert ann is not None
    assert ann.devices == (b"Local/ann@lab/n", b"Custom:ann")
    assert caller is not None
    assert caller.ids == (b"7.1",)


def test_an_event_of_a_caller_is_written_as_asterisk_does(queues: Queues) -> None:
    listed(queues, EMPTY + CALLER_1)
    item: Item = queues.items()[-1]
    raw = item.as_event(CALLER.carriers[0])
    assert raw is not None
    assert b"\r\nCallerIDName: <unknown>\r\n" in raw


def test_nothing_is_known_without_a_link(queues: Queues) -> None:
    happened(queues, joined(1, 1, 1))
    queues.forget()
    assert queues.items() == []
    happened(queues, left(1, 1, 0))
    assert len(queues) == 0
