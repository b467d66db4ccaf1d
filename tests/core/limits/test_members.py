"""How many members one user adds to an Asterisk queue."""

import pytest

from amiproxy.ami.message import Action
from amiproxy.core.limits import members
from amiproxy.core.limits.members import Members


def member(queue: str, interface: str) -> Action:
    headers = {"Action": "QueueAdd", "Queue": queue, "Interface": interface}
    return Action((k.encode(), v.encode()) for k, v in headers.items())


def other(name: str, **headers: str) -> Action:
    return Action((k.encode(), v.encode()) for k, v in {"Action": name, **headers}.items())


@pytest.fixture
def kept() -> Members:
    kept = Members()
    assert kept.take("a", member("sales", "PJSIP/1"))
    assert kept.take("a", member("sales", "PJSIP/2"))
    return kept


@pytest.mark.parametrize(
    ("user", "action", "full"),
    [
        ("a", member("sales", "PJSIP/3"), True),
        ("a", member("SALES", "PJSIP/3"), True),
        ("a", member("sales", "pjsip/2"), False),
        ("a", member("support", "PJSIP/3"), False),
        ("b", member("sales", "PJSIP/3"), False),
    ],
)
def test_each_queue_and_user_has_its_own_count(kept, user, action, full):
    assert kept.is_full(user, action, 2) == full


def test_refused_and_removed_members_do_not_count(kept):
    third = member("sales", "PJSIP/3")
    assert not kept.take("a", member("sales", "PJSIP/2")), "it is counted already"
    kept.give_back("a", member("sales", "PJSIP/2"))
    assert not kept.is_full("a", third, 2)
    kept.take("a", third)
    kept.take("b", third)
    assert kept.is_full("a", member("sales", "PJSIP/4"), 2)
    kept.removed(third)
    assert not kept.is_full("a", member("sales", "PJSIP/4"), 2)
    assert not kept.is_full("b", member("sales", "PJSIP/4"), 1)
    kept.give_back("a", third)
    kept.removed(member("nowhere", "PJSIP/3"))


def test_memory_is_bounded_and_only_the_greediest_users_entries_are_dropped(kept, monkeypatch):
    monkeypatch.setattr(members, "_MOST", 4)
    kept.take("b", member("sales", "PJSIP/1"))
    kept.take("a", member("support", "PJSIP/1"))
    kept.take("a", member("support", "PJSIP/2"))
    assert not kept.is_full("a", member("sales", "PJSIP/3"), 2), "its oldest queue"
    assert kept.is_full("a", member("support", "PJSIP/3"), 2)
    assert kept.is_full("b", member("sales", "PJSIP/3"), 1)


ADDS = [
    other("Command", Command="queue add member PJSIP/3 to sales"),
    other("Command", Command='QUEUE  add "member" PJSIP/3 to Sales penalty 1'),
    other("Command", Command="add queue member PJSIP/3 to sales"),
    other("Originate", Channel="PJSIP/9", Application="AddQueueMember", Data="sales,PJSIP/3"),
    other("Originate", Channel="PJSIP/3", Application=" addqueuemember ", Data="sales"),
    other("AGI", Channel="PJSIP/9-00000001", Command='EXEC AddQueueMember "sales,PJSIP/3,1"'),
]


@pytest.mark.parametrize("action", ADDS, ids=lambda action: action.headers[-1][1].decode())
def test_every_way_to_add_a_member_counts(kept, action):
    assert kept.is_full("a", action, 2)
    assert kept.take("a", action)
    assert kept.is_full("a", member("sales", "PJSIP/4"), 3)
    assert not kept.is_full("a", member("sales", "PJSIP/3"), 3), "the same member"
    kept.give_back("a", action)
    assert not kept.is_full("a", member("sales", "PJSIP/4"), 3)


@pytest.mark.parametrize(
    "action",
    [
        other("Command", Command="queue show sales"),
        other("Command", Command="queue add member PJSIP/3"),
        other("Command"),
        other("Originate", Channel="PJSIP/9", Application="Queue", Data="sales,PJSIP/3"),
        other("Originate", Channel="PJSIP/9", Context="a"),
        other("AGI", Channel="x", Command="EXEC Queue sales"),
        other("AGI", Channel="x", Command="ANSWER"),
        other("Ping"),
    ],
    ids=lambda action: str(action.headers),
)
def test_actions_that_add_no_member_do_not_count(kept, action):
    assert not kept.is_full("a", action, 0)
    assert not kept.take("a", action)
