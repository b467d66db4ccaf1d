"""The rules that an operator writes for one user."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from amiproxy.ami.actions import SHIPPED, Listed, OtherActions
from amiproxy.ami.message import Action, parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.config.actions import ActionEntry, OneOf, other_actions
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy import Allow, Deny, Judged, decide, judge, may_run

DENIED = b"Permission denied"


def user(rules: dict[str, Any], write: str = "call,originate,agent,command") -> Judged:
    return SimpleNamespace(write=parse_classes(write), rules=msgspec.convert(rules, Rules))


def ask(text: str) -> Action:
    return parse_action(b"Action: " + text.encode() + b"\n\n")


def rule_of(rules: dict[str, Any], text: str, write: str = "call,originate,agent,command") -> str:
    """The rule that refuses the action; empty if it is allowed."""
    verdict = decide(user(rules, write), ask(text), SHIPPED)
    if isinstance(verdict, Allow):
        return ""
    assert verdict.text == DENIED
    return verdict.rule


@pytest.mark.parametrize(
    ("names", "action", "rule"),
    [
        ({"allow": ["Originate", "Queue*"]}, "Originate", ""),
        ({"allow": ["Originate", "Queue*"]}, "qUEUEpause", ""),
        ({"allow": ["Originate", "Queue*"]}, "Redirect", "actions"),
        ({"allow": ["Originate"]}, "Ping", ""),
        ({"allow": []}, "Originate", "actions"),
        ({"allow": []}, "Logoff", ""),
        ({"deny": ["Queue*"]}, "QueuePause", "actions"),
        ({"deny": ["Queue*"]}, "Redirect", ""),
        ({"deny": ["*"]}, "Ping", "actions"),
        ({"deny": ["*"]}, "Logoff", ""),
        ({"allow": ["QueuePause"], "deny": ["Queue*"]}, "QueuePause", "actions"),
        ({"allow": ["*State"]}, "ExtensionState", ""),
        ({"allow": ["System"]}, "MixMonitor", "classes"),
    ],
)
def test_actions_are_allowed_and_denied_by_name(names: dict[str, Any], action: str, rule: str) -> None:
    assert rule_of({"actions": names}, action) == rule


def test_a_user_may_run_exactly_the_listed_actions() -> None:
    row = {name: SHIPPED.find(name) for name in (b"originate", b"queuepause", b"dahdirestart", b"getconfig")}
    assert all(row.values())
    runs = {
        name
        for name, listed in row.items()
        if listed and may_run(user({"actions": {"deny": ["Queue*"]}}, "all"), listed)
    }
    assert runs == {b"originate", b"getconfig"}
    assert may_run(SimpleNamespace(write=0, rules=None), Listed(b"Ping", 0))


class TestOtherModules:
    """Actions of modules that are not part of Asterisk."""

    table = SHIPPED.learnt_from(
        [
            (b"ThirdParty", b"does something  (Priv: <none>)"),
            (b"RptStatus", b"tells something  (Priv: <none>)"),
        ]
    )

    def rule_of(self, write: str, text: str, others: OtherActions) -> str:
        judged = SimpleNamespace(write=parse_classes(write), rules=None)
        verdict = decide(judged, ask(text), self.table.with_others(others))
        return "" if isinstance(verdict, Allow) else verdict.rule

    def test_an_undescribed_action_is_refused_to_all_users(self) -> None:
        assert self.rule_of("call", "ThirdParty", OtherActions()) == "classes"
        assert self.rule_of("all", "ThirdParty", OtherActions()) == "undescribed"

    def test_an_undescribed_action_is_allowed_to_system_if_the_operator_says_so(self) -> None:
        others = OtherActions(undescribed_for_system=True)
        assert self.rule_of("call", "ThirdParty", others) == "classes"
        assert self.rule_of("all", "ThirdParty\nNode: 1", others) == ""
        assert self.rule_of("all", "ThirdParty\nNode: ${X}", others) == "evaluated-value"

    @pytest.mark.parametrize("rule", ["channels", "contexts"])
    def test_an_undescribed_action_is_refused_to_a_user_whose_lists_cannot_bound_it(self, rule: str) -> None:
        others = self.table.with_others(OtherActions(undescribed_for_system=True))
        verdict = decide(user({rule: ["own"]}, "all"), ask("ThirdParty\nChannel: theirs"), others)
        assert isinstance(verdict, Deny)
        assert verdict.rule == rule

    def test_a_description_gives_classes_and_headers(self) -> None:
        entry = ActionEntry(
            classes=("reporting",), headers={"Node": "integer", "Command": OneOf(one_of=("XStat",))}
        )
        others = other_actions({"RptStatus": entry}, "deny")
        assert self.rule_of("call", "RptStatus\nNode: 1", others) == "classes"
        assert self.rule_of("reporting", "RptStatus\nNode: 1\nCommand: xstat", others) == ""
        assert self.rule_of("reporting", "RptStatus\nNode: 1\nCommand: Kill", others) == "one-of"
        assert self.rule_of("reporting", "RptStatus\nNode: `id`", others) == "characters"
        judged = SimpleNamespace(write=parse_classes("reporting"), rules=None)
        verdict = decide(judged, ask("RptStatus\nNode: 1\nX: 2"), self.table.with_others(others))
        assert isinstance(verdict, Allow)
        assert verdict.action.headers == ((b"Action", b"RptStatus"), (b"Node", b"1"))


@pytest.mark.parametrize(
    ("require", "value", "rule"),
    [
        ({"exact": "PJSIP/100"}, "PJSIP/100", ""),
        ({"exact": "PJSIP/100"}, "PJSIP/1001", "rules[0]"),
        ({"exact": "PJSIP/100"}, "pjsip/100", "rules[0]"),
        ({"prefix": "PJSIP/1"}, "PJSIP/100", ""),
        ({"prefix": "PJSIP/1"}, "XPJSIP/1", "rules[0]"),
        ({"one_of": ["PJSIP/1", "PJSIP/2"]}, "PJSIP/2", ""),
        ({"one_of": ["PJSIP/1", "PJSIP/2"]}, "PJSIP/3", "rules[0]"),
        ({"pattern": r"PJSIP/1\d\d"}, "PJSIP/123", ""),
        ({"pattern": r"PJSIP/1\d\d"}, "PJSIP/1234", "rules[0]"),
        ({"pattern": r"PJSIP/1\d\d"}, "PJSIP/123\xff", "rules[0]"),
        ({"pattern": r"(a|aa)+"}, "a" * 500 + "b", "rules[0]"),
        ({}, "anything", "rules[0]"),
    ],
)
def test_a_header_must_match_its_requirement(require: dict[str, Any], value: str, rule: str) -> None:
    rules = {"rules": [{"action": "Originate", "header": "Channel", "require": require}]}
    assert rule_of(rules, f"Originate\nChannel: {value}\nApplication: Echo") == rule


def test_a_required_header_must_be_present() -> None:
    rules = {"rules": [{"action": "Orig*", "header": "Account", "require": {"prefix": ""}}]}
    assert rule_of(rules, "Originate\nChannel: PJSIP/1") == "rules[0]"
    assert rule_of(rules, "Redirect\nChannel: PJSIP/1") == ""


def test_every_variable_must_match_the_requirement() -> None:
    rules = {"rules": [{"action": "*", "header": "Variable", "require": {"prefix": "A="}}]}
    assert rule_of(rules, "Originate\nVariable: A=1\nVariable: A=2") == ""
    assert rule_of(rules, "Originate\nVariable: A=1\nVariable: B=2") == "rules[0]"


def rewritten(rules: list[dict[str, Any]], text: str) -> tuple[tuple[bytes, bytes], ...]:
    verdict = decide(user({"rules": rules}), ask(text), SHIPPED)
    assert isinstance(verdict, Allow), verdict
    return verdict.action.headers


def test_set_forces_a_header_and_remove_drops_it() -> None:
    rules = [
        {"action": "Originate", "header": "Account", "set": "sales"},
        {"action": "Originate", "header": "Context", "set": "out"},
        {"action": "Originate", "header": "Codecs", "remove": True},
        {"action": "Redirect", "header": "Account", "set": "no"},
    ]
    assert rewritten(rules, "Originate\nChannel: PJSIP/1\nCONTEXT: evil\nCodecs: ulaw") == (
        (b"Action", b"Originate"),
        (b"Channel", b"PJSIP/1"),
        (b"CONTEXT", b"out"),
        (b"Account", b"sales"),
    )


def test_a_forced_variable_comes_first_and_needs_no_permission() -> None:
    rules = [
        {"action": "Originate", "header": "variable", "set": "TENANT=7"},
        {"action": "Originate", "header": "Variable", "set": "CHANNEL(hangup_handler_push)=a,b,1"},
    ]
    assert rewritten(rules, "Originate\nChannel: PJSIP/1\nVariable: TENANT=8") == (
        (b"variable", b"TENANT=7"),
        (b"Variable", b"CHANNEL(hangup_handler_push)=a,b,1"),
        (b"Action", b"Originate"),
        (b"Channel", b"PJSIP/1"),
        (b"Variable", b"TENANT=8"),
    )


def test_each_step_judges_the_action_as_earlier_steps_rewrote_it() -> None:
    rules = {"rules": [{"action": "Originate", "header": "Account", "set": "7"}]}
    action = ask("Originate\nChannel: PJSIP/1")
    *_, last = judge(user(rules), action, SHIPPED)
    assert (last.deny, last.action) == (None, action.with_header(b"Account", b"7"))


def test_a_forced_value_is_judged_like_any_other() -> None:
    rules = {"rules": [{"action": "Originate", "header": "PreDialGoSub", "set": "a,b,1"}]}
    assert rule_of(rules, "Originate\nChannel: PJSIP/1") == "predial-gosub"


@pytest.mark.parametrize(
    ("header", "variable", "rule"),
    [
        ("Account", "CHANNEL(accountcode)=x", "rules.set"),
        ("Account", "A=1,CDR(accountcode)=x", "rules.set"),
        ("CallerID", "CALLERID(num)=x", "rules.set"),
        ("CallerID", "CDR(userfield)=x", ""),
        ("Account", "CHANNEL=1", ""),
        ("CallerID", "PJSIP_HEADER(add,P-Asserted-Identity)=<sip:1@h>", "rules.set"),
        ("CallerID", "PJSIP_HEADER(update,From,1)=<sip:1@h>", "rules.set"),
        ("CallerID", "PJSIP_HEADER(add,X-A: 1\\,From)=1", "rules.set"),
        ("CallerID", "PJSIP_HEADER(add)=1", "rules.set"),
        ("CallerID", "PJSIP_HEADER(add,X-Ticket)=1", ""),
        ("CallerID", "PJSIP_HEADER(add,Alert-Info)=ring", ""),
        ("Account", "PJSIP_HEADER(add,P-Asserted-Identity)=<sip:1@h>", ""),
        ("CallerID", "SIPADDHEADER01=P-Asserted-Identity: <sip:1@h>", "rules.set"),
        ("CallerID", "A=1,__SIPADDHEADER=Remote-Party-ID: <sip:1@h>", "rules.set"),
        ("CallerID", "SIPADDHEADER01=X-Ticket: 1", ""),
    ],
)
def test_a_variable_cannot_undo_a_forced_header(header: str, variable: str, rule: str) -> None:
    rules = {"rules": [{"action": "Originate", "header": header, "set": "x"}]}
    assert rule_of(rules, f"Originate\nChannel: PJSIP/1\nVariable: {variable}") == rule


@pytest.mark.parametrize(
    ("application", "data", "rule"),
    [
        ("Dial", "PJSIP/1", ""),
        ("Dial", "PJSIP/1,20,tTA(beep)", ""),
        ("Dial", "PJSIP/1,20,tf(123)", "rules.set"),
        ("Dial", "PJSIP/1,20,f", "rules.set"),
        (" dial", 'PJSIP/1,20,"f"(123)', "rules.set"),
        ("Dial", "PJSIP/1,20,o(123)", "rules.set"),
        ("RetryDial", "beep,1,1,PJSIP/1,20,t", ""),
        ("RetryDial", "beep,1,1,PJSIP/1,20,f(123)", "rules.set"),
        ("Page", "PJSIP/1,q,20", ""),
        ("Echo", "f(123)", ""),
    ],
)
def test_an_option_cannot_undo_a_forced_caller_id(application: str, data: str, rule: str) -> None:
    text = f"Originate\nChannel: PJSIP/1\nApplication: {application}\nData: {data}"
    for header, expected in (("CallerID", rule), ("Account", "")):
        rules = {"rules": [{"action": "Originate", "header": header, "set": "x"}]}
        # Without class system such an option is refused in any case.
        assert rule_of(rules, text, "system,originate") == expected


@pytest.mark.parametrize(
    ("functions", "write", "name", "allowed"),
    [
        ([], "call", "CALLERID(num)", False),
        ([], "call", "PLAIN", True),
        (["URIDECODE", "QUEUE_*"], "call", "URIDECODE(%41)", True),
        (["URIDECODE", "QUEUE_*"], "call", "QUEUE_MEMBER(a,b)", True),
        (["URIDECODE", "QUEUE_*"], "call", "CALLERID(num)", False),
        (["FILE", "GLOBAL"], "call", "GLOBAL(A)", False),
        (["*"], "call", "TOLOWER(A)", True),
        *((["*"], "call", f"{name}(a)", False) for name in ("DB", "STAT", "LOCK", "SHARED", "EXPORT", "SET")),
        *((["*", "SET", "ARRAY"], "call", f"{name}(a)", False) for name in ("SET", "ARRAY", "HASH")),
        # Their results may contain line ends.
        (["*"], "call", "URIDECODE(%41)", False),
        (["*"], "call", "STRFTIME(,,%n)", False),
        (["STRFTIME"], "call", "STRFTIME(1700000000,Europe/Berlin,%H:%M,%S)", True),
        (["STRFTIME"], "call", "STRFTIME(,,%d/%m)", True),
        (["*"], "call", "STRPTIME(2026-01-01 10:00,America/Argentina/Salta,%Y-%m-%d %H:%M)", True),
        (["*"], "call", "IFTIME(9:00-17:00|mon-fri|*|*?open:closed)", True),
        (["*"], "call", "IFTIME(9:00-17:00,mon-fri,*,*,Etc/GMT+1?open:closed)", True),
        (["*"], "call", "REPLACE(A,B,C)", False),
        (["REPLACE"], "call", "REPLACE(A,B,C)", True),
        (["*"], "call", "STRREPLACE(A,B,C)", True),
        # Asterisk compiles patterns, which may take any amount of time and memory.
        (["REGEX"], "call", 'REGEX("a" b)', False),
        (["CHANNELS"], "call", "CHANNELS()", True),
        (["CHANNELS"], "call", "CHANNELS(PJSIP/1)", False),
        (["*"], "call", "TOUPPER(a)", True),
        (["*"], "call", "FAXOPT(headerinfo)", False),  # of no channel
        # They reveal passwords.
        (["*"], "call", "VM_INFO(1,password)", False),
        (["*"], "call", "AGENT(1:password)", False),
        (["AST_CONFIG"], "system,call", "AST_CONFIG(man\\ager.conf,b,c)", False),
        (["TOLOWER"], "system,call", 'TOLOWER(CU"RL"(x))', False),
        (["TOLOWER", "UPPER"], "system,call", "TOLOWER(UPPER(x))", True),
        (["CURL", "*"], "call", "CURL(x)", False),
        (["CURL"], "system,call", "CURL(x)", True),
        (["CURL"], "system,call", "GLOBAL(A)", False),
        (["CURL", "*"], "system,call", "GLOBAL(A)", True),
        (["*"], "system,call", "CURL(x)", False),
        (["*"], "system,call", "AST_CONFIG(a,b,c)", False),
        (["AST_CONFIG"], "system,call", "AST_CONFIG(queues.conf,b,c)", True),
        (["AST_CONFIG"], "system,call", "AST_CONFIG(Manager.conf,b,c)", False),
        (["EVAL"], "system,call", "EVAL(${CURL (x)})", False),
    ],
)
def test_the_list_of_functions_decides_on_reading(
    functions: list[str], write: str, name: str, allowed: bool
) -> None:
    verdict = decide(user({"functions": functions}, write), ask(f"Getvar\nVariable: {name}"), SHIPPED)
    assert isinstance(verdict, Allow) is allowed
    assert allowed or verdict == Deny(b"GetVar Access Forbidden: Variable", "functions")


@pytest.mark.parametrize(
    "name",
    [
        "STRFTIME(,/tmp/fifo,%Y)",
        "STRFTIME(,../../../tmp/fifo,%Y)",
        "STRPTIME(x,/tmp/fifo,%Y)",
        "IFTIME(*|*|*|*|/tmp/fifo?a:b)",
        "IFTIME(*,*,*,*,Europe/../../../tmp/fifo?a:b)",
    ],
)
def test_a_time_zone_in_a_function_must_not_be_a_path(name: str) -> None:
    verdict = decide(
        user({"functions": ["*", "STRFTIME"]}, "call"), ask(f"Getvar\nVariable: {name}"), SHIPPED
    )
    assert isinstance(verdict, Deny)
    assert verdict.rule == "sound-file"


@pytest.mark.parametrize(
    ("functions", "variable", "allowed"),
    [
        (["CALLERID"], "CALLERID(num)", True),
        (["CALLERID"], "CDR(userfield)", False),
        (["CHANNEL"], "CHANNEL(language)", True),
        # A list opens reading; functions that are closed for writing by default stay closed.
        (["CHANNEL"], "CHANNEL(hangup_handler_push)", False),
        (["*"], "CHANNEL(after_bridge_goto)", False),
        (["PRESENCE_STATE"], "PRESENCE_STATE(CustomPresence:a)", False),
        (["QUEUE_MEMBER"], "QUEUE_MEMBER(a,penalty,b)", False),
        # Of the others, those that affect only the call itself.
        (["VOLUME"], "VOLUME(TX)", True),
        (["*"], "VOLUME(TX)", True),
        (["CALLERID"], "VOLUME(TX)", False),
        (["FAXOPT"], "FAXOPT(headerinfo)", True),
        (["CALLERID"], "FAXOPT(headerinfo)", False),
        (["*"], "TONE_DETECT(425)", False),
        (["*"], "CALLCOMPLETION(cc_callback_sub)", False),
        (["*"], "THIRD_PARTY(x)", False),
        (["*"], "DB(a/b)", False),
        (["*"], "EXPORT(x,A)", False),
        (["*", "ARRAY"], "ARRAY(MONITOR_EXEC)", False),
        (["*"], "PLAIN", True),
        (["DEVICE_STATE"], "DEVICE_STATE(Custom:x)", True),
        (["*"], "VOLUME((TX))", False),
        (["*"], "__VOLUME(TX)", False),
    ],
)
def test_the_list_of_functions_opens_few_functions_for_writing(
    functions: list[str], variable: str, allowed: bool
) -> None:
    text = f"Setvar\nChannel: a\nVariable: {variable}\nValue: x"
    verdict = decide(user({"functions": functions}, "call"), ask(text), SHIPPED)
    assert isinstance(verdict, Allow) is allowed
    assert allowed or verdict == Deny(DENIED, "functions")


@pytest.mark.parametrize(
    ("commands", "command", "rule"),
    [
        (["core show", "Queue show"], "core show channels", ""),
        (["core show", "Queue show"], 'CORE\t"show" version', ""),
        (["core show", "Queue show"], "queue show lab", ""),
        (["core show", "Queue show"], "core showdown", "commands"),
        (["core show", "Queue show"], "core", "commands"),
        ([], "core show version", "commands"),
        (["core"], "core stop now", "command"),
        (["database"], "database show", "command"),
        (["pjsip show contacts"], "pjsip show contacts like x", "regular-expression"),
        # A command that no table has: listed, by at least one word of its own.
        (["none-such show"], "none-such show x", ""),
        (["none-such"], "None-such show x", ""),
        (["pjsip none-such"], "pjsip none-such", ""),
        (["pjsip"], "pjsip none-such", "command-unknown"),
        (["core show"], "core show", "command-unknown"),
        (["none-such"], "none-such x like y", "regular-expression"),
    ],
)
def test_the_list_of_commands_decides_on_commands(commands: list[str], command: str, rule: str) -> None:
    assert rule_of({"commands": commands}, f"Command\nCommand: {command}") == rule


@pytest.mark.parametrize("bounds", [{"channels": ["PJSIP/1*"]}, {"contexts": ["lab"]}])
def test_a_bounded_user_may_run_no_unlisted_unknown_command(
    bounds: dict[str, list[str]],
) -> None:
    asked = ask("Command\nCommand: none-such hangup PJSIP/2")
    refused = decide(user(bounds, "command,system"), asked, SHIPPED)
    assert refused == Deny(DENIED, "command-unknown")
    named = user({**bounds, "commands": ["none-such hangup"]}, "command,system")
    assert isinstance(decide(named, asked, SHIPPED), Allow)


@pytest.mark.parametrize(
    ("allow", "action", "rule"),
    [
        (None, "CoreShowChannels", "scope"),
        (None, "PJSIPShowEndpoints", "scope"),
        # An id of another call, or of one of its former legs, would make that call the user's own.
        (None, "Originate\nChannel: PJSIP/100\nApplication: Echo", ""),
        (None, "Originate\nChannel: PJSIP/100\nApplication: Echo\nChannelId: 1700000000.1", "scope"),
        (["*"], "Originate\nChannel: Local/1@a\nApplication: Echo\nOtherChannelId: 1700000000.1", "scope"),
        (None, "Status", "scope"),
        (None, "Status\nChannel: PJSIP/100-00000001", ""),
        (None, "QueueSummary", "scope"),
        (["QueueSummary"], "QueueSummary", ""),
        (None, "FAXStats", "scope"),
        (["FAXStats"], "FAXStats", ""),
        (["Getvar"], "Getvar\nVariable: CHANNELS(PJSIP/2)", "scope"),
        (None, "Getvar\nVariable: CONFBRIDGE_INFO(parties,1)", "scope"),
        (None, 'Getvar\nVariable: TOLOWER(CHAN"NELS"(x))', "scope"),
        (None, "Getvar\nChannel: PJSIP/1-00000001\nVariable: CHANNEL(name)", ""),
        (None, "Status\nChannel: PJSIP/100-00000001\nVariables: A,CONFBRIDGE_INFO(parties,1)", "scope"),
        (None, "Command\nCommand: core show channels", "scope"),
        (["Command"], "Command\nCommand: core show channels", ""),
        (["*"], "CoreShowChannels", "scope"),
        (["CoreShowChannels"], "CoreShowChannels", ""),
    ],
)
def test_a_scope_closes_the_lists_of_all_calls(allow: list[str] | None, action: str, rule: str) -> None:
    rules: dict[str, Any] = {"scope": {"channels": ["PJSIP/100"]}}
    if allow is not None:
        rules["actions"] = {"allow": allow}
    assert rule_of(rules, action, "system,reporting,call,command,originate") == rule
