"""Who may take snapshots, resume and ask for numbered events."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from amiproxy.ami.actions import HISTORY, SHIPPED, Listed
from amiproxy.ami.message import parse_action
from amiproxy.core.model.rules import Rules
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow, Deny, Judged, decide, judge, may_run

GIVEN = User("board", history=True)
NOT_GIVEN = User("board", write=0x7FFFFFFF)


def with_actions(names: dict[str, Any], *, history: bool = True) -> Judged:
    return SimpleNamespace(write=0, history=history, rules=msgspec.convert({"actions": names}, Rules))


@pytest.mark.parametrize("name", ["ProxySnapshot", "proxyRESUME"])
def test_a_user_with_history_needs_no_class(name: str) -> None:
    action = parse_action(f"Action: {name}\nFrom: x\nKinds: channels\n\n".encode())
    assert decide(GIVEN, action, SHIPPED) == Allow(action, "history", privileged=False)
    denied = decide(NOT_GIVEN, action, SHIPPED)
    assert isinstance(denied, Deny)
    assert denied.text == b"Permission denied"
    assert denied.rule == "history"
    assert "history: true" in denied.hint


@pytest.mark.parametrize(
    ("names", "rule"),
    [({"allow": []}, ""), ({"deny": ["ProxyResume"]}, "actions"), ({"deny": ["*"]}, "actions")],
)
def test_a_users_actions_can_only_take_it_away(names: dict[str, Any], rule: str) -> None:
    action = parse_action(b"Action: ProxyResume\n\n")
    verdict = decide(with_actions(names), action, SHIPPED)
    assert (verdict.rule if isinstance(verdict, Deny) else "") == rule
    assert may_run(with_actions(names), HISTORY[b"proxyresume"]) is not bool(rule)
    assert isinstance(decide(with_actions(names, history=False), action, SHIPPED), Deny)


def test_each_step_is_shown() -> None:
    action = parse_action(b"Action: ProxySnapshot\n\n")
    assert [(step.check, step.deny) for step in judge(GIVEN, action, SHIPPED)] == [("history", None)]
    (step,) = judge(NOT_GIVEN, action, SHIPPED)
    assert step.deny == decide(NOT_GIVEN, action, SHIPPED)


def test_another_proxy_in_asterisks_place_changes_nothing() -> None:
    listed = Listed(b"ProxySnapshot", 0)
    assert may_run(GIVEN, listed)
    assert not may_run(NOT_GIVEN, listed)
