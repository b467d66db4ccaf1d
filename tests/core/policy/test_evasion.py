"""Another spelling of a refused action is refused too: parse once, decide on that, send only that."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.errors import ControlCharacter, ProtocolError
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import Action, parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.policy import Allow, Deny, Judged, decide
from tests.core.policy.application_rows import APPLICATIONS
from tests.core.policy.rows import ROWS, Row

ALL_ROWS = [*ROWS, *APPLICATIONS]
REFUSED = [row for row in ALL_ROWS if row.text is not None and row.rule != "unknown"]
JUNK = [
    b"no colon at all",
    b" Action: Ping",
    b"Action : Ping",
    b"\tVariable: x",
    b": nameless",
    "Àction: Ping".encode(),
]
BENIGN = {b"action": b"Ping", b"actionid": b"7"}


def user_of(row: Row) -> Judged:
    return SimpleNamespace(write=parse_classes(row.write), rules=None)


def other_case(draw: st.DrawFn, text: bytes) -> bytes:
    upper = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return bytes(
        ord(chr(code).upper()) if up and code < 128 else ord(chr(code).lower()) if code < 128 else code
        for code, up in zip(text, upper, strict=True)
    )


@st.composite
def spellings(draw: st.DrawFn) -> tuple[Row, bytes, bool]:
    """A refused row, another way to write it, and whether a header occurs twice."""
    row = draw(st.sampled_from(REFUSED))
    headers = [line.partition(b":") for line in row.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")]
    order = list(range(len(headers)))
    names = [name.lower() for name, _, _ in headers]
    if len(set(names)) == len(names):
        order = draw(st.permutations(order))
    lines: list[bytes] = []
    for index in order:
        name, _, value = headers[index]
        value = value.lstrip()
        if names[index] == b"action":
            value = other_case(draw, value)
        blanks = draw(st.sampled_from([b"", b" ", b"\t", b"   ", b" \t "]))
        lines.append(other_case(draw, name) + b":" + blanks + value)
    for junk in draw(st.lists(st.sampled_from(JUNK), max_size=3)):
        lines.insert(draw(st.integers(0, len(lines))), junk)
    twice = draw(st.booleans())
    if twice:
        # Asterisk ignores a later duplicate; in a UserEvent it is more payload.
        name, _, _ = headers[draw(st.integers(0, len(headers) - 1))]
        lines.append(name + b": " + BENIGN.get(name.lower(), b"x=1"))
    end = draw(st.sampled_from([b"\r\n", b"\n"]))
    return row, b"".join(line + end for line in lines) + end, twice


@given(spellings())
def test_no_other_spelling_of_a_refused_action_is_allowed(case: tuple[Row, bytes, bool]) -> None:
    row, raw, twice = case
    verdict = decide(user_of(row), parse_action(raw), SHIPPED)
    assert isinstance(verdict, Deny)
    # A second value is judged too, so another rule may refuse it first.
    assert twice or (verdict.text, verdict.rule) == (row.text, row.rule)


BYTES = [
    b"\0", b"\r", b"\n", b"\r\n\r\n", b"\n\n", b"\x0b", b"\x0c", b"\x1c", b"\x85", b"\xa0", b"\xff",
    b'"', b"\\", b",", b"(", b")", b"[", b"]", b"=", b":", b" ", b"\t", b"Action: Ping\r\n",
    b"\r\nAction:\r\n", b"Variable: A=1\r\n", "\u2028".encode(), "\uff21".encode(),
]  # fmt: skip


@given(
    st.sampled_from(REFUSED),
    st.lists(st.tuples(st.sampled_from(BYTES), st.integers(0, 400)), min_size=1, max_size=4),
)
def test_the_allowed_action_is_the_one_that_is_sent(row: Row, edits: list[tuple[bytes, int]]) -> None:
    raw = row.raw
    for piece, place in edits:
        cut = place % (len(raw) + 1)
        raw = raw[:cut] + piece + raw[cut:]
    user = user_of(row)
    try:
        messages = ActionFramer().feed(raw + b"\r\n\r\n")
    except ProtocolError:
        return
    for message in messages:
        try:
            action = parse_action(message)
        except ProtocolError:
            continue
        if not action.name:
            continue
        verdict = decide(user, action, SHIPPED)
        if isinstance(verdict, Allow):
            assert_judged_is_sent(user, verdict.action)


def assert_judged_is_sent(user: Judged, action: Action) -> None:
    sent = action.serialise(b"relay")
    assert ActionFramer().feed(sent) == [sent]
    assert [line[:7].lower() for line in sent.split(b"\r\n")].count(b"action:") == 1
    again = parse_action(sent)
    assert [header for header in again.headers if header[0].lower() != b"actionid"] == [
        header for header in action.headers if header[0].lower() != b"actionid"
    ]
    assert isinstance(decide(user, again, SHIPPED), Allow)


FORBIDDEN = [
    "FILE(/x)",
    "DB(a/b)",
    "ENV(A)",
    "CURLOPT(x)",
    "CHANNEL(hangup_handler_push)",
    "MONITOR_EXEC",
    "SHELL(x)",
]


@st.composite
def hidden_names(draw: st.DrawFn) -> str:
    """A forbidden name somewhere in a list, quoted and escaped in ways that Asterisk undoes."""
    name = draw(st.sampled_from(FORBIDDEN))
    places = draw(st.lists(st.integers(0, len(name)), max_size=2))
    for place in sorted(places, reverse=True):
        mark = draw(st.sampled_from(['""', "\\"]))
        if mark == "\\" and name[place : place + 1] in {"", "(", ")", "\\", '"'}:
            continue
        name = name[:place] + mark + name[place:]
    item = st.sampled_from(["A=1", "B=(1,2)", 'C="1,2"', "D", "", "E=[x]", "F=1\\,2", "__G=x"])
    before, after = draw(st.lists(item, max_size=5)), draw(st.lists(item, max_size=5))
    return ",".join([*before, f"{name}=1", *after])


@given(hidden_names(), st.integers(0, 3))
def test_no_list_of_variables_hides_a_function(text: str, benign_headers: int) -> None:
    user = SimpleNamespace(write=parse_classes("originate"), rules=None)
    headers = [
        (b"Action", b"Originate"),
        *[(b"Variable", b"A=1")] * benign_headers,
        (b"Variable", text.encode()),
    ]
    verdict = decide(user, Action(headers), SHIPPED)
    assert isinstance(verdict, Deny)
    assert verdict.rule in {"functions", "variables"}


@pytest.mark.parametrize("row", REFUSED[::9])
def test_a_control_byte_anywhere_makes_an_action_malformed(row: Row) -> None:
    for place in range(len(row.raw) - 4):
        for byte in (b"\0", b"\x01", b"\x1b"):
            with pytest.raises(ControlCharacter):
                parse_action(row.raw[:place] + byte + row.raw[place:])


def test_a_second_variable_of_an_action_that_takes_one_is_judged_too() -> None:
    user = SimpleNamespace(write=parse_classes("call"), rules=None)
    for raw in (
        b"Action: Getvar\nVariable: A\nVariable: ENV(PATH)\n\n",
        b"Action: Setvar\nChannel: x\nVariable: A\nVariable: ENV(PATH)\nValue: 1\n\n",
    ):
        assert isinstance(decide(user, parse_action(raw), SHIPPED), Deny)
