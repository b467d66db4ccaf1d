"""Actions as people type them, and as blocks of AMI's own lines."""

import pytest

from amiproxy.tools.shell.language.actions import is_block, read_block, read_line, spelled
from amiproxy.tools.shell.language.words import UsageError


def headers(line: str) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in read_line(line).action.headers]


def test_headers_are_words_with_an_equals_sign() -> None:
    assert headers(
        "Originate Channel=PJSIP/alice Context=default Exten=100 Priority=1 Variable=a=1 Variable=b=2"
    ) == [
        ("Action", "Originate"),
        ("Channel", "PJSIP/alice"),
        ("Context", "default"),
        ("Exten", "100"),
        ("Priority", "1"),
        ("Variable", "a=1"),
        ("Variable", "b=2"),
    ]


def test_values_may_be_quoted_or_empty() -> None:
    assert headers("MessageSend To=pjsip:bob Body='hello = world' From=") == [
        ("Action", "MessageSend"),
        ("To", "pjsip:bob"),
        ("Body", "hello = world"),
        ("From", ""),
    ]


@pytest.mark.parametrize(
    ("line", "header", "value"),
    [
        ("QueueStatus support", "Queue", "support"),
        ("PJSIPShowEndpoint 'a b'", "Endpoint", "a b"),
        ("Getvar Channel=x", "Channel", "x"),
        ("Command core show channels", "Command", "core show channels"),
        ('Command database put a b "c  d"', "Command", 'database put a b "c  d"'),
        ("Command Command='core show uptime'", "Command", "core show uptime"),
        ("Command dialplan set global A=1", "Command", "dialplan set global A=1"),
        ("UserEvent 'Channel=x' a=1", "UserEvent", "Channel=x"),
    ],
)
def test_the_first_value_may_stand_alone(line: str, header: str, value: str) -> None:
    assert headers(line)[1] == (header, value)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("Pi:ng", "not the name of an action"),
        ("Ping x", "no headers"),
        ("QueuePause support again", "Queue, Interface"),
        ("Originate Channel: PJSIP/x", r"\raw"),
        ("Originate 'Channel=x", "has no end"),
        ("UserEvent 'a\x1bb'", "control character"),
        (f"UserEvent {'x' * 2000}", "1022"),
        ("OfAnotherModule value", "no headers that are known"),
        ("Getvar 'a\nb'", "line break"),
    ],
)
def test_what_cannot_be_sent_is_refused(line: str, part: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_line(line)
    assert part in str(refused.value)


def test_a_header_that_the_action_lacks_is_remarked_on() -> None:
    (remark,) = read_line("Originate Chanel=PJSIP/x Exten=1").remarks
    assert "did you mean Channel?" in remark
    assert read_line("OfAnotherModule X=1").remarks == ()


def test_a_block_is_read_as_asterisk_reads_it() -> None:
    text = "  Action: Setvar\n  Variable: A\n  Value:  x y\n"
    assert is_block(text)
    assert read_block(text).action.headers == (
        (b"Action", b"Setvar"),
        (b"Variable", b"A"),
        (b"Value", b"x y"),
    )
    assert is_block("ActionID: 7\r\nAction: Ping\r\n")
    assert not is_block("Ping Action: x")


@pytest.mark.parametrize("text", ["Action: Ping\nno colon here", "Channel: x", "Action: Ping\nX: a\x00b"])
def test_a_block_with_a_fault_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_block(text)


@pytest.mark.parametrize(
    "line",
    [
        "Ping",
        "Originate Channel=PJSIP/alice Data='a b' Account=",
        "UserEvent UserEvent=x",
        "Command 'Command=a \"b\"'",
    ],
)
def test_an_action_can_be_spelled_as_a_line(line: str) -> None:
    action = read_line(line).action
    assert read_line(spelled(action)).action == action


def test_any_action_may_name_a_server() -> None:
    assert read_line("CoreShowChannels Server=pbx2").remarks == ()
    assert read_line("CoreShowChannels Servre=pbx2").remarks != ()
