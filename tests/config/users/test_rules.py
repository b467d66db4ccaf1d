"""The schema of the per-user rules, and the errors in rules of the right shape."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from amiproxy.config import ConfigErrors, parse_users
from amiproxy.config.users.rules import pattern_fault, problems
from amiproxy.core.model.rules import Rules


def problems_in(**keys: Any) -> list[str]:
    return [problem.path for problem in problems(msgspec.convert(keys, Rules))]


def rule(**keys: Any) -> list[str]:
    return problems_in(rules=[{"action": "Originate", "header": "Channel", **keys}])


GOOD: dict[str, Any] = {
    "actions": {"allow": ["Originate", "queue*", "*"], "deny": ["QueueReset"]},
    "rules": [
        {"action": "Originate", "header": "Channel", "require": {"pattern": r"PJSIP/1\d\d"}},
        {"action": "Orig*", "header": "Account", "set": "sales"},
        {"action": "Originate", "header": "Variable", "set": "CDR(userfield)=x, y"},
        {"action": "*", "header": "Codecs", "remove": True},
    ],
    "contexts": ["internal", "team-*"],
    "channels": ["PJSIP/100", "PJSIP/1*", "Local/*@internal"],
    "commands": ["core show channels"],
    "functions": ["CALLERID", "QUEUE_*", "*"],
    "applications": ["playback", "ChanSpy", "Rpt*"],
    "scope": {"channels": ["PJSIP/100"], "contexts": ["a"], "accountcodes": ["s p"], "more_events": True},
}


def test_valid_rules_have_no_problem() -> None:
    assert problems(msgspec.convert(GOOD, Rules)) == []


def test_empty_rules_have_no_problem() -> None:
    assert problems(Rules()) == []


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        ({"actions": {"allow": ["Orignate"]}}, ["actions.allow[0]"]),
        ({"actions": {"deny": ["Ping", "Queue**"]}}, ["actions.deny[1]"]),
        ({"actions": {"deny": ["", "a b"]}}, ["actions.deny[0]", "actions.deny[1]"]),
        ({"contexts": ["a", "b c", ""]}, ["contexts[1]", "contexts[2]"]),
        ({"channels": ["PJSIP", "PJSIP/", "PJSIP/1&PJSIP/2"]}, ["channels[0]", "channels[1]", "channels[2]"]),
        ({"commands": ["core  show", " core", 'x"y']}, ["commands[0]", "commands[1]", "commands[2]"]),
        ({"functions": ["CALLERID(num)", ""]}, ["functions[0]", "functions[1]"]),
        (
            {"applications": ["Plyback", "Echo", "", "Dial(x)", "*"]},
            ["applications[0]", "applications[2]", "applications[3]", "applications[4]"],
        ),
        ({"scope": {}}, ["scope"]),
        ({"scope": {"channels": ["x"]}}, ["scope.channels[0]"]),
        ({"scope": {"contexts": ["x y"]}}, ["scope.contexts[0]"]),
        ({"scope": {"accountcodes": ["", "a\n"]}}, ["scope.accountcodes[0]", "scope.accountcodes[1]"]),
    ],
)
def test_problems_in_lists_are_reported(keys: dict[str, Any], paths: list[str]) -> None:
    assert problems_in(**keys) == paths


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        ({"set": "x"}, []),
        ({}, ["rules[0]"]),
        ({"set": "x", "remove": True}, ["rules[0]"]),
        ({"action": "Orignate", "set": "x"}, ["rules[0].action"]),
        ({"header": "Channel:", "set": "x"}, ["rules[0].header"]),
        ({"header": "Action", "set": "Ping"}, ["rules[0].header"]),
        ({"header": "actionID", "remove": True}, ["rules[0].header"]),
        ({"set": "a\r\nAction: Command"}, ["rules[0].set"]),
        ({"set": "x" * 901}, ["rules[0].set"]),
        ({"header": "Variable", "set": "TENANT"}, ["rules[0].set"]),
        ({"require": {}}, ["rules[0].require"]),
        ({"require": {"exact": "a", "prefix": "b"}}, ["rules[0].require"]),
        ({"require": {"one_of": []}}, ["rules[0].require.one_of"]),
        ({"require": {"pattern": "("}}, ["rules[0].require.pattern"]),
        ({"require": {"pattern": r"(a)\1"}}, ["rules[0].require.pattern"]),
        ({"require": {"pattern": "x" * 257}}, ["rules[0].require.pattern"]),
    ],
)
def test_problems_in_a_rule_are_reported(keys: dict[str, Any], paths: list[str]) -> None:
    assert rule(**keys) == paths


def test_every_problem_has_a_text_and_a_remedy() -> None:
    bad = msgspec.convert({"actions": {"deny": ["Orignate"]}, "scope": {}, "contexts": [""]}, Rules)
    assert all(problem.text and problem.remedy for problem in problems(bad))
    assert problems(bad)[0].text == "unknown action 'Orignate'"


@pytest.mark.parametrize(
    "keys",
    [
        {"action": {}},
        {"actions": {"permit": []}},
        {"rules": [{"action": "Ping", "header": "A", "sets": "x"}]},
        {"rules": [{"header": "A"}]},
        {"contexts": "internal"},
        {"scope": {"channel": []}},
    ],
)
def test_a_wrong_shape_is_refused(keys: dict[str, Any]) -> None:
    entry = {"md5_secret": "s3cret", **keys}
    with pytest.raises(ConfigErrors):
        parse_users(Path("users.yaml"), yaml.safe_dump({"users": {"ada": entry}}).encode())


def test_a_pattern_too_large_for_re2_is_refused() -> None:
    assert pattern_fault("a{1000}{1000}") is not None
    assert pattern_fault("a{10}") is None
