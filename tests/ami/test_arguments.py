"""The table of arguments, and the rest of an action once only described headers are kept."""

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.arguments import ARGUMENTS, Argument, Described, Kind
from amiproxy.ami.arguments.kinds import DESCRIBABLE, MEANING
from amiproxy.ami.arguments.table import TELLS_NO_CALLS
from amiproxy.ami.message import parse_action


def kept(text: str) -> list[str]:
    """The headers that are sent, as ``Name: value``; without the action's own line."""
    action = parse_action(b"Action: " + text.encode() + b"\n\n")
    headers = ARGUMENTS[action.key].canonical(action).headers
    return [f"{name.decode()}: {value.decode()}" for name, value in headers if name != b"Action"]


def test_every_action_of_the_action_table_is_described() -> None:
    assert {row.name.lower() for row in SHIPPED} == set(ARGUMENTS)


def test_every_kind_has_a_meaning_for_the_documentation() -> None:
    assert set(MEANING) == set(Kind)
    assert set(DESCRIBABLE) < set(Kind)


def test_every_action_listed_as_revealing_no_calls_exists() -> None:
    assert set(TELLS_NO_CALLS.split()) < {row.name.decode() for row in ARGUMENTS.values()}


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Ping\nX: 1\nActionID: 7", ["ActionID: 7"]),
        ("Getvar\nCHANNEL: c\nVariable: v\nChannelX: d", ["CHANNEL: c", "Variable: v"]),
        ("Status\nSuppressEvents: yes", []),
        ("Park\nChannel: c\nAnnounceChannel: none-such", ["Channel: c"]),
        ("Park\nChannel: c\nChannel2: d", ["Channel: c", "TimeoutChannel: d"]),
        ("Park\nChannel2: d\nTimeoutChannel: e", ["TimeoutChannel: e"]),
        ("Park\nTimeoutChannel: \nChannel2: d", ["TimeoutChannel: d"]),
        ("Park\nTimeoutChannel: ", ["TimeoutChannel: "]),
        ("MessageSend\nTo: a\nBody: x", ["To: a", "Body: x"]),
        ("MessageSend\nTo: a\nDestination: b", ["To: b"]),
        ("MessageSend\nDestination: \nTo: a", ["To: a"]),
        ("MessageSend\nTo: a\nBase64Body: eA==", ["To: a", "Base64Body: eA=="]),
        (
            "Originate\nChannel: c\nVariable: A=1\nVariable: B=2",
            ["Channel: c", "Variable: A=1", "Variable: B=2"],
        ),
        (
            "UpdateConfig\nAction-000000: NewCat\nCat-000000: x\nCat-x: y",
            ["Action-000000: NewCat", "Cat-000000: x"],
        ),
        ("AOCMessage\nUnitAmount(0): 1\nUnitAmount(): 1", ["UnitAmount(0): 1"]),
        ("UserEvent\nUserEvent: x\nAnything at all: y", ["UserEvent: x", "Anything at all: y"]),
    ],
)
def test_only_described_headers_are_kept_under_their_proper_names(text: str, headers: list[str]) -> None:
    assert kept(text) == headers


def test_an_action_of_described_headers_stays_the_same_object() -> None:
    for text in (b"Getvar\nVariable: v", b"Park\nChannel: c"):
        action = parse_action(b"Action: " + text + b"\n\n")
        assert ARGUMENTS[action.key].canonical(action) is action


def test_headers_that_are_left_out_are_named() -> None:
    action = parse_action(b"Action: Park\nchannel: c\nChannel2: d\nMore: e\nAnnounceChannel: f\n\n")
    assert ARGUMENTS[b"park"].left_out(action) == (b"More", b"AnnounceChannel")


def test_headers_that_replace_another_are_known() -> None:
    assert ARGUMENTS[b"messagesend"].in_place_of == {b"base64body": b"body"}
    assert ARGUMENTS[b"messagesend"].proper_name(b"destination") == b"to"
    assert ARGUMENTS[b"messagesend"].proper_name(b"to") == b"to"


def test_arguments_that_mean_everything_when_omitted_are_marked() -> None:
    def everything(name: bytes) -> list[bytes]:
        return [argument.header for argument in ARGUMENTS[name].arguments if argument.everything]

    assert everything(b"dbgettree") == [b"Family"]
    assert everything(b"queuereset") == [b"Queue"]
    assert everything(b"queuestatus") == []
    assert ARGUMENTS[b"dbgettree"].has_everything
    assert not ARGUMENTS[b"queuestatus"].has_everything


def test_another_modules_action_can_be_described() -> None:
    described = Described(b"RptStatus", (Argument(b"Node", Kind.INTEGER),))
    assert described.tells_calls
    assert described.find(b"node") == Argument(b"Node", Kind.INTEGER, False, ())
    assert described.find(b"command") is None
