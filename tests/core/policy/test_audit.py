"""What an audit line says of an action."""

import pytest

from proxy.ami.actions import LOCAL, SHIPPED
from proxy.ami.message import Action, parse_action
from proxy.core.policy import target_of
from proxy.core.policy.audit import is_privileged


def ask(text: bytes) -> Action:
    return parse_action(b"Action: " + text + b"\n\n")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (b"Ping", ""),
        (
            b"Originate\nExten: 1\nContext: lab\nChannel: PJSIP/100\nVariable: PIN=1234",
            "channel=PJSIP/100 context=lab exten=1",
        ),
        (b"Command\nCommand: core \\ show\xff", "command=core \\x5c show\\xff"),
        (b"Login\nUsername: a\nSecret: s\nKey: k", ""),
        (b"DBPut\nFamily: f\nKey: k\nVal: secret", "family=f key=k"),
        (b"Setvar\nVariable: A=b\nValue: secret", "variable=A"),
        (b"Getvar\nVariable: CALLERID(num)", "variable=CALLERID(num)"),
        (b"Hangup\nChannel: " + b"x" * 128, "channel=" + "x" * 128),
        (b"Hangup\nChannel: " + b"x" * 129, "channel=" + "x" * 128 + "…"),
    ],
)
def test_target(text: bytes, target: str) -> None:
    assert target_of(ask(text)) == target


def test_reading_is_not_privileged_and_all_else_is() -> None:
    assert not is_privileged(ask(b"Getvar\nVariable: A"))
    assert not any(is_privileged(Action([(b"Action", name)])) for name in LOCAL)
    for name in (b"Originate", b"Command", b"GetConfig", b"PJSIPShowAuths", b"QueuePause", b"NoSuch"):
        assert is_privileged(Action([(b"Action", name)]))
    assert SHIPPED.find(b"status")
