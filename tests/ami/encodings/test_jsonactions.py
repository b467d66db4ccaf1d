"""A JSON object becomes the action that it says, or is refused: nothing in it can add a header of its own."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings.json import event_object
from amiproxy.ami.encodings.jsonactions import UnfitAction, action_of, object_in
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import parse_action
from amiproxy.core.policy.dialplan.functions import arguments


def test_members_are_headers() -> None:
    members = object_in(b'{"Action": "Originate", "Async": true, "Timeout": 3000, "Early-Media": false}')
    assert action_of(members) == (
        b"Action: Originate\r\nAsync: true\r\nTimeout: 3000\r\nEarly-Media: false\r\n\r\n"
    )


def test_an_array_repeats_its_header() -> None:
    assert action_of({"Action": "X", "Variable": ["A=1", "B=2"], "None": []}) == (
        b"Action: X\r\nVariable: A=1\r\nVariable: B=2\r\n\r\n"
    )


def test_an_object_assigns_variables() -> None:
    members = {"Action": "X", "variable": {"A": "1", "CALLERID(num)": "2", "C": ""}}
    assert action_of(members) == (
        b"Action: X\r\nvariable: A=1\r\nvariable: CALLERID(num)=2\r\nvariable: C=\r\n\r\n"
    )


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20))
def test_the_value_of_a_variable_is_exactly_that(value: str) -> None:
    line = action_of({"Variable": {"A": value}}).removesuffix(b"\r\n\r\n")
    assert arguments(line.removeprefix(b"Variable: ")) == [b"A=" + value.encode()]


def test_the_id_replaces_the_action_id() -> None:
    members = {"Action": "Ping", "ActionID": "1"}
    assert action_of(members) == b"Action: Ping\r\nActionID: 1\r\n\r\n"
    assert action_of(members, b"2") == b"Action: Ping\r\nActionID: 2\r\n\r\n"
    assert action_of(members, b"") == b"Action: Ping\r\n\r\n"


@pytest.mark.parametrize(
    "members",
    [
        {"": "1"},
        {"A:b": "1"},
        {"A b": "1"},
        {"1A": "1"},
        {"Zo\xeb": "1"},
        {"A\n": "1"},
        {"A" * 65: "1"},
        {"A": "1\r\nB: 2"},
        {"A": "1\nB: 2"},
        {"A": "1\0"},
        {"A": "\x1b"},
        {"A": None},
        {"A": {}},
        {"A": [[]]},
        {"A": [{}]},
        {"A": ["1\n"]},
        {"A": "\ud800"},
        {"A": "1", "a": "2"},
        {"Action": ["Ping"]},
        {"ActionID": ["1"]},
        {"Variable": {"": "1"}},
        {"Variable": {"A=B": "1"}},
        {"Variable": {"A,B": "1"}},
        {"Variable": {'"A': "1"}},
        {"Variable": {"A\nB": "1"}},
        {"Variable": {"A": "1\n"}},
        {"Variable": {"A": None}},
        {"Variable": {"A": ["1"]}},
    ],
)
def test_what_no_header_can_be_is_refused(members: Mapping[str, object]) -> None:
    with pytest.raises(UnfitAction):
        action_of(members)


def test_an_id_with_a_line_end_is_refused() -> None:
    with pytest.raises(UnfitAction):
        action_of({"Action": "Ping"}, b"1\r\nAction: Logoff")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"1",
        b"[]",
        b'"Ping"',
        b"null",
        b"{",
        b"{}x",
        b"{'A': 1}",
        b'{"A": NaN}',
        b'{"A": -Infinity}',
        b'{"A": 1, "A": 2}',
        b'{"Variable": {"A": 1, "A": 2}}',
        b'{"A": "\xff"}',
        b'\xef\xbb\xbf{"A": 1}',
        b'{"A": "\n"}',
        b"[" * 60_000,
        b'{"A":' * 10_000,
    ],
)
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(UnfitAction):
        object_in(text)


def test_numbers_are_kept_as_they_are_written() -> None:
    digits = b"9" * 5000
    assert object_in(b'{"A": 1.50, "B": -0, "C": 1e999, "D": %b}' % digits) == {
        "A": "1.50",
        "B": "-0",
        "C": "1e999",
        "D": digits.decode(),
    }


_KEYS = st.one_of(st.sampled_from(["Action", "ActionID", "Variable", "Channel"]), st.text(max_size=5))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=5))
def test_no_object_becomes_more_than_one_action(members: dict[str, object]) -> None:
    try:
        raw = action_of(object_in(json.dumps(members).encode()))
    except UnfitAction:
        return
    if not members or raw == b"\r\n\r\n":
        return
    assert ActionFramer().feed(raw) == [raw]
    assert b"\0" not in raw
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    given_names = {name.lower().encode() for name in members}
    assert {name.lower() for name, _ in parse_action(raw).headers} <= given_names


_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
_TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20).map(str.lstrip)


@given(st.dictionaries(_NAMES, st.one_of(_TEXTS, st.lists(_TEXTS, min_size=2, max_size=3)), max_size=5))
def test_what_ami_says_comes_back_as_the_same_action(members: dict[str, str | list[str]]) -> None:
    folded = {
        name.lower(): (name, value) for name, value in members.items() if name.lower() != "proxysequence"
    }
    raw = b"Action: Ping\r\n"
    for name, value in folded.values():
        if name.lower() not in ("action", "actionid", "output", "chanvariable"):
            for text in value if isinstance(value, list) else [value]:
                raw += f"{name}: {text}\r\n".encode()
    raw += b"\r\n"
    assert parse_action(action_of(object_in(event_object(raw)))) == parse_action(raw)
