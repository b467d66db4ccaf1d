"""Variables: names by list and table, values by their kind, functions by their arguments."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Action, parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy import Deny, Judged, decide
from amiproxy.core.policy.dialplan import functions, variables


def user(rules: dict[str, Any] | None = None, write: str = "call,originate") -> Judged:
    own = None if rules is None else msgspec.convert(rules, Rules)
    return SimpleNamespace(write=parse_classes(write), rules=own)


def rule(refused: Deny | None) -> str:
    return "" if refused is None else refused.rule


@pytest.mark.parametrize(
    ("rules", "write", "name", "value", "expected"),
    [
        ({"variables": ["CAMPAIGN", "CRM_*"]}, "call", b"CAMPAIGN", b"x", ""),
        ({"variables": ["CAMPAIGN", "CRM_*"]}, "call", b"__CRM_ID", b"x", ""),
        ({"variables": ["CAMPAIGN", "CRM_*"]}, "call", b"OTHER", b"x", "variables"),
        # It narrows even harmless names, and opens nothing.
        ({"variables": ["CAMPAIGN", "CRM_*"]}, "call", b"QUEUE_PRIO", b"1", "variables"),
        ({"variables": ["CAMPAIGN", "CRM_*"]}, "call,system", b"OTHER", b"x", "variables"),
        ({"variables": ["*"]}, "call", b"BLINDTRANSFER", b"x", "variables"),
        ({"variables": ["BLINDTRANSFER"]}, "call", b"BLINDTRANSFER", b"x", "variables"),
        ({"variables": ["BLINDTRANSFER"]}, "call,system", b"BLINDTRANSFER", b"x", ""),
        ({"variables": []}, "call", b"A", b"x", "variables"),
        ({"variables": []}, "call", b"CALLERID(num)", b"x", ""),
        (None, "call", b"A", b"${X}", "evaluated-value"),
        (None, "call,system", b"A", b"${X}", ""),
        (None, "call", b"A", None, ""),
        (None, "call", b"BLINDTRANSFER", None, "variables"),
        (None, "call", b"TRANSFER_CONTEXT", None, ""),
        ({"contexts": ["in"]}, "call", b"TRANSFER_CONTEXT", b"in", ""),
        ({"contexts": ["in"]}, "call", b"TRANSFER_CONTEXT", b"out", "contexts"),
        ({"contexts": ["in"]}, "call", b"TRANSFER_CONTEXT", None, "contexts"),
        ({"contexts": ["in"]}, "call", b"PARKINGLOT", b"x", "contexts"),
        ({"contexts": ["in"]}, "call,system", b"DYNAMIC_FEATURES", b"x", "contexts"),
        ({"contexts": ["in"]}, "call,system", b"MONITOR_EXEC", b"x", "contexts"),
        ({"channels": ["PJSIP/1"]}, "call,system", b"BLINDTRANSFER", b"Local/s@x", "channels"),
        ({"channels": ["PJSIP/1"]}, "call,system", b"SPYGROUP", b"x", "channels"),
        ({"channels": ["PJSIP/1"]}, "call,system", b"AUTO_MONITOR", b"x", ""),
        (None, "call,system", b"BLINDTRANSFER", b"Local/s@x", ""),
        # Functions that only class system may set reach beyond every list.
        ({"contexts": ["in"]}, "call,system", b"CHANNEL(hangup_handler_push)", b"x,s,1", "contexts"),
        ({"contexts": ["in"]}, "call,system", b"CHANNEL(after_bridge_goto)", b"x,s,1", "contexts"),
        ({"contexts": ["in"]}, "call,system", b"GLOBAL(TRANSFER_CONTEXT)", b"x", "contexts"),
        ({"contexts": ["in"]}, "call,system", b"CHANNEL(${X})", b"x", "contexts"),
        ({"contexts": ["in"]}, "call,system", b"CHANNEL(language)", b"en", ""),
        (None, "call,system", b"CHANNEL(hangup_handler_push)", b"x,s,1", ""),
        # Groups: they decide which calls may be picked up, and how many calls are possible.
        (None, "call", b"CHANNEL(pickupgroup)", b"1", "functions"),
        (None, "call", b"CHANNEL(namedpickupgroup)", b"1", "functions"),
        (None, "call", b"CHANNEL(callgroup)", b"1", "functions"),
        ({"channels": ["PJSIP/1"]}, "call,system", b"CHANNEL(pickupgroup)", b"1", "channels"),
        ({"functions": ["*"]}, "call", b"CHANNEL(pickupgroup)", b"1", "functions"),
        (None, "call,system", b"CHANNEL(pickupgroup)", b"1", ""),
        (None, "call", b"GROUP(trunk)", b"a", "functions"),
        ({"functions": ["GROUP"]}, "call", b"GROUP(trunk)", b"a", ""),
        (None, "call", b"OUTBOUND_GROUP", b"a", "variables"),
        (None, "call", b"PICKUPMARK", b"a", "variables"),
        (None, "call", b"OSPRESULTS", b"x;y", "characters"),
        (None, "call", b"OSPNEXTSTATUS", b"SUCCESS", ""),
        (None, "call", b"CALLERID(num)", None, ""),
        (None, "call", b"CALLERID(num)", b"$[1]", "evaluated-value"),
        (None, "call", b"CHANNEL(language)", b"../x", "characters"),
        (None, "call", b"CHANNEL(accountcode)", b"../x", "characters"),
        (None, "call", b"THIRD(x)", b"x", "functions"),
        ({"functions": ["THIRD"]}, "call", b"THIRD(x)", b"x", "functions"),
        (None, "call,system", b"THIRD(x)", b"x", ""),
    ],
)
def test_an_assignment_is_judged_by_lists_table_and_value(
    rules: dict[str, Any] | None, write: str, name: bytes, value: bytes | None, expected: str
) -> None:
    refused = variables.may_assign(user(rules, write), name, value)
    assert rule(refused) == expected
    assert refused is None or refused.hint
    assert functions.may_assign(user(rules, write), name) or variables.may_assign(
        user(rules, write), name, None
    )


@pytest.mark.parametrize(
    ("rules", "name", "expected"),
    [
        (None, b"HANGUPCAUSE(PJSIP/1-1,tech)", ""),
        ({"channels": ["PJSIP/1"]}, b"HANGUPCAUSE(PJSIP/1-1,tech)", ""),
        ({"channels": ["PJSIP/1"]}, b"HANGUPCAUSE(PJSIP/2-1,tech)", "channels"),
        ({"functions": ["THIRD"]}, b"THIRD(a,b)", ""),
        ({"functions": ["*"]}, b"THIRD(a,b)", "functions"),
        ({"functions": ["THIRD"]}, b"THIRD(^{a})", "functions"),
        ({"functions": ["CUT"]}, b"CUT(A,-,1)", ""),
        ({"functions": ["CUT"]}, b"CUT(A b,-,1)", "characters"),
        ({"functions": ["*"]}, b"FIELDQTY(A,x)", ""),
        ({"functions": ["*"]}, b"INC(A)", "functions"),
        ({"functions": ["*"]}, b"UUID()", ""),
        ({"functions": ["*"]}, b"ARRAY(A)", "functions"),
    ],
)
def test_reading_is_judged_by_lists_and_table(
    rules: dict[str, Any] | None, name: bytes, expected: str
) -> None:
    assert rule(functions.refusal_to_read(user(rules, "call"), name)) == expected


@pytest.mark.parametrize(
    ("name", "value", "undone"),
    [
        (b"A", b"1", set()),
        (b"SIPADDHEADER1", b"X-A: 1", set()),
        (b"_SIPADDHEADER1", b"From: 1", {b"callerid"}),
        (b"SIPFROMDOMAIN", b"x", {b"callerid"}),
        (b'CALL"ERID"(num)', b"1", {b"callerid"}),
        (b"CHANNEL(accountcode)", b"1", {b"account", b"codecs"}),
        (b"PJSIP_HEADER(add,X-A)", b"1", set()),
        (b"PJSIP_HEADER(add,From)", b"1", {b"callerid"}),
        (b"PJSIP_HEADER", b"1", set()),
        (b"THIRD(x)", b"1", set()),
    ],
)
def test_an_assignment_undoes_these_headers(name: bytes, value: bytes, undone: set[bytes]) -> None:
    assert variables.undoes(name, value) == undone


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("Getvar\nVariable: DEVICE_STATE(PJSIP/100)", True),
        ("Getvar\nVariable: DEVICE_STATE(PJSIP/200)", False),
        ("Getvar\nVariable: DEVICE_STATE(confbridge:1)", False),
        ('Getvar\nVariable: DEVICE_"STATE"(PJSIP/200)', False),
        ("Getvar\nVariable: CHANNEL_EXISTS(PJSIP/100-0000001a)", True),
        ("Getvar\nVariable: CHANNEL_EXISTS(PJSIP/200-0000001a)", False),
        ("Getvar\nVariable: CHANNEL_EXISTS(${X})", False),
        ("Status\nChannel: a\nVariables: A,DEVICE_STATE(PJSIP/100),CHANNEL(name)", True),
        ("Status\nChannel: a\nVariables: DEVICE_STATE(PJSIP/100),DEVICE_STATE(PJSIP/200)", False),
        ("Getvar\nVariable: EXTENSION_STATE(100@lab)", False),
        ("Getvar\nVariable: QUEUE_WAITING_COUNT(a)", False),
        ("Getvar\nVariable: GROUP_COUNT(a)", False),
        ("Getvar\nVariable: MEETME_INFO(parties,1)", False),
        ("Getvar\nVariable: SHARED(A,PJSIP/200-1)", False),
        ("Getvar\nVariable: IMPORT(PJSIP/200-1,A)", False),
        ("Getvar\nVariable: VMCOUNT(100)", True),
        ("Getvar\nVariable: THIRD(x)", False),
        ("Getvar\nVariable: SPELLED(x)", True),
        ("AGI\nChannel: a\nCommand: GET VARIABLE CONFBRIDGE_INFO(parties,1)", False),
        ("AGI\nChannel: a\nCommand: EXEC Dial PJSIP/100,20,U(x)", True),
    ],
)
def test_a_scope_closes_functions_that_reveal_other_calls(text: str, allowed: bool) -> None:
    rules = {"scope": {"channels": ["PJSIP/100"]}, "functions": ["*", "SPELLED"]}
    verdict = decide(user(rules, "all"), parse_action(b"Action: " + text.encode() + b"\n\n"), SHIPPED)
    assert (rule(verdict if isinstance(verdict, Deny) else None) == "scope") is not allowed


@pytest.mark.parametrize("write", ["call", "call,system"])
@pytest.mark.parametrize(
    ("channel", "name", "expected"),
    [
        ("", b"PJSIP_DTMF_MODE()", "functions"),
        ("", b"PJSIP_MEDIA_OFFER(audio)", "functions"),
        ("", b"CHANNEL(channeltype)", "functions"),
        ("", b"CHANNEL (tdd)", "functions"),
        ("PJSIP/1-00000001", b"CHANNEL(channeltype)", ""),
        ("PJSIP/1-00000001", b"PJSIP_DTMF_MODE()", ""),
        ("", b"PJSIP_AOR(1,contact)", ""),
        ("", b"DEVICE_STATE(PJSIP/1)", ""),
    ],
)
def test_a_drivers_functions_are_allowed_only_on_its_channels(write, channel, name, expected) -> None:
    action = Action([(b"Action", b"Getvar"), (b"Channel", channel.encode()), (b"Variable", name)])
    assert rule(variables.getvar(user({"functions": ["*"]}, write), action)) == expected


@pytest.mark.parametrize("name", [b"RAND(-2147483648,2147483647)", b"MATH(-2147483648%-1,int)", b"SPRINTF()"])
def test_functions_that_can_crash_asterisk_need_class_system(name) -> None:
    listed = {"functions": ["RAND", "MATH", "SPRINTF"]}
    assert rule(functions.refusal_to_read(user(listed, "call"), name)) == "functions"
    assert functions.refusal_to_read(user(listed, "call,system"), name) is None
