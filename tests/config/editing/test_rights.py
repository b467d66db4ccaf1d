"""Granting and taking away rights: the keys of an entry that change."""

from typing import Any

import pytest

from amiproxy.config import Unfit
from amiproxy.config.editing.rights import RIGHTS, granted, withdrawn
from amiproxy.core.model.acl import AccessList

OFFICE = ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]


@pytest.mark.parametrize(
    ("entry", "asked", "changes"),
    [
        ({}, {"read": ["call"]}, {"read": ["call"]}),
        ({"read": ["call"]}, {"read": ["call", "cdr"]}, {"read": ["call", "cdr"]}),
        ({"read": ["call"]}, {"read": ["call"]}, {}),
        ({"read": "call, agent"}, {"read": ["cdr"]}, {"read": "call,agent,cdr"}),
        ({"read": "none"}, {"read": ["cdr"]}, {"read": "cdr"}),
        ({"read": "all"}, {"read": ["cdr"]}, {}),
        ({"read": ["call"]}, {"read": ["all"]}, {"read": ["all"]}),
        ({}, {"read": ["call"], "write": ["originate"]}, {"read": ["call"], "write": ["originate"]}),
        ({}, {"hosts": ["a.b"], "certificate": ["dns:a"]}, {"hosts": ["a.b"], "certificate": ["dns:a"]}),
        ({"contexts": ["a"]}, {"contexts": ["b", "a"]}, {"contexts": ["a", "b"]}),
        ({"contexts": []}, {"contexts": ["b"]}, {"contexts": ["b"]}),
        ({}, {"doors": ["ajam", "ws"]}, {"doors": ["ami", "ajam", "ws"]}),
        ({}, {"doors": ["ami"]}, {}),
        ({"doors": ["ws"]}, {"doors": ["api"]}, {"doors": ["ws", "api"]}),
        ({}, {"actions": ["Ping"]}, {}),
        ({"actions": {"allow": ["X"]}}, {"actions": ["Ping"]}, {"actions": {"allow": ["X", "Ping"]}}),
        ({"actions": {"allow": ["Q*"]}}, {"actions": ["QueueAdd"]}, {}),
        ({"actions": {"deny": ["Ping", "X"]}}, {"actions": ["ping"]}, {"actions": {"deny": ["X"]}}),
        ({"actions": {"deny": ["Ping"]}}, {"actions": ["Ping"]}, {"actions": None}),
        ({}, {"acl": ["10.0.0.0/8"]}, {}),
        ({"acl": OFFICE}, {"acl": ["10.1.2.3"]}, {}),
        ({"acl": OFFICE}, {"acl": ["192.0.2.7"]}, {"acl": [*OFFICE, "permit 192.0.2.7"]}),
        ({"acl": ["deny 192.0.2.7"]}, {"acl": ["192.0.2.7"]}, {"acl": None}),
        ({"acl": [*OFFICE, "deny 10.1.0.0/16"]}, {"acl": ["permit 10.1.0.0/16"]}, {"acl": OFFICE}),
        ({"scope": {"channels": ["PJSIP/1"]}}, {"scope-channels": ["PJSIP/2"]},
         {"scope": {"channels": ["PJSIP/1", "PJSIP/2"]}}),
        ({"scope": {"channels": ["PJSIP/1"]}}, {"scope-contexts": ["a"]},
         {"scope": {"channels": ["PJSIP/1"], "contexts": ["a"]}}),
    ],
)  # fmt: skip
def test_granting_adds_what_is_missing(entry: Any, asked: Any, changes: Any) -> None:
    assert granted(entry, asked) == changes


@pytest.mark.parametrize(
    ("entry", "asked", "changes"),
    [
        ({"read": ["call", "cdr"]}, {"read": ["agent"]}, {"read": ["agent"]}),
        ({"write": "all"}, {"write": ["agent"]}, {"write": "agent"}),
        ({}, {"contexts": ["a"]}, {"contexts": ["a"]}),
        ({"contexts": ["b"]}, {"contexts": ["a"]}, {"contexts": ["a"]}),
        ({}, {"actions": ["Ping"]}, {"actions": {"allow": ["Ping"]}}),
        ({"actions": {"deny": ["Ping", "X"]}}, {"actions": ["Ping"]},
         {"actions": {"deny": ["X"], "allow": ["Ping"]}}),
        ({}, {"acl": ["10.0.0.0/8"]}, {"acl": OFFICE}),
        ({}, {"doors": ["ajam"]}, {"doors": ["ajam"]}),
        ({}, {"scope-accountcodes": ["a,b"]}, {"scope": {"accountcodes": ["a,b"]}}),
    ],
)  # fmt: skip
def test_granting_only_these_replaces_each_list(entry: Any, asked: Any, changes: Any) -> None:
    assert granted(entry, asked, only=True) == changes


@pytest.mark.parametrize("name", [right.name for right in RIGHTS if right.without and right.name != "doors"])
def test_a_grant_that_would_narrow_the_rights_is_refused(name: str) -> None:
    with pytest.raises(Unfit) as refused:
        granted({}, {name: ["x"]})
    assert "--only" in refused.value.remedy
    assert granted({}, {name: ["x"]}, only=True)


@pytest.mark.parametrize(
    ("entry", "asked", "changes"),
    [
        ({"read": ["call", "cdr"]}, {"read": ["cdr"]}, {"read": ["call"]}),
        ({"read": "call,cdr"}, {"read": ["cdr"]}, {"read": "call"}),
        ({"read": "call"}, {"read": ["call"]}, {"read": "none"}),
        ({"read": ["call"]}, {"read": ["agent"]}, {}),
        ({"write": ["call"]}, {"write": ["all"]}, {"write": []}),
        ({"contexts": ["a", "b"]}, {"contexts": ["A"]}, {"contexts": ["b"]}),
        ({"contexts": ["a"]}, {"contexts": ["a"]}, {"contexts": []}),
        ({"hosts": ["a.b"]}, {"hosts": ["a.b"]}, {"hosts": None}),
        ({}, {"hosts": ["a.b"]}, {}),
        ({}, {"actions": ["Ping"]}, {"actions": {"deny": ["Ping"]}}),
        ({"actions": {"allow": ["Ping", "Q*"]}}, {"actions": ["ping"]}, {"actions": {"allow": ["Q*"]}}),
        ({"actions": {"allow": ["Q*"]}}, {"actions": ["QueueAdd"]},
         {"actions": {"allow": ["Q*"], "deny": ["QueueAdd"]}}),
        ({"actions": {"deny": ["Q*"]}}, {"actions": ["QueueAdd"]}, {}),
        ({}, {"acl": ["192.0.2.7"]}, {"acl": ["deny 192.0.2.7"]}),
        ({"acl": OFFICE}, {"acl": ["10.0.0.0/8"]}, {"acl": ["deny 0.0.0.0/0"]}),
        ({"acl": OFFICE}, {"acl": ["10.1.0.0/16"]}, {"acl": [*OFFICE, "deny 10.1.0.0/16"]}),
        ({"acl": OFFICE}, {"acl": ["192.0.2.7", "2001:db8::/32"]}, {}),
        ({"scope": {"channels": ["PJSIP/1"]}}, {"scope-channels": ["PJSIP/1"]}, {"scope": {"channels": []}}),
    ],
)  # fmt: skip
def test_withdrawing_takes_away_what_is_there(entry: Any, asked: Any, changes: Any) -> None:
    assert withdrawn(entry, asked) == changes


def test_part_of_all_classes_can_be_withdrawn() -> None:
    assert withdrawn({"write": ["all"]}, {"write": ["system", "config"]})["write"][:3] == [
        "call",
        "log",
        "verbose",
    ]
    assert "system" not in withdrawn({"write": "all"}, {"write": ["system"]})["write"].split(",")


@pytest.mark.parametrize(
    ("entry", "asked", "said"),
    [
        ({}, {"contexts": ["a"]}, "--only --contexts"),
        ({"channels": ["PJSIP/1*"]}, {"channels": ["PJSIP/100"]}, "PJSIP/1*"),
        ({"commands": ["core show"]}, {"commands": ["core show uptime"]}, "core show"),
        ({}, {"read": ["cal"]}, "'cal' is not a privilege class"),
        ({"acl": OFFICE}, {"acl": ["permit 10.0.0.0/8"]}, "says the opposite"),
        ({"acl": OFFICE}, {"acl": ["!10.0.0.0/8"]}, "says the opposite"),
        ({"acl": OFFICE}, {"acl": ["nowhere"]}, "is not a network"),
    ],
)
def test_what_cannot_be_withdrawn_is_refused(entry: Any, asked: Any, said: str) -> None:
    with pytest.raises(Unfit) as refused:
        withdrawn(entry, asked)
    assert said in f"{refused.value} {refused.value.remedy}"


def test_a_pattern_that_denies_an_action_is_not_changed_by_a_grant() -> None:
    with pytest.raises(Unfit, match=r"Queue\*"):
        granted({"actions": {"deny": ["Queue*"]}}, {"actions": ["QueueAdd"]})


@pytest.mark.parametrize("network", ["192.0.2.0/24", "10.1.2.3", "2001:db8::/32"])
@pytest.mark.parametrize(
    "acl", [[], OFFICE, ["deny 192.0.2.7"], [*OFFICE, "deny 10.1.0.0/16"], ["deny ::/0"]]
)
def test_the_acl_says_for_each_address_what_was_asked_last(acl: list[str], network: str) -> None:
    address = network.partition("/")[0]
    entry: dict[str, Any] = {"acl": acl} if acl else {}
    for verb, allows in ((granted, True), (withdrawn, False), (granted, True)):
        entry = {**entry, **verb(entry, {"acl": [network]})}
        assert AccessList.from_lines(entry.get("acl") or ()).allows(address) is allows
        assert verb(entry, {"acl": [network]}) == {}


@pytest.mark.parametrize(
    ("entry", "doors", "changes"),
    [
        ({"doors": ["ami", "ws"]}, ["ws"], {"doors": ["ami"]}),
        ({"doors": ["ws"]}, ["ws"], {"doors": []}),  # which no entry may have: it would mean none
        ({}, ["ws"], {}),
        ({}, ["ami"], {"doors": []}),
    ],
)
def test_taking_away_the_last_door_does_not_give_that_of_ami(entry: Any, doors: Any, changes: Any) -> None:
    assert withdrawn(entry, {"doors": doors}) == changes
