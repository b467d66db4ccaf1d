"""Each kind's check: the values it accepts, the values it refuses, and for which users."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from amiproxy.ami.arguments import Argument, Kind
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.model.rules import Rules
from amiproxy.core.policy import Judged
from amiproxy.core.policy.kinds import checks

PLAIN: dict[str, Any] = {}
CONTEXTS = {"contexts": ["internal", "team-*"]}
CHANNELS = {"channels": ["PJSIP/100", "PJSIP/1*"]}
URI = {"hosts": ["sip.example.org", "192.0.2.*"]}
PEERS = {"hosts": ["provider", "peer", "trunk"]}


def user(rules: dict[str, Any], write: str = "call,originate") -> Judged:
    converted = msgspec.convert(rules, Rules) if rules else None
    return SimpleNamespace(write=parse_classes(write), rules=converted)


def rule_of(kind: Kind, value: str, rules: dict[str, Any] = PLAIN, write: str = "call,originate") -> str:
    found = checks.refusal_of(user(rules, write), kind, value.encode())
    return "" if found is None else found.rule


def test_every_kind_has_a_check() -> None:
    assert set(checks.CHECKS) == set(Kind)


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if kind not in checks.NOT_EVALUATED], ids=lambda k: k.value
)
@pytest.mark.parametrize("value", ["${X}", "a$[1]", "^{X}", "$\\{X}", '$"\\[1]', "^\\\\{X}"])
def test_a_value_to_be_evaluated_is_refused_in_every_kind(kind: Kind, value: str) -> None:
    assert rule_of(kind, value) == "evaluated-value"


def test_only_a_few_kinds_skip_the_check_for_evaluation() -> None:
    assert {kind.value for kind in checks.NOT_EVALUATED} == {
        *("agi-command", "cli-command", "config-filter", "config-section", "config-text", "credential"),
        *("event-filter", "event-mask", "event-text", "expression", "payload", "variable-read"),
        "variables-read",
    }


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        (Kind.WORD, "Currency", ""),
        (Kind.WORD, "a`b`", "characters"),
        (Kind.INTEGER, "-12", ""),
        (Kind.INTEGER, "1|2", "characters"),
        (Kind.MILLISECONDS, "abc", ""),
        (Kind.DIGITS, "12#*A", ""),
        (Kind.DIGITS, "1;2", "characters"),
        (Kind.CODECS, "ulaw,alaw,!g729", ""),
        (Kind.CODECS, "a b", "characters"),
        (Kind.NEW_ID, "", ""),
        (Kind.NEW_ID, "call-17.x_2", ""),
        (Kind.NEW_ID, "x1;id", "characters"),
        (Kind.NEW_ID, "x" * 150, "characters"),
        (Kind.QUEUE, "Ventas España (2)", ""),
        (Kind.QUEUE, "a;b", "characters"),
        (Kind.MAILBOX, "", ""),
        (Kind.MAILBOX, "100@default,101.a@default", ""),
        (Kind.MAILBOX, "../../etc", "characters"),
        (Kind.MAILBOX_CONTEXT, "a/b", "characters"),
        (Kind.MAILBOX_PATTERN, "100@default", ""),
        (Kind.MAILBOX_PATTERN, "/.*/", "regular-expression"),
        (Kind.MEMBER_NAME, "Zoë", ""),
        (Kind.MEMBER_NAME, "x;0", "characters"),
        (Kind.QUEUE_TEXT, "a|b", "characters"),
        (Kind.QUEUE_LOG_COLUMN, "a|b", "characters"),
        (Kind.QUEUE_LOG_TEXT, "a|b", ""),
        (Kind.BASE64, "eHg=", ""),
        (Kind.BASE64, "e H", "characters"),
        (Kind.OBJECT_OR_ALL, "trunk", ""),
        (Kind.OBJECT_OR_ALL, "*all", "everything"),
        (Kind.OBJECT_OR_ALL, "ALL", "everything"),
        (Kind.CONTEXT_SHOWN, "_X.!", ""),
        (Kind.CONTEXT_SHOWN, "a;b", "characters"),
        (Kind.RECORDING, "", ""),
        (Kind.RECORDING, "calls/2026.wav", ""),
        (Kind.RECORDING, "/tmp/x", "recording-file"),
        (Kind.RECORDING, "a/../b", "recording-file"),
        (Kind.RECORDING, "a,,touch x", "recording-file"),
        (Kind.RECORDING_FORMAT, "wav", ""),
        (Kind.RECORDING_FORMAT, "wav;id", "recording-file"),
        (Kind.CONFIG_FILE, "queues.conf", ""),
        (Kind.CONFIG_FILE, "", ""),
        (Kind.CONFIG_FILE, "manager.conf", "config-file"),
        (Kind.CONFIG_FILE, "../x.conf", "config-file"),
        (Kind.CONFIG_FILTER, "", ""),
        (Kind.CONFIG_OPTIONS, "", ""),
        (Kind.CONFIG_OPTIONS, "allowdups, template,ignoreerror", ""),
        (Kind.CONFIG_OPTIONS, 'Inherit = "base"', ""),
        (Kind.CONFIG_OPTIONS, "inherit=base,allowdups", ""),
        (Kind.CONFIG_OPTIONS, 'inherit="base,other"', "config-options"),
        (Kind.CONFIG_OPTIONS, "inherit=base\\,other", "config-options"),
        (Kind.CONFIG_OPTIONS, "inherit='base,other'", "config-options"),
        (Kind.CONFIG_OPTIONS, "x", "config-options"),
        (Kind.CONFIG_OPTIONS, "catfilter=a", "regular-expression"),
        (Kind.SHELL_COMMAND, "id", "system"),
        (Kind.ANY_FILE, "/x", "system"),
        (Kind.PRIORITY, "1", ""),
        (Kind.PRIORITY, "n,1", "characters"),
        (Kind.GOSUB, "", ""),
        (Kind.GOSUB, "a,b,1", "predial-gosub"),
        (Kind.EXTENSION, "+4712345678", ""),
        (Kind.EXTENSION, "1&2", "characters"),
        (Kind.ACCOUNT, "", ""),
        (Kind.ACCOUNT, "sales:42 Łódź", ""),
        (Kind.ACCOUNT, "x;touch /tmp/a", "characters"),
        (Kind.ACCOUNT, "../x", "characters"),
        (Kind.PARKING_LOT, "default", ""),
        (Kind.PARKING_LOT, "a,b", "characters"),
    ],
)
def test_names_words_and_files_are_checked(kind: Kind, value: str, rule: str) -> None:
    assert rule_of(kind, value) == rule


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        (Kind.QUEUE, "a;b", ""),
        (Kind.OBJECT_OR_ALL, "*all", ""),
        (Kind.CONFIG_FILE, "manager.conf", "config-file"),
        (Kind.MAILBOX, "../x", "characters"),
        (Kind.NEW_ID, "x;id", "characters"),
        (Kind.CONFIG_FILTER, "name=a.*", ""),
        (Kind.CONFIG_FILTER, "name=a\\.", "config-options"),
        (Kind.CONFIG_OPTIONS, "template,catfilter=a=b,c=d", ""),
        (Kind.CONFIG_OPTIONS, 'inherit="a,b",catfilter=a', "config-options"),
        (Kind.CONFIG_FILTER, "a" * 257, "regular-expression"),
        (Kind.CONFIG_FILTER, "a{9}", "regular-expression"),
        (Kind.CHANNEL_PATTERN, "/PJSIP.*/", ""),
        (Kind.CHANNEL_PATTERN, r"/(a)\1/", "regular-expression"),
        (Kind.RECORDING, "/tmp/x", ""),
        (Kind.SHELL_COMMAND, "id", ""),
        (Kind.DIAL_STRING, "AudioSocket/h/u", ""),
        (Kind.URI, "sip:x@anywhere.example", ""),
        (Kind.VARIABLE_VALUE, "${X}", ""),
    ],
)
def test_class_system_may_send_these_values(kind: Kind, value: str, rule: str) -> None:
    assert rule_of(kind, value, write="system") == rule


@pytest.mark.parametrize(
    ("value", "rules", "rule"),
    [
        ("", PLAIN, ""),
        ("PJSIP/100", PLAIN, ""),
        ("pjsip/5551234@trunk", PLAIN, ""),
        ("PJSIP/user.name@trunk.example", PLAIN, ""),
        ("SIP/100", PLAIN, ""),
        ("SIP/5551234@provider", PLAIN, "host"),
        ("SIP/5551234@provider", PEERS, ""),
        ("SIP/5551234@100", PLAIN, ""),
        ("MGCP/aaln/1@gateway", PLAIN, ""),
        ("SCCP/alice", PLAIN, ""),
        ("DAHDI/g1/5551234", PLAIN, ""),
        ("Local/100@internal/n", PLAIN, ""),
        ("AudioSocket/127.0.0.1:1/x", PLAIN, "technology"),
        ("Message/x", PLAIN, "technology"),
        ("no-technology", PLAIN, "technology"),
        ("AudioSocket/h/x", {"technologies": ["AudioSocket"]}, "host"),
        ("AudioSocket/h/x", {"technologies": ["AudioSocket"], "hosts": ["h"]}, ""),
        ("Other/h/x", {"technologies": ["Other"]}, ""),
        ("PJSIP/100", {"technologies": ["Local"]}, "technology"),
        ("PJSIP/100,20", PLAIN, "characters"),
        ("PJSIP/1&PJSIP/2", PLAIN, "characters"),
        ("PJSIP/" + "1" * 250, PLAIN, "characters"),
        ("PJSIP/sip:x@sip.example.org", PLAIN, "host"),
        ("PJSIP/trunk/sip:x@sip.example.org", URI, ""),
        ("PJSIP/trunk/sip:x@sip.example.org:5061;transport=tcp", URI, ""),
        ("PJSIP/trunk/sip:x@sip.example.org;user=phone;LR", URI, ""),
        ("PJSIP/trunk/sip:x@sip.example.org;maddr=192.0.2.7", URI, "host"),
        ("PJSIP/trunk/sip:x@sip.example.org;transport=udp;MADDR=evil.example", URI, "host"),
        ("PJSIP/trunk/sip:x@sip.example.org;%6daddr=evil.example", URI, "host"),
        ("PJSIP/trunk/sip:x;maddr=evil.example@sip.example.org", URI, "host"),
        ("PJSIP/trunk/sip:x@sip.example.org,a", URI, "characters"),
        ("PJSIP/trunk/sip:x@evil.example", URI, "host"),
        ("SIP/100@10.0.0.1", PLAIN, "host"),
        # Each technology has the host in another part.
        ("IAX2/10.0.0.1/s@default", PLAIN, "host"),
        ("IAX2/me:pw@10.0.0.1/s@default/a", PLAIN, "host"),
        ("IAX2/me:pw@peer/s@default/a", PLAIN, "host"),
        ("IAX2/me:pw@peer/s@default/a", PEERS, ""),
        # Without a dot it may name a peer or a host: only Asterisk knows which.
        ("IAX2/localhost/s", PLAIN, "host"),
        ("IAX2/g@redis/s", PLAIN, "host"),
        ("SIP/db", PLAIN, "host"),
        ("H323/x@db", PLAIN, "host"),
        ("Motif/gtalk/x@db", PLAIN, "host"),
        ("SIP/trunk/100/10.0.0.1", PLAIN, "host"),
        ("SIP/trunk/100/proxy", PEERS, "host"),
        ("SIP/100@192.0.2.9//192.0.2.7", URI, ""),
        ("SIP/trunk/495123456789", PLAIN, "host"),
        ("SIP/trunk/495123456789", PEERS, ""),
        ("SIP/evil.example/sip:x@sip.example.org", URI, "host"),
        # The resolver accepts a number as an address.
        ("SIP/2130706433", PLAIN, "host"),
        ("SIP/0x7f000001/1", PLAIN, "host"),
        ("IAX2/017700000001/1", PLAIN, "host"),
        ("SIP/0", PLAIN, "host"),
        ("SIP/1001", PLAIN, ""),
        ("SIP/0100", PLAIN, ""),
        # The user part of a SIP address may contain a slash.
        ("PJSIP/trunk/sip:sip.example.org/x@evil.example", URI, "host"),
        ("PJSIP/trunk/sip:x@sip.example.org@evil.example", URI, "host"),
        ("PJSIP/trunk/sip:x@evil.example@sip.example.org", URI, "host"),
        ("SIP/x@192.0.2.7:5070", URI, ""),
        ("IAX2/me:pw@192.0.2.7/1", URI, ""),
        ("PJSIP/150", CHANNELS, ""),
        ("PJSIP/200", CHANNELS, "channels"),
        ("Local/1@x", CHANNELS, "channels"),
        ("Local/1@internal", CONTEXTS, ""),
        ("Local/1@outside", CONTEXTS, "contexts"),
        ("Local/1", CONTEXTS, "contexts"),
        ("PJSIP/200", CONTEXTS, ""),
    ],
)
def test_dial_strings_are_checked(value: str, rules: dict[str, Any], rule: str) -> None:
    assert rule_of(Kind.DIAL_STRING, value, rules) == rule
    if len(value) < 79:
        assert rule_of(Kind.INTERFACE, value, rules) == rule


@pytest.mark.parametrize(
    ("kind", "value", "rules", "rule"),
    [
        (Kind.COMEBACK, "PJSIP/200-00000001", CHANNELS, "channels"),
        (Kind.COMEBACK, "PJSIP/100", CHANNELS, ""),
        (Kind.COMEBACK, "Local/s@secret-0", CONTEXTS, "contexts"),
        (Kind.COMEBACK, "Local/s@team-a", CONTEXTS, "contexts"),
        (Kind.COMEBACK, "Local/s@internal-0", CONTEXTS, "contexts"),
        (Kind.COMEBACK, "Local/s@internal", CONTEXTS, ""),
        (Kind.MEMBER_KEY, "", PLAIN, ""),
        (Kind.MEMBER_KEY, "Agent/1001", PLAIN, ""),
        (Kind.MEMBER_KEY, "a|b", PLAIN, "characters"),
        (Kind.MEMBER_KEY, "PJSIP/200", CHANNELS, "channels"),
        (Kind.STATE_INTERFACE, "", PLAIN, ""),
        (Kind.STATE_INTERFACE, "hint:100@internal", CONTEXTS, ""),
        (Kind.STATE_INTERFACE, "hint:100@outside", CONTEXTS, "contexts"),
        (Kind.STATE_INTERFACE, "PJSIP/100;1", PLAIN, "characters"),
        (Kind.STATE_INTERFACE, "PJSIP/200", CHANNELS, "channels"),
        (Kind.CHANNEL, "PJSIP/150-00000001", CHANNELS, ""),
        (Kind.CHANNEL, "PJSIP/200-00000001", CHANNELS, "channels"),
        (Kind.CHANNEL, "1700000000.1", CHANNELS, "channels"),
        (Kind.CHANNEL, "1700000000.1", CONTEXTS, ""),
        (Kind.CHANNEL, "", CHANNELS, ""),
        (Kind.CHANNEL_PREFIX, "PJSIP/100", CHANNELS, "channels"),
        (Kind.CHANNEL_PREFIX, "PJSIP/100-1", CHANNELS, "channels"),
        (Kind.CHANNEL_PREFIX, "PJSIP/100-0000000a", CHANNELS, ""),
        (Kind.CHANNEL_PREFIX, "IAX2/1-17", {"channels": ["IAX2/1"]}, ""),
        (Kind.CHANNEL_PREFIX, "PJSIP/100", PLAIN, ""),
        (Kind.CHANNEL_PATTERN, "/.*/", PLAIN, "channel-pattern"),
        (Kind.CHANNEL_PATTERN, "/.*/", CHANNELS, "channels"),
        (Kind.CHANNEL_PATTERN, "PJSIP/100-00000001", CHANNELS, ""),
        (Kind.CHANNEL_OR_ALL, "all", CHANNELS, "channels"),
        (Kind.CHANNEL_OR_ALL, "all", PLAIN, ""),
        (Kind.WHOLE_CONFERENCE, "1", CHANNELS, "channels"),
        (Kind.WHOLE_CONFERENCE, "1", PLAIN, ""),
        (Kind.CONTEXT, "", CONTEXTS, ""),
        (Kind.CONTEXT, "team-b", CONTEXTS, ""),
        (Kind.CONTEXT, "outside", CONTEXTS, "contexts"),
        (Kind.CONTEXT, "a b", PLAIN, "characters"),
        (Kind.PARKING_LOT, "internal", CONTEXTS, "contexts"),
        (Kind.PARKING_LOT, "", CONTEXTS, ""),
        (Kind.URI, "", PLAIN, ""),
        (Kind.FOLDER, "INBOX", PLAIN, ""),
        (Kind.FOLDER, "../../other/1/INBOX", PLAIN, "characters"),
        (Kind.URI, "pjsip:100", PLAIN, ""),
        (Kind.URI, "sip:100", PLAIN, ""),
        (Kind.URI, "pjsip:100", CHANNELS, "channels"),
        (Kind.URI, "sip:10.0.0.1", PLAIN, "host"),
        (Kind.URI, "pjsip:trunk/sip:x@sip.example.org", URI, ""),
        (Kind.URI, "pjsip:trunk/sip:x@evil.example", URI, "host"),
        (Kind.URI, "xmpp:someone@evil.example", URI, "host"),
        (Kind.URI, "xmpp:someone@192.0.2.3", URI, ""),
        # Without a scheme it is still a host where Asterisk knows no address of that name.
        (Kind.URI, "pjsip:10.0.0.1", PLAIN, "host"),
        (Kind.URI, "pjsip:100/10.0.0.1:5099", PLAIN, "host"),
        (Kind.URI, "pjsip:100/100", PLAIN, ""),
        (Kind.URI, "pjsip:100/sip:2130706433", PLAIN, "host"),
        (Kind.URI, "pjsip:200/1;maddr=192.0.2.7", URI, "host"),
        (Kind.URI, "pjsip:200/sip:x@sip.example.org;maddr=127.0.0.1", URI, "host"),
        (Kind.URI, "pjsip:200/sip:x@sip.example.org?Route=evil.example", URI, "host"),
        (Kind.URI, "pjsip:alice", PLAIN, ""),
        (Kind.URI, "pjsip:alice/db", PLAIN, "host"),
        (Kind.URI, "pjsip:alice/db;transport=udp", PLAIN, "host"),
        (Kind.URI, "pjsip:alice/trunk", PEERS, ""),
        (Kind.URI, "pjsip:alice/sip:db", PLAIN, "host"),
        (Kind.URI, "pjsip:sip:db", PLAIN, "host"),
        (Kind.URI, "sip:db", PLAIN, "host"),
        (Kind.URI, "sip:100/db", PLAIN, "host"),
        (Kind.URI, "pjsip:trunk/sip:sip.example.org/x@evil.example", URI, "host"),
        (Kind.URI, "pjsip:trunk/sip:first.last@sip.example.org;transport=tcp", URI, ""),
        (Kind.URI, 'pjsip:"First Last" <sip:x@sip.example.org>', URI, ""),
    ],
)
def test_channels_and_contexts_are_checked(kind: Kind, value: str, rules: dict[str, Any], rule: str) -> None:
    assert rule_of(kind, value, rules) == rule


def test_a_refusal_names_the_argument_and_not_its_value() -> None:
    refused = checks.refusal(user(PLAIN), Argument(b"Exten", Kind.EXTENSION), b"1&secret")
    assert refused is not None
    assert refused.hint.startswith("Exten: ")
    assert "secret" not in refused.hint


def test_a_value_may_be_restricted_to_a_list() -> None:
    argument = Argument(b"Command", Kind.TEXT, one_of=(b"xstat", b"sawstat"))
    assert checks.refusal(user(PLAIN), argument, b"XStat") is None
    refused = checks.refusal(user(PLAIN), argument, b"Kill")
    assert refused is not None
    assert refused.rule == "one-of"
