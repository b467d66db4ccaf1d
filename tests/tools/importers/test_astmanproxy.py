"""AstManProxy's users: they get rules equivalent to their fields, and never more rights."""

from pathlib import Path

import pytest

from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.privilege import parse_classes
from amiproxy.config import parse_users
from amiproxy.core.model.phc import verify
from amiproxy.tools.importers import Imported, SecretForm, findings, import_astmanproxy_users
from amiproxy.tools.importers.astmanproxy import DEFAULT_READ, DEFAULT_WRITE
from amiproxy.tools.importers.rates import PER_USER, PROPOSED

#: The entry of a user whose line has no fields.
PLAIN: dict[str, object] = {"read": list(DEFAULT_READ), "write": list(DEFAULT_WRITE)}
if PER_USER:
    PLAIN["limits"] = PROPOSED


def users(text: str) -> Imported:
    result = import_astmanproxy_users("astmanproxy.users", text, "md5")
    if result.users:
        parse_users(Path("users.yaml"), result.users_yaml())
    return result


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("bill=pass", {}),
        ("steve=pass,PJSIP/snom190", {
            "channels": ["PJSIP/snom190"],
            "scope": {"channels": ["PJSIP/snom190"], "more_events": False}}),
        ("steve=pass,SIP", {"channels": ["SIP/*"], "scope": {"channels": ["SIP/*"], "more_events": False}}),
        ("steve=pass,SIP/", {"channels": ["SIP/*"], "scope": {"channels": ["SIP/*"], "more_events": False}}),
        ("dave=pass,,outbound", {"contexts": ["outbound"]}),
        ("dave=pass,,,incoming", {"scope": {"contexts": ["incoming"], "more_events": False}}),
        ("dave=pass,,,incoming,,,yes", {"scope": {"contexts": ["incoming"], "more_events": True}}),
        ("dave=pass,SIP/1,,incoming", {
            "channels": ["SIP/1"], "scope": {"channels": ["SIP/1"], "more_events": False}}),
        ("dave=pass,,,,billing", {"rules": [{"action": "Originate", "header": "Account", "set": "billing"}]}),
        ("dave = pass , , , , , , on ; all that goes on", {}),
    ],
)  # fmt: skip
def test_a_field_becomes_a_rule(line: str, rules: dict[str, object]) -> None:
    result = users(line)
    [found] = result.users.values()
    assert found == {**PLAIN, "md5_secret": "pass", **rules}


def test_lines_are_read_as_astmanproxy_reads_them() -> None:
    result = users("; comment\n# comment\n\n a b = s e=c #ret\nc=d\r\n")
    assert {name: entry["md5_secret"] for name, entry in result.users.items()} == {"ab": "sec", "c": "d"}


@pytest.mark.parametrize(
    ("text", "level", "part"),
    [
        ("a=s,SIP/10", "changed", "SIP/10 covered SIP/1002"),
        ("a=s,,local", "changed", "outside its out context"),
        ("a=s,SIP/1,,in", "changed", "in all contexts, not only in its in context"),
        ("a=s,,,,,pbx2", "changed", "may use only that one now"),
        ("a=", "lost", "has no secret"),
        ("=x", "lost", "a user's name is empty"),
        ("a=1\nA=2", "changed", "appears twice"),
        ("a=1,b|c", "lost", "imported disabled"),
        ("a=1,,two&three", "lost", "imported disabled"),
        ("a=1,,,,caf\udce9", "lost", "imported disabled"),
        ("a=\udce9", "lost", "not text that YAML can hold"),
        ("a=1", "changed", "let every user run any action"),
    ],
)
def test_differences_are_reported(text: str, level: str, part: str) -> None:
    assert [note.level for note in users(text).notes if part in note.text] == [level]


@pytest.mark.parametrize("line", ["a=1,b|c", "a=1,,two&three", "a=1,,,a&b", "a=1,,,,caf\udce9"])
def test_a_user_whose_restrictions_cannot_be_expressed_is_disabled(line: str) -> None:
    assert users(line).users["a"]["disabled"] is True


def test_the_last_line_of_a_user_is_kept() -> None:
    assert users("a=1\nA=2").users == {"a": {**PLAIN, "md5_secret": "2"}}


def test_secrets_are_hashed_and_classes_chosen() -> None:
    result = import_astmanproxy_users("f", "a=hunter2", "argon2id", ("call",), ())
    assert verify(str(result.users["a"]["secret"]), b"hunter2")
    assert result.users["a"]["read"] == ["call"]
    assert result.users["a"]["write"] == []
    report = "\n".join(map(str, result.notes))
    assert "Challenge" in report
    assert "hunter2" not in report


# -- additions of version 1.30 ---------------------------------------------


def sees(result: Imported, name: str, event: bytes, classes: str) -> bool:
    """Whether the user would receive an event of this name that has one of these classes."""
    entry = parse_users(Path("users.yaml"), result.users_yaml()).users[name]
    raw = b"Event: " + event + b"\r\n\r\n"
    return bool(entry.read_mask & parse_classes(classes)) and FilterSet(entry.compiled_filters()).admits(raw)


@pytest.mark.parametrize(
    ("filters", "seen"),
    [
        ("", {b"Cdr", b"Bridge", b"Transfer", b"VarSet", b"Newchannel"}),
        ("cdronly", {b"Cdr"}),
        ("CDRonly", {b"Cdr"}),
        ("brionly", {b"Bridge"}),
        ("xfronly", {b"Transfer"}),
        ("novar", {b"Cdr", b"Bridge", b"Transfer", b"Newchannel"}),
        ("cdronly|novar", {b"Cdr"}),
        ("cdronly | xfronly", {b"Cdr", b"Transfer"}),
        ("only cdronly and brionly", {b"Cdr", b"Bridge"}),
        ("nothing", {b"Cdr", b"Bridge", b"Transfer", b"VarSet", b"Newchannel"}),
    ],
)
def test_the_eighth_field_narrows_the_events(filters: str, seen: set[bytes]) -> None:
    result = users(f"bob=pw,,,,,,,{filters}")
    events = {
        b"Cdr": "cdr",
        b"Bridge": "call",
        b"Transfer": "call",
        b"VarSet": "dialplan,call",
        b"Newchannel": "call",
    }
    assert {name for name, classes in events.items() if sees(result, "bob", name, classes)} == seen


def test_an_eighth_field_leaves_only_the_classes_it_needs() -> None:
    assert users("bob=pw,,,,,,,cdronly").users["bob"]["read"] == ["cdr"]
    assert users("bob=pw,,,,,,,novar").users["bob"]["read"] == list(DEFAULT_READ)
    everything = import_astmanproxy_users("f", "bob=pw,,,,,,,cdronly|brionly", "md5", ("all",), ())
    assert everything.users["bob"]["read"] == ["call", "cdr"]
    # No field grants a class that --read withholds.
    without = import_astmanproxy_users("f", "bob=pw,,,,,,,cdronly", "md5", ("call",), ())
    assert without.users["bob"]["read"] == []
    assert any("does not read class cdr" in note.text for note in without.notes)


def test_a_clients_own_filter_cannot_add_to_an_eighth_field() -> None:
    entry = users("bob=pw,,,,,,,cdronly").users["bob"]
    assert entry["actions"] == {"deny": ["Filter"]}
    assert "actions" not in users("bob=pw,,,,,,,novar").users["bob"]


@pytest.mark.parametrize(
    ("text", "level", "part"),
    [
        ("a=s,,,,,,,cdronly", "changed", "saw Cdr events only"),
        (
            "a=s,SIP/1,,,,,,cdronly",
            "changed",
            "here its channel or in context limits them",
        ),
        ("a=s,,,,,,,brionly", "changed", "Asterisk 12 and later send no Bridge event"),
        ("a=s,,,,,,,xfronly", "changed", "Asterisk 12 and later send no Transfer event"),
        ("a=s,,,,,,,cdronly|loud", "lost", "its last field has a word that is not a filter"),
        ("a=s,,Local", "changed", "reads the context of this file in lower case"),
        ("a=s,,,,Sales", "changed", "reads the account of this file in lower case"),
        ("a=two words", "fyi", "its secret has blanks or ="),
        ('a="two, words"', "fyi", "its secret has quotes"),
    ],
)
def test_differences_from_1_30_are_reported(text: str, level: str, part: str) -> None:
    assert [note.level for note in users(text).notes if part in note.text] == [level]


def test_contexts_and_account_are_in_lower_case() -> None:
    entry = users("a=s,,Local,,Sales").users["a"]
    assert entry["contexts"] == ["local"]
    assert entry["rules"] == [{"action": "Originate", "header": "Account", "set": "sales"}]


def test_contexts_open_no_local_channel_that_the_channel_closed() -> None:
    entry = users("a=s,SIP/1,local").users["a"]
    assert entry["rules"] == [
        {"action": "Originate", "header": "Channel", "require": {"prefix": "SIP/1"}},
    ]


@pytest.mark.parametrize("form", ["md5", "argon2id"])
def test_a_hash_does_not_become_a_secret(form: SecretForm) -> None:
    text = "a=$2a$08$c29tZXNhbHRzb21lc2FsdOlaSsXQZzXKgxD0RRNNr9bkRrvbqdMLC,SIP/1\n"
    result = import_astmanproxy_users("f", text, form)
    assert result.users == {}
    [note] = result.notes
    assert note.level == "lost"
    assert "begins with $" in note.text
    assert "$2a" not in str(note)


def test_a_hundred_channels_are_one_line_of_the_report() -> None:
    result = users("\n".join(f"u{number}=s,SIP/{number},local" for number in range(100)))
    lines = [str(finding) for finding in findings(result.notes)]
    [line] = [line for line in lines if "SIP/10 covered SIP/1002" in line]
    assert line.startswith("astmanproxy.users:1 and 99 more: changed: 100 users (u0, u1, ")
    assert "u9 and 90 more)" in line
    assert len(lines) < 6
