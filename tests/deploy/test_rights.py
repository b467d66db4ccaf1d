"""The guide's page on rights: its examples behave as it says, and its lists agree with the product."""

import re
from pathlib import Path

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.arguments.kinds import DESCRIBABLE
from amiproxy.ami.message import parse_action
from amiproxy.config import parse_users
from amiproxy.config.users.usertable import table_of
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy import Allow, decide

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLES = DEPLOY / "examples/users.yaml"
PAGE = (DEPLOY / "rights.md").read_text()


@pytest.fixture(scope="module")
def users() -> UserTable:
    return table_of(parse_users(EXAMPLES, EXAMPLES.read_bytes()))


def user(users: UserTable, name: str) -> User:
    found = users.find(name.encode())
    assert found is not None
    return found


def verdict(user: User, text: str) -> str:
    """ "allowed", or the rule that refuses."""
    decision = decide(user, parse_action(b"Action: " + text.encode() + b"\n\n"), SHIPPED)
    return "allowed" if isinstance(decision, Allow) else decision.rule


CLICK = "Originate\nChannel: PJSIP/200\nExten: 5551234"
SPY = "Originate\nChannel: PJSIP/900\nApplication: ChanSpy\nData: PJSIP/210-,q"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("wallboard", "QueueStatus", "allowed"),
        ("wallboard", "CoreShowChannels", "allowed"),
        ("wallboard", "ExtensionStateList", "allowed"),
        ("wallboard", "Ping", "allowed"),
        ("wallboard", "Getvar\nVariable: A", "actions"),
        ("wallboard", "QueueReset", "classes"),
        ("wallboard", "Hangup\nChannel: x", "classes"),
        ("clicktocall", CLICK, "allowed"),
        ("clicktocall", CLICK + "\nContext: anywhere\nPriority: 7", "allowed"),
        ("clicktocall", CLICK + "\nApplication: System\nData: id", "allowed"),
        ("clicktocall", CLICK + "\nVariable: CDR(accountcode)=other", "rules.set"),
        ("clicktocall", CLICK + "\nVariable: FILE(/x)=1", "functions"),
        ("clicktocall", CLICK.replace("555", "+49"), "rules[0]"),
        ("clicktocall", CLICK.replace("PJSIP/200", "PJSIP/300"), "channels"),
        ("clicktocall", CLICK.replace("PJSIP/200", "Local/1@other"), "technology"),
        # It would dial an extension that the rule on Exten refuses.
        ("clicktocall", CLICK.replace("PJSIP/200", "Local/s@outbound"), "technology"),
        ("clicktocall", "Hangup\nChannel: PJSIP/200-00000001", "allowed"),
        ("clicktocall", "Hangup\nChannel: PJSIP/300-00000001", "channels"),
        ("clicktocall", "Redirect\nChannel: PJSIP/200-00000001", "actions"),
        ("supervisor", "QueuePause\nInterface: PJSIP/210\nPaused: true", "allowed"),
        ("supervisor", "QueueAdd\nQueue: a\nInterface: PJSIP/210", "allowed"),
        ("supervisor", "QueueAdd\nQueue: a\nInterface: Local/1@out", "rules[0]"),
        ("supervisor", "QueueReset", "actions"),
        ("supervisor", SPY, "allowed"),
        ("supervisor", SPY.replace("210-,q", "210-,qw"), "rules[3]"),
        ("supervisor", SPY.replace("210-,q", "210,q"), "rules[3]"),  # PJSIP/2100 too
        ("supervisor", SPY.replace("900", "901"), "rules[1]"),
        ("supervisor", SPY.replace("ChanSpy", "System"), "rules[2]"),
        ("supervisor", SPY + "\nVariable: ENV(A)=1", "functions"),
        ("probe", "CoreStatus", "allowed"),
        ("probe", "Command\nCommand: core show uptime seconds", "allowed"),
        ("probe", "Command\nCommand: core show channels", "commands"),
        ("probe", "Command\nCommand: core restart now", "command"),
        ("probe", "DBGet\nFamily: a\nKey: b", "actions"),
        ("admin", "Command\nCommand: core show channels", "allowed"),
        ("admin", "Originate\nChannel: a/b\nApplication: System\nData: id", "allowed"),
        ("admin", "Command\nCommand: core stop now", "command"),
        ("admin", "GetConfig\nFilename: manager.conf", "config-file"),
        ("admin", "Getvar\nVariable: AST_CONFIG(manager.conf,a,secret)", "functions"),
    ],
)
def test_an_example_gets_the_documented_verdict(
    users: UserTable, name: str, text: str, expected: str
) -> None:
    assert verdict(user(users, name), text) == expected


def test_click_to_call_sends_the_documented_action(users: UserTable) -> None:
    raw = (CLICK + "\nContext: evil\nPriority: 9\nApplication: System\nData: id\nAccount: x").encode()
    decision = decide(user(users, "clicktocall"), parse_action(b"Action: " + raw + b"\n\n"), SHIPPED)
    assert isinstance(decision, Allow)
    assert dict(decision.action.headers) == {
        b"Action": b"Originate",
        b"Channel": b"PJSIP/200",
        b"Exten": b"5551234",
        b"Context": b"outbound",
        b"Priority": b"1",
        b"Account": b"clicktocall",
    }


def test_administrators_come_from_known_addresses_only(users: UserTable) -> None:
    allows = user(users, "admin").acl.allows
    assert [allows(peer) for peer in ("10.0.0.9", "127.0.0.1", "::1", "10.0.1.9", "2001:db8::1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_the_entries_on_the_page_are_in_the_file(users: UserTable) -> None:
    text = re.sub(r"(?m)^    secret: .*\n", "", EXAMPLES.read_text())
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(users) == 5
    assert len([block for block in blocks if block in text]) == 5


def test_the_page_names_the_kinds_that_a_description_may_use() -> None:
    section = PAGE[PAGE.index("## Actions of other modules") : PAGE.index("## Stricter")]
    assert {kind.value for kind in DESCRIBABLE} <= set(re.findall(r"`([a-z-]+)`", section))
