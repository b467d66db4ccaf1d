"""The narrowest rights under which all recorded actions would still be allowed."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import parse_action
from amiproxy.config.users.rules import problems
from amiproxy.core.learning.proposal import Proposal, propose
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy import Allow, decide
from tests.core.policy.rows import ROWS
from tests.support.examples import examples

ALL = "all"


def can_be_written(rules: Rules) -> bool:
    return not problems(rules)


def recorded(*texts: str) -> Recorder:
    kept = Recorder(0.0)
    for text in texts:
        action = parse_action(b"Action: " + text.encode() + b"\n\n")
        kept.action("ada", action, SHIPPED.described(action.key))
    return kept


def proposal(*texts: str, write: str = ALL, rules: dict[str, Any] | None = None, seen: int = 0) -> Proposal:
    converted = None if rules is None else msgspec.convert(rules, Rules)
    shapes = recorded(*texts).shapes
    return propose(
        privilege.parse_classes(write), privilege.ALL, converted, shapes, seen, SHIPPED, can_be_written
    )


CALL = "Originate\nChannel: PJSIP/201\nContext: outbound\nExten: 5551234\nPriority: 1\nVariable: CRM_ID=7"


def test_click_to_call_is_narrowed_to_its_context_and_channel() -> None:
    found = proposal(CALL, CALL.replace("5551234", "911"), seen=privilege.CALL)
    assert privilege.class_names(found.write) == "originate"
    assert privilege.class_names(found.read) == "call"
    assert found.rules.actions is not None
    assert found.rules.actions.allow == ("Originate",)
    assert found.rules.contexts == ("outbound",)
    assert found.rules.channels == ("PJSIP/201",)
    assert found.rules.technologies == ("PJSIP",)
    assert found.rules.variables == ("CRM_ID",)
    assert found.rules.applications == ()
    (rule,) = found.rules.rules
    assert (rule.header, rule.require.pattern if rule.require else "") == ("Exten", "[0-9]{3,7}")
    assert not found.refused
    assert any(text.startswith("write: system") for text in found.given_up)


def test_numbers_with_a_plus_get_a_pattern_with_a_plus() -> None:
    found = proposal(CALL.replace("5551234", "+15551234"))
    assert found.rules.rules[0].require is not None
    assert found.rules.rules[0].require.pattern == r"\+?[0-9]{8,8}"


def test_a_monitoring_probe_is_narrowed_to_its_command() -> None:
    found = proposal("Command\nCommand: core show uptime", "CoreStatus", "Ping")
    assert privilege.class_names(found.write) == "command,reporting"
    assert found.rules.commands == ("core show uptime",)
    assert found.rules.actions is not None
    assert found.rules.actions.allow == ("Command", "CoreStatus")


def test_a_list_that_would_refuse_a_recorded_action_is_left_out() -> None:
    # A Uniqueid does not name a device: a list of channels would refuse it.
    found = proposal(
        "Hangup\nChannel: 1700000000.1", "Redirect\nChannel: 1700000000.1\nContext: a\nExten: 1\nPriority: 1"
    )
    assert found.rules.channels is None
    assert found.rules.contexts == ("a",)


def test_actions_that_todays_rights_refuse_are_reported_and_stay_refused() -> None:
    found = proposal("Originate\nChannel: PJSIP/1\nApplication: System\nData: id", "Ping", write="originate")
    assert [shape.action for shape in found.refused] == [b"Originate"]
    assert found.write == 0


def test_todays_rules_stay() -> None:
    rules = {
        "actions": {"deny": ["Queue*"]},
        "rules": [{"action": "Originate", "header": "Account", "set": "x"}],
    }
    found = proposal(CALL, write="originate,call", rules=rules)
    assert found.rules.actions is not None
    assert found.rules.actions.deny == ("Queue*",)
    assert [rule.header for rule in found.rules.rules] == ["Account", "Exten"]


def test_variables_functions_and_messages_are_listed() -> None:
    found = proposal(
        "Getvar\nChannel: PJSIP/1-00000001\nVariable: CALLERID(num)",
        "Status\nChannel: PJSIP/1-00000001\nVariables: CDR(src),PLAIN",
        "Setvar\nChannel: PJSIP/1-00000001\nVariable: CRM\nValue: 1",
        "Park\nChannel: PJSIP/1-00000001\nChannel2: Local/1@inside",
        "MessageSend\nTo: pjsip:trunk/sip:x@sip.example.org\nBody: x",
        "Dial\nX: 1",
    )
    assert found.rules.functions == ("CALLERID", "CDR")
    assert found.rules.variables == ("CRM",)
    assert found.rules.hosts is None or "sip.example.org" in found.rules.hosts
    assert [shape.action for shape in found.refused] == [b"Dial"]


@examples(0.6)
@given(rows=st.lists(st.sampled_from([row for row in ROWS if row.text is None]), min_size=1, max_size=6))
def test_every_recorded_action_would_still_be_allowed(rows: list[Any]) -> None:
    kept = Recorder(0.0)
    for row in rows:
        action = parse_action(row.raw)
        kept.action("ada", action, SHIPPED.described(action.key))
    found = propose(privilege.ALL, privilege.ALL, None, kept.shapes, 0, SHIPPED, can_be_written)
    assert can_be_written(found.rules), "the proposal is valid in users.yaml"
    narrowed = SimpleNamespace(write=found.write, rules=found.rules)
    for shape in kept.shapes:
        if shape not in found.refused:
            assert isinstance(decide(narrowed, shape.as_action(), SHIPPED), Allow)


def test_more_names_than_an_operator_can_maintain_become_no_list() -> None:
    found = proposal(
        *(f"Redirect\nChannel: PJSIP/1-00000001\nContext: c{n}\nExten: s\nPriority: 1" for n in range(70))
    )
    assert found.rules.contexts is None
    assert found.rules.channels == ("PJSIP/1",)


def test_fully_used_rights_are_not_narrowed() -> None:
    shapes = recorded(CALL).shapes
    found = propose(
        privilege.ORIGINATE, privilege.CALL, None, shapes, privilege.CALL, SHIPPED, can_be_written
    )
    assert (found.write, found.read, found.given_up) == (privilege.ORIGINATE, privilege.CALL, ())


@pytest.mark.parametrize(
    ("used", "key", "beyond"),
    [
        # The technology of these kinds is not judged, so a recording may hold any, even a wildcard.
        (
            "QueueRemove\nQueue: q\nInterface: AudioSocket/elsewhere",
            "technologies",
            "Originate\nChannel: AudioSocket/elsewhere\nContext: a\nExten: 1\nPriority: 1",
        ),
        (
            "QueueRemove\nQueue: q\nInterface: */x",
            "technologies",
            "Originate\nChannel: UnicastRTP/elsewhere\nContext: a\nExten: 1\nPriority: 1",
        ),
        # A context and the name of an endpoint may look like a host.
        (
            "Originate\nChannel: Local/1@far.example.org\nContext: a\nExten: 1\nPriority: 1",
            "hosts",
            "Originate\nChannel: SIP/1@far.example.org\nContext: a\nExten: 1\nPriority: 1",
        ),
        (
            "Originate\nChannel: PJSIP/1@far.example.org\nContext: a\nExten: 1\nPriority: 1",
            "hosts",
            "Originate\nChannel: SIP/1@far.example.org\nContext: a\nExten: 1\nPriority: 1",
        ),
        # Listing a function allows all that it does.
        (
            "Getvar\nVariable: DEVICE_STATE(PJSIP/1)",
            "functions",
            "Setvar\nChannel: PJSIP/1-00000001\nVariable: DEVICE_STATE(Custom:x)\nValue: BUSY",
        ),
    ],
)
def test_a_list_allows_nothing_that_is_refused_today(used: str, key: str, beyond: str) -> None:
    today = SimpleNamespace(write=privilege.parse_classes("originate,call,agent,user,reporting"), rules=None)
    action = parse_action(b"Action: " + beyond.encode() + b"\n\n")
    assert not isinstance(decide(today, action, SHIPPED), Allow)
    shapes = recorded(used, "QueueStatus").shapes
    found = propose(today.write, privilege.ALL, None, shapes, 0, SHIPPED, can_be_written)
    assert not found.refused
    rules = msgspec.structs.replace(Rules(), **{key: getattr(found.rules, key)})
    narrowed = SimpleNamespace(write=today.write, rules=rules)
    assert not isinstance(decide(narrowed, action, SHIPPED), Allow)


def test_commands_are_no_shorter_than_todays() -> None:
    line = "core show channels concise"
    found = proposal(f"Command\nCommand: {line}", write="command", rules={"commands": [line]})
    assert found.rules.commands == (line,)


def test_no_listed_name_opens_the_calls_of_others_to_a_scope() -> None:
    # Spelled out in actions.allow, Status would be allowed without a channel.
    scope = {"scope": {"channels": ["PJSIP/1"]}}
    used = "Status\nChannel: PJSIP/1-00000001"
    found = proposal(used, write="call", rules=scope)
    assert not found.refused
    assert found.rules.actions is not None
    assert found.rules.actions.allow == ("Status*",)
    narrowed = SimpleNamespace(write=found.write, rules=found.rules)
    assert not isinstance(decide(narrowed, parse_action(b"Action: Status\n\n"), SHIPPED), Allow)
    spelled = proposal(used, "Status", write="call", rules={**scope, "actions": {"allow": ["Status"]}})
    assert spelled.rules.actions is not None
    assert spelled.rules.actions.allow == ("Status",)


def test_functions_and_message_hosts_in_todays_lists_stay_listed() -> None:
    found = proposal(
        "Getvar\nVariable: DEVICE_STATE(PJSIP/1)",
        "MessageSend\nTo: pjsip:trunk/sip:x@sip.example.org\nBody: x",
        write="call,message",
        rules={"functions": ["DEVICE_STATE", "HINT"], "hosts": ["*.example.org"]},
    )
    assert found.rules.functions == ("DEVICE_STATE",)
    assert found.rules.hosts == ("sip.example.org",)


def test_used_applications_are_listed() -> None:
    found = proposal("Originate\nChannel: PJSIP/1\nApplication: Wait\nData: 1", write="originate")
    assert found.rules.applications == ("Wait",)
