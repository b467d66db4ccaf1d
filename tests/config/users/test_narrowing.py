"""The rights at one server: whatever ``on`` says, they are no more than the user's own."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Action, parse_action
from amiproxy.ami.privilege import CLASS_NAMES
from amiproxy.config import ConfigErrors, UserEntry, parse_users
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.usertable import user_of
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.model.rules import Rules
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow, decide, may_run
from tests.core.policy import application_rows, rows

SERVERS = ServerNames(("pbx1", "pbx2"), named=True)
SECRET = "s" * 30


def entry_of(keys: dict[str, Any]) -> UserEntry:
    written = json.dumps({"users": {"u": {"md5_secret": SECRET, "servers": ["*"], **keys}}})
    return parse_users(Path("users.yaml"), written.encode()).users["u"]


def problems_of(keys: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        entry_of(keys)
    return [f"{problem.key_path}: {problem.text}" for problem in errors.value.problems]


def user(**keys: Any) -> User:
    return user_of("u", entry_of(keys), SERVERS)


def test_rights_that_on_does_not_mention_are_the_users() -> None:
    everywhere = user(read="all", write="all", contexts=["a"], on={"pbx2": {"write": ["call"]}})
    there = everywhere.at("pbx2")
    assert (there.read, there.rules) == (everywhere.read, everywhere.rules)
    assert there.write < everywhere.write
    assert everywhere.at("pbx1") is everywhere


def test_rules_are_added_to_those_of_the_user() -> None:
    first = {"action": "Originate", "header": "Exten", "require": {"prefix": "1"}}
    second = {"action": "Originate", "header": "Context", "require": {"exact": "a"}}
    there = user(rules=[first], on={"pbx2": {"rules": [second]}}).at("pbx2")
    assert there.rules is not None
    assert [rule.header for rule in there.rules.rules] == ["Exten", "Context"]


def test_a_scope_may_be_given_at_one_server_alone() -> None:
    found = user(read="all", on={"pbx2": {"scope": {"channels": ["PJSIP/1*"]}}})
    assert found.rules is None
    assert found.has_scope
    there = found.at("pbx2").rules
    assert there is not None
    assert there.scope is not None


EXTEN: Final = {"action": "Originate", "header": "Exten"}


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"on": {"pbx2": {}}}, ""),
        ({"on": {"pbx2": {"read": ["call"]}}}, ".read"),
        ({"write": "call", "on": {"pbx2": {"write": "call,originate"}}}, ".write"),
        ({"read": "call", "on": {"pbx2": {"read": "all"}}}, ".read"),
        ({"on": {"pbx2": {"read": None}}}, ".read"),
        ({"on": {"pbx2": {"read": ["cal"]}}}, ".read"),
        ({"on": {"pbx2": {"rules": [EXTEN]}}}, ".rules[0]"),
        ({"on": {"pbx2": {"scope": {}}}}, ".scope"),
        ({"scope": {"channels": ["PJSIP/1*"]}, "on": {"pbx2": {"scope": {"channels": ["PJSIP/2"]}}}},
         ".scope.channels[0]"),
        ({"scope": {"channels": ["PJSIP/1"]}, "on": {"pbx2": {"scope": {"channels": ["PJSIP/*"]}}}},
         ".scope.channels[0]"),
        ({"scope": {"channels": ["PJSIP/1*"]},
          "on": {"pbx2": {"scope": {"channels": ["PJSIP/10"], "contexts": ["a"]}}}}, ".scope.contexts[0]"),
        ({"scope": {"contexts": ["a*"]},
          "on": {"pbx2": {"scope": {"contexts": ["ab*"], "accountcodes": ["a"]}}}}, ".scope.accountcodes[0]"),
        ({"scope": {"contexts": ["a"]}, "on": {"pbx2": {"scope": {"contexts": ["a"], "more_events": True}}}},
         ".scope.more_events"),
        ({"rules": [{**EXTEN, "require": {"prefix": "1"}}],
          "on": {"pbx2": {"rules": [{**EXTEN, "set": "2"}]}}}, ".rules[0].set"),
        ({"rules": [{**EXTEN, "action": "Orig*", "set": "1"}],
          "on": {"pbx2": {"rules": [{**EXTEN, "action": "*nate", "remove": True}]}}}, ".rules[0].remove"),
        ({"scope": {"contexts": ["a"]},
          "on": {"pbx2": {"rules": [{"action": "Status", "header": "Channel", "remove": True}]}}},
         ".rules[0].remove"),
        ({"scope": {"contexts": ["a"]},
          "on": {"pbx2": {"rules": [{"action": "Originate", "header": "ChannelId", "set": "x"}]}}},
         ".rules[0].set"),
    ],
)  # fmt: skip
def test_rights_at_a_server_that_are_not_fewer_are_refused(keys: dict[str, Any], key: str) -> None:
    (problem,) = problems_of(keys)
    assert problem.startswith(f"users.u.on.pbx2{key}: ")


@pytest.mark.parametrize(
    "keys",
    [
        {"read": "all", "on": {"pbx2": {"read": "none", "write": []}}},
        {"scope": {"channels": ["pjsip/1*"]}, "on": {"pbx2": {"scope": {"channels": ["PJSIP/1*2"]}}}},
        {"rules": [{**EXTEN, "set": "1"}],
         "on": {"pbx2": {"rules": [{"action": "Hangup", "header": "Cause", "remove": True}]}}},
        {"rules": [{**EXTEN, "action": "Orig*", "set": "1"}],
         "on": {"pbx2": {"rules": [{"action": "Queue*", "header": "Queue", "set": "a"}]}}},
        {"scope": {"contexts": ["a"]}, "on": {"pbx2": {"rules": [{**EXTEN, "set": "2"}]}}},
    ],
)  # fmt: skip
def test_fewer_rights_at_a_server_are_accepted(keys: dict[str, Any]) -> None:
    assert entry_of(keys).on


# -- whatever is written -----------------------------------------------------------

ACTIONS: Final = tuple(
    dict.fromkeys(
        parse_action(row.raw)
        for module in (rows, application_rows)
        for group in vars(module).values()
        if isinstance(group, list | tuple) and group and isinstance(group[0], rows.Row)
        for row in group
    )
)
_CLASSES = st.lists(st.sampled_from(CLASS_NAMES), unique=True) | st.just(["all"])
_PATTERN = st.sampled_from(
    ["Originate", "Orig*", "*", "Redirect", "Getvar", "Status", "Command", "Queue*", "UserEvent", "*r"]
)
_HEADER = st.sampled_from(
    [
        *("Channel", "Context", "Exten", "Priority", "Application", "Data", "CallerID", "Variable"),
        *("Variables", "Command", "ChannelId", "Queue", "Interface", "Account", "Timeout"),
    ]
)
_VALUE = st.sampled_from(["lab", "answer", "1", "PJSIP/100", "Local/x@lab", "A=1", "CHANNELS()", ""])
_CHANGE = st.one_of(
    st.builds(lambda value: {"set": value}, _VALUE),
    st.just({"remove": True}),
    st.builds(lambda value: {"require": {"prefix": value}}, _VALUE),
    st.builds(lambda value, other: {"require": {"exact": value}, "set": other}, _VALUE, _VALUE),
)
_RULE = st.builds(
    lambda action, header, change: {"action": action, "header": header, **change}, _PATTERN, _HEADER, _CHANGE
)
_SCOPE = st.fixed_dictionaries(
    {},
    optional={
        "channels": st.lists(st.sampled_from(["PJSIP/1*", "PJSIP/100", "pjsip/*", "Local/x@*"]), min_size=1),
        "contexts": st.lists(st.sampled_from(["lab", "l*", "*"]), min_size=1),
        "accountcodes": st.lists(st.sampled_from(["a", "b"]), min_size=1),
        "more_events": st.booleans(),
    },
).filter(lambda scope: any(scope.values()))
_OWN = st.fixed_dictionaries(
    {"read": _CLASSES, "write": _CLASSES},
    optional={
        "rules": st.lists(_RULE, max_size=3),
        "scope": _SCOPE,
        "contexts": st.lists(st.sampled_from(["lab", "l*"])),
        "channels": st.lists(st.sampled_from(["PJSIP/1*", "Local/*"])),
        "commands": st.lists(st.sampled_from(["core show", "queue show"])),
        "functions": st.lists(st.sampled_from(["CALLERID", "CHANNELS"])),
        "variables": st.lists(st.sampled_from(["A", "C*"])),
        "applications": st.lists(st.sampled_from(["Playback", "ChanSpy"])),
        "actions": st.builds(lambda names: {"allow": names}, st.lists(st.sampled_from(["Orig*", "Status"]))),
    },
)


@st.composite
def entries(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys of a user, and those at one server, most of which are accepted."""
    own = draw(_OWN)
    on: dict[str, Any] = {}
    for key in draw(st.sets(st.sampled_from(["read", "write"]))):
        among = CLASS_NAMES if own[key] == ["all"] else tuple(own[key])
        on[key] = draw(st.lists(st.sampled_from(among), unique=True)) if among else []
    about = {rule["action"] for rule in own.get("rules", ())}
    rules = draw(st.lists(_RULE, max_size=3))
    if rules:
        # Rules that change an action are refused beside rules of the user's own for it.
        on["rules"] = [one for one in rules if "require" in one or not about]
    if draw(st.booleans()):
        on["scope"] = draw(_SCOPE if "scope" not in own else st.just(own["scope"]) | _SCOPE)
    return own, on


def without_problems(own: dict[str, Any], on: dict[str, Any]) -> User | None:
    try:
        return user(**own, on={"pbx2": on})
    except ConfigErrors:
        return None


@given(entries(), st.data())
def test_nothing_is_allowed_at_a_server_that_is_not_allowed_elsewhere(
    written: tuple[dict[str, Any], dict[str, Any]], data: st.DataObject
) -> None:
    everywhere = without_problems(*written)
    if everywhere is None:
        return
    there = everywhere.at("pbx2")
    assert there.read & ~everywhere.read == 0
    for listed in SHIPPED:
        assert may_run(everywhere, listed) or not may_run(there, listed)
    for action in data.draw(st.lists(st.sampled_from(ACTIONS), min_size=20, max_size=40)):
        found = decide(there, action, SHIPPED)
        if isinstance(found, Allow):
            _allowed_elsewhere(everywhere, there.rules, action, found.action)


def _allowed_elsewhere(everywhere: User, rules: Rules | None, action: Action, sent: Action) -> None:
    """What is sent is something that the user may send elsewhere."""
    forced = [
        (rule.header.encode().lower(), (rule.set or "").encode())
        for rule in (rules.rules if rules is not None else ())
        if rule.set is not None and rule.header.lower() == "variable"
    ]
    left = list(sent.headers)
    while left and (left[0][0].lower(), left[0][1]) in forced:
        del left[0]  # variables that the operator forces are not judged
    unforced = sent if len(left) == len(sent.headers) else Action(tuple(left))
    elsewhere = decide(everywhere, unforced, SHIPPED)
    assert isinstance(elsewhere, Allow), (action, sent)


@given(_SCOPE, _SCOPE, st.data())
def test_no_event_is_seen_at_a_server_that_is_not_seen_elsewhere(
    own: dict[str, Any], there: dict[str, Any], data: st.DataObject
) -> None:
    found = without_problems({"read": "all", "scope": own}, {"scope": there})
    if found is None:
        return
    scopes = [one.rules.scope for one in (found, found.at("pbx2")) if one.rules is not None]
    tracker = CallTracker()
    wide, narrow = (tracker.follow(scope) for scope in scopes if scope is not None)
    widely: list[bytes] = []
    for number, event in enumerate(data.draw(st.lists(_EVENT, max_size=20))):
        raw = event % number
        call = tracker.feed(raw)
        widely += wide.admit(call, raw)
        assert set(narrow.admit(call, raw)) <= set(widely)


_EVENT: Final = st.builds(
    lambda number, device, context, account: (
        (
            b"Event: Newchannel\r\nPrivilege: call,all\r\nNumber: %%d\r\nChannel: %s-%d\r\nContext: %s\r\n"
            b"AccountCode: %s\r\nUniqueid: %d\r\nLinkedid: %d\r\n\r\n"
        )
        % (device, number, context, account, number, number)
    ),
    st.integers(1, 4),
    st.sampled_from([b"PJSIP/100", b"PJSIP/200", b"SIP/1"]),
    st.sampled_from([b"lab", b"l", b"other"]),
    st.sampled_from([b"a", b"b", b"c", b""]),
)
