"""Denied actions of users with rules, one for each way in which users.yaml could allow one.

Each has the keys of the user's entry, the action, and what the change must contain.
"""

from typing import Any, NamedTuple


class Case(NamedTuple):
    entry: dict[str, Any]
    action: str
    #: Keys of the entry that the change has, with their values; ... for any value.
    change: dict[str, Any]


_CALL = "Originate\nChannel: PJSIP/100\nContext: sales\nExten: 1\nPriority: 1"
_APPLICATION = "Originate\nChannel: PJSIP/100\nApplication: VoiceMail\nData: 100"
_SCOPE = {"channels": ["PJSIP/1*"]}

CASES = (
    Case({"write": "call"}, _CALL, {"write": ["call", "originate"]}),
    Case({"write": "none"}, "Command\nCommand: core show version", {"write": ["command"]}),
    Case({"write": "all"}, "ProxySnapshot", {"history": True}),
    Case(
        {"write": "all", "history": True, "actions": {"deny": ["ProxySnapshot*"]}},
        "ProxySnapshot",
        {"actions": None},
    ),
    Case(
        {"write": "call", "actions": {"allow": ["Ping"]}},
        "Hangup\nChannel: a",
        {"actions": {"allow": ["Ping", "Hangup"]}},
    ),
    Case({"write": "call", "actions": {"deny": ["Hangup"]}}, "Hangup\nChannel: a", {"actions": None}),
    Case(
        {"write": "call", "actions": {"deny": ["Hang*", "Ping"]}},
        "Hangup\nChannel: a",
        {"actions": {"deny": ["Ping"]}},
    ),
    Case(
        {"write": "none", "actions": {"allow": ["Ping"]}},
        "Hangup\nChannel: a",
        {"write": ["call"], "actions": ...},
    ),
    Case({"write": "originate", "contexts": ["a"]}, _CALL, {"contexts": ["a", "sales"]}),
    Case(
        {"write": "originate", "contexts": ["a"]},
        "Originate\nChannel: Local/1@b\nContext: c\nExten: 1\nPriority: 1",
        {"contexts": ["a", "b", "c"]},
    ),
    Case(
        {"write": "call", "contexts": ["a"]},
        "Redirect\nChannel: PJSIP/1-00000001\nExten: 1\nPriority: 1",
        {"contexts": None},
    ),
    Case({"write": "originate", "channels": ["PJSIP/2*"]}, _CALL, {"channels": ["PJSIP/2*", "PJSIP/100"]}),
    Case(
        {"write": "call", "channels": []}, "Hangup\nChannel: PJSIP/100-0000000a", {"channels": ["PJSIP/100"]}
    ),
    Case({"write": "call", "channels": ["PJSIP/2"]}, "Hangup\nChannel: 1700000000.1", {"channels": None}),
    Case({"write": "originate", "technologies": []}, _CALL, {"technologies": ["PJSIP"]}),
    Case(
        {"write": "originate"},
        _CALL.replace("PJSIP/100", "AudioSocket/100"),
        {"technologies": ...},
    ),
    Case(
        {"write": "originate"}, _CALL.replace("PJSIP/100", "PJSIP/sip:1@b.example"), {"hosts": ["b.example"]}
    ),
    Case({"write": "originate"}, _APPLICATION, {"applications": ...}),
    Case(
        {"write": "originate", "applications": ["Wait"]},
        _APPLICATION,
        {"applications": ["Wait", "VoiceMail"]},
    ),
    Case({"write": "originate", "variables": []}, _CALL + "\nVariable: _CRM=1", {"variables": ["CRM"]}),
    Case(
        {"write": "call", "functions": []},
        "Getvar\nChannel: a\nVariable: CALLERID(num)",
        {"functions": ["CALLERID"]},
    ),
    Case({"write": "call"}, "Getvar\nChannel: a\nVariable: VM_INFO(100)", {"functions": ...}),
    Case(
        {"write": "system,call"},
        "Getvar\nVariable: AST_CONFIG(a.conf,b,c)",
        {"functions": ["*", "AST_CONFIG"]},
    ),
    Case({"write": "call"}, "Getvar\nVariable: CURL(x)", {"write": ["system", "call"], "functions": ...}),
    Case(
        {"write": "command", "commands": ["queue show"]},
        "Command\nCommand: core show channels",
        {"commands": ["queue show", "core show channels"]},
    ),
    Case({"write": "command"}, 'Command\nCommand: mymodule show "a b"', {"commands": ["mymodule show"]}),
    Case({"write": "command"}, 'Command\nCommand: "\\\\" x', {"write": ["system", "command"]}),
    Case(
        {"write": "reporting", "scope": _SCOPE},
        "CoreShowChannels",
        {"actions": {"allow": ["*", "CoreShowChannels"]}},
    ),
    Case({"write": "originate", "scope": _SCOPE}, _CALL + "\nChannelId: a.1", {"scope": None}),
    Case({"write": "call", "scope": _SCOPE}, "Getvar\nVariable: MY_FUNCTION(a)", {"functions": ...}),
    Case(
        {
            "write": "originate",
            "rules": [{"action": "Originate", "header": "Exten", "require": {"exact": "2"}}],
        },
        _CALL,
        {"rules": [{"action": "Originate", "header": "Exten", "require": {"one_of": ["2", "1"]}}]},
    ),
    Case(
        {
            "write": "originate",
            "rules": [{"action": "Originate", "header": "Exten", "require": {"one_of": ["2"]}}],
        },
        _CALL,
        {"rules": [{"action": "Originate", "header": "Exten", "require": {"one_of": ["2", "1"]}}]},
    ),
    Case(
        {
            "write": "originate",
            "rules": [{"action": "Originate", "header": "Exten", "require": {"prefix": "+4"}}],
        },
        _CALL,
        {"rules": [{"action": "Originate", "header": "Exten", "require": {"pattern": r"(?:\+4.*)|1"}}]},
    ),
    Case(
        {
            "write": "originate",
            "rules": [{"action": "Originate", "header": "Exten", "require": {"pattern": "2|3"}}],
        },
        _CALL,
        {"rules": [{"action": "Originate", "header": "Exten", "require": {"pattern": "(?:2|3)|1"}}]},
    ),
    Case(
        {
            "write": "originate",
            "rules": [
                {"action": "Originate", "header": "Priority", "require": {"exact": "1"}},
                {"action": "Originate", "header": "Account", "require": {"exact": "a"}},
            ],
        },
        _CALL,
        {"rules": [{"action": "Originate", "header": "Priority", "require": {"exact": "1"}}]},
    ),
    Case(
        {"write": "originate", "rules": [{"action": "Originate", "header": "CallerID", "set": "1"}]},
        _CALL + "\nVariable: CALLERID(num)=2",
        {"rules": []},
    ),
    Case(
        {"write": "call", "contexts": ["a"], "channels": ["PJSIP/2"]},
        "Bridge\nChannel1: PJSIP/1-00000001\nChannel2: PJSIP/3-00000001",
        {"channels": ["PJSIP/2", "PJSIP/1", "PJSIP/3"]},
    ),
)
#: Actions that nothing in users.yaml allows.
NEVER = (
    ("all", "Unheard"),
    ("all", "DAHDIRestart"),
    ("all", "GetConfig\nFilename: manager.conf"),
    ("all", "Originate\nChannel: PJSIP/1\nContext: a\nExten: 1\nPriority: 1\nPreDialGoSub: a,1,1"),
    ("user", "UserEvent\nUserEvent: a\nEvent: Hangup"),
    ("command", "Command\nCommand: core stop now"),
)
