"""The smallest change of rights that would allow a denied action."""

from typing import Any

import msgspec
import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Action, parse_action
from amiproxy.config.users.rules import problems
from amiproxy.core.denials import opening
from amiproxy.core.denials.opening import Opening, least_opening, refusal_of
from amiproxy.core.denials.ways import Rights
from amiproxy.core.model.rules import Rules
from amiproxy.steps import result_of
from tests.core.denials.cases import CASES, NEVER, Case
from tests.core.policy.rows import ROWS


def action(text: str) -> Action:
    return parse_action(f"Action: {text}\n\n".encode())


def can_be_written(rules: Rules) -> bool:
    return not problems(rules)


def rights(entry: dict[str, Any]) -> Rights:
    keys = {key: value for key, value in entry.items() if key not in ("write", "history")}
    write = privilege.parse_classes(entry["write"])
    return Rights(write, msgspec.convert(keys, Rules) if keys else None, entry.get("history", False))


def least(entry: dict[str, Any], text: str, hidden: frozenset[bytes] = frozenset()) -> Opening | None:
    return result_of(least_opening(rights(entry), action(text), SHIPPED, can_be_written, hidden))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.action} {case.entry}")
def test_the_change_allows_the_action(case: Case) -> None:
    found = least(case.entry, case.action)
    assert found is not None
    assert refusal_of(found.before, action(case.action), SHIPPED) is not None
    assert refusal_of(found.after, action(case.action), SHIPPED) is None


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.rule], ids=lambda row: f"{row.write} {row.action}"
)
def test_whatever_is_proposed_allows_the_action(row: Any) -> None:
    judged = Rights(privilege.parse_classes(row.write), None, history=False)
    parsed = parse_action(row.raw)
    found = result_of(least_opening(judged, parsed, SHIPPED, can_be_written))
    assert found is None or refusal_of(found.after, parsed, SHIPPED) is None


@pytest.mark.parametrize(("write", "text"), NEVER)
def test_some_actions_are_never_allowed(write: str, text: str) -> None:
    assert least({"write": write}, text) is None


def test_an_allowed_action_needs_no_change() -> None:
    assert least({"write": "none"}, "Ping") is None


def test_a_new_class_opens_no_other_action() -> None:
    found = least({"write": "none"}, "QueueReset\nQueue: a")
    assert found is not None
    assert found.also == ()
    assert found.after.rules is not None
    assert found.after.rules.actions is not None
    assert "QueuePause" in found.after.rules.actions.deny


def test_too_many_actions_to_deny_are_only_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_MOST_DENIED", 1)
    found = least({"write": "none"}, "QueueReset\nQueue: a")
    assert found is not None
    assert "QueuePause" in found.also
    assert found.after.rules is None


def test_what_class_system_opens_is_said() -> None:
    found = least({"write": "none", "actions": {"deny": ["Ping"]}}, "ModuleLoad\nModule: a\nLoadType: load")
    assert found is not None
    assert found.after.write == privilege.SYSTEM
    assert "BridgeDestroy" in found.also


def test_no_rule_is_made_of_a_masked_value() -> None:
    rule = {"action": "Originate", "header": "Exten", "require": {"exact": "2"}}
    call = "Originate\nChannel: PJSIP/1\nContext: a\nExten: 1\nPriority: 1"
    found = least({"write": "originate", "rules": [rule]}, call, frozenset({b"exten"}))
    assert found is not None
    assert found.after.rules is not None
    assert found.after.rules.rules == ()
    closed = least({"write": "originate", "contexts": ["b"]}, call, frozenset({b"context"}))
    assert closed is not None
    assert closed.after.rules is not None
    assert closed.after.rules.contexts is None


def test_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_MOST_TRIED", 0)
    assert least({"write": "none"}, "Hangup\nChannel: a") is None


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            {"write": "call", "functions": []},
            "Setvar\nChannel: a\nValue: 2\nVariable: "
            + "".join(f"${{F{number}(a)}}" for number in range(90)),
        ),
        (
            {"write": "originate", "variables": []},
            "Originate\nChannel: PJSIP/100\nContext: sales\nExten: 1\nPriority: 1"
            + "".join(f"\nVariable: V{number}=1" for number in range(90)),
        ),
    ],
)
def test_a_step_judges_few_times_however_many_names_an_action_has(
    entry: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = 0

    def counted(*arguments: Any) -> Any:
        nonlocal judged
        judged += 1
        return refusal_of(*arguments)

    monkeypatch.setattr(opening, "refusal_of", counted)
    most = before = 0
    for _ in least_opening(rights(entry), action(text), SHIPPED, can_be_written):
        most, before = max(most, judged - before), judged
    assert judged > 40
    assert most <= 3
