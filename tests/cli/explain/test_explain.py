"""``ami-proxy explain``: its output and its exit status."""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amiproxy.cli import explain

USERS = """\
users:
  dialer:
    md5_secret: 0123456789abcdef0123456789abcdef
    read: [call]
    write: [call, originate, user]
    setvar: {TENANT: sales}
    eventfilter: ["!Channel: Local/"]
    contexts: [inside]
    rules:
      - {action: Originate, header: Account, set: dialer}
      - {action: Originate, header: Channel, require: {prefix: PJSIP/}}
  board:
    md5_secret: 0123456789abcdef0123456789abcdef
    read: [agent]
    functions: []
    commands: [core show]
  caller:
    md5_secret: 0123456789abcdef0123456789abcdef
    read: all
    write: all
    scope: {channels: [PJSIP/100]}
  gone:
    md5_secret: 0123456789abcdef0123456789abcdef
    read: all
    disabled: true
"""
Run = Callable[..., tuple[int, str, str]]
CALL = "Originate\nChannel: PJSIP/1\nContext: inside\nExten: 1\nPriority: 1\n"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users.yaml"
    file.write_text(USERS)
    file.chmod(0o600)
    return file


@pytest.fixture
def run(users: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_explain(text: str | bytes, *arguments: str) -> tuple[int, str, str]:
        data = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        parser = argparse.ArgumentParser()
        explain.register(parser.add_subparsers())
        parsed = parser.parse_args(["explain", "--users", str(users), *arguments])
        status = parsed.run(parsed)
        out, err = capsys.readouterr()
        return status, out, err

    return run_explain


def test_an_allowed_action_is_shown_as_sent_to_asterisk(run: Run) -> None:
    status, out, _ = run("Action: " + CALL + "Priority: 2\nno header\n", "--user", "DIALER")
    assert status == 0
    assert "dropped  2 lines" in out
    assert "rules            rewritten" in out
    assert out.endswith(
        "allowed; sent to Asterisk:\n"
        "  Action: Originate\n  Channel: PJSIP/1\n  Context: inside\n  Exten: 1\n  Priority: 1\n"
        "  Account: dialer\n  Variable: TENANT=sales\n  Async: true\n"
        "  ActionID: (the proxy's own; the client gets its own back)\n"
    )


@pytest.mark.parametrize(
    ("user", "text", "said"),
    [
        ("dialer", CALL.replace("inside", "outside"), "REFUSED by contexts"),
        ("dialer", CALL.replace("PJSIP", "SIP"), "why: a header does not satisfy the user's rules[1]."),
        ("dialer", "Getvar\nVariable: SHELL(id)", "Message: GetVar Access Forbidden: Variable"),
        (
            "dialer",
            "Command\nCommand: core show",
            "why: it needs one of command; write has call,user,originate.",
        ),
        ("board", "QueueReset", "why: Asterisk gives no class to BridgeDestroy"),
        ("board", "Nonsense", "REFUSED by unknown"),
        ("gone", "CoreStatus", "user     gone (disabled), write none"),
        (
            "dialer",
            "Ping\nX: a\x01b",
            "refused before any rule: Failed to parse message: control character; the",
        ),
        ("dialer", "", "refused before any rule: Missing action in request"),
    ],
)
def test_a_denial_gives_the_reason(run: Run, user: str, text: str, said: str) -> None:
    status, out, _ = run(f"Action: {text}\n", "--user", user)
    assert status == 1
    assert said in out
    assert "sent to Asterisk" not in out


def test_an_action_that_the_proxy_answers_is_not_sent(run: Run) -> None:
    status, out, _ = run("Action: Ping\n", "--user", "board")
    assert status == 0
    assert "passed: open to all" in out
    assert out.endswith("allowed; answered by the proxy itself, nothing is sent to Asterisk\n")


def test_an_originate_that_fails_at_once_is_sent_unchanged(run: Run) -> None:
    _, out, _ = run("Action: Originate\nChannel: PJSIP/1\nExten: 1\n", "--user", "caller")
    assert "all is enough" in out
    assert "Async" not in out


def test_an_event_is_explained_for_each_user(run: Run) -> None:
    event = "Event: Newchannel\nPrivilege: call,all\nChannel: {}-00000001\nUniqueid: 1\nLinkedid: 1\n"
    status, out, _ = run(event.format("Local/1@a"))
    assert status == 1
    assert out.splitlines() == [
        "event    Newchannel, classes call",
        "",
        "  dialer  does not see it: its eventfilter excludes it",
        "  board   does not see it: read lacks call",
        "  caller  does not see it: this event alone does not place the call in its scope (others may)",
        "  gone    does not see it: the user is disabled",
    ]
    status, out, _ = run(event.format("PJSIP/100"))
    assert status == 0
    assert "  dialer  sees it\n" in out
    assert "  caller  sees it\n" in out
    status, out, _ = run(event.format("PJSIP/100"), "--user", "board")
    assert status == 1
    assert out.endswith("  board  does not see it: read lacks call\n")


def test_an_event_of_an_unknown_class_needs_all(run: Run) -> None:
    _, out, _ = run("Event: X\nPrivilege: nonsense,all\n", "--user", "board")
    assert out.endswith("board  does not see it: read lacks all\n")


def test_no_user_sees_an_event_without_classes(run: Run) -> None:
    status, out, _ = run("Event: X\nChannel: a\n")
    assert status == 1
    assert "Privilege:" in out
    assert len(out.splitlines()) == 1


def test_several_messages_are_explained_one_by_one(run: Run) -> None:
    status, out, _ = run("Action: Ping\r\n\r\nAction: Command\r\n\r\n\r\n", "--user", "board")
    assert status == 1
    assert out.count("user     board") == 2


def test_unprintable_bytes_are_escaped(run: Run) -> None:
    _, out, _ = run(b"Action: UserEvent\nUserEvent: \xff\xc2\x9b\n", "--user", "dialer")
    assert "\\xff\\xc2\\x9b" in out


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("Action: Ping\n", (), "an action needs --user NAME"),
        ("Action: Ping\n", ("--user", "nobody"), "users: dialer, board, caller, gone"),
        ("\n\n", ("--user", "board"), "no message"),
        ("", ("--user", "board", "/nonexistent"), "No such file"),
    ],
)
def test_misuse_gives_status_2(run: Run, text: str, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = run(text, *arguments)
    assert (status, out) == (2, "")
    assert said in err


def test_the_message_may_be_in_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ping"
    file.write_bytes(b"Action: Ping")
    assert run("", "--user", "board", str(file))[0] == 0


def test_users_with_errors_are_refused(run: Run, users: Path) -> None:
    users.write_text("users: {a: {contexts: ['a b'], md5_secret: 0123456789abcdef}}")
    status, _, err = run("Action: Ping\n", "--user", "a")
    assert status == 2
    assert "users.a.contexts[0]" in err
