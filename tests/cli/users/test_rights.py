"""``ami-proxy users show``: the effective rights of one user."""

import argparse
from pathlib import Path

import pytest

from amiproxy.cli.users import rights
from amiproxy.config import UserEntry
from amiproxy.core.model.rules import ActionNames, Require, Rule, Scope
from amiproxy.core.policy.classes import BLOCKED
from amiproxy.x509.identity import Binding


def row(what: str, **keys: object) -> str:
    keys.setdefault("secret", "$argon2id$x")
    return dict(rights.rights_of("someone", UserEntry(**keys)))[what]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "keys", "value"),
    [
        ("user", {}, "someone"),
        ("user", {"disabled": True}, "someone (disabled)"),
        ("logs in", {}, "by secret (hashed)"),
        ("logs in", {"secret": None, "md5_secret": "s"}, "by secret or Challenge (md5_secret)"),
        ("logs in", {"md5_secret": "s"}, "by secret (hashed) and by secret or Challenge (md5_secret)"),
        (
            "logs in",
            {"secret": None, "certificate": (Binding("dns", "a.b"),), "login": "certificate"},
            "by certificate alone: dns:a.b",
        ),
        (
            "logs in",
            {"certificate": (Binding("cn", "A B"), Binding("dns", "a.b")), "login": "both"},
            "by secret (hashed), and with a certificate: cn:A B, dns:a.b",
        ),
        ("logs in", {"certificate": (Binding("cn", "A B"),)}, "by secret (hashed)"),
        ("logs in", {"secret": None}, "not here: it has no secret, and comes by edges of the fleet"),
        ("from", {}, "any address"),
        ("from", {"acl": ("deny 0.0.0.0/0", "permit 10.0.0.1")}, "deny 0.0.0.0/0; permit 10.0.0.1"),
        ("sessions", {}, "any number"),
        ("sessions", {"allowmultiplelogin": False}, "one at a time"),
        ("history", {}, "none"),
        ("history", {"history": True}, "snapshots, resume, numbered events"),
        ("history", {"doors": ("ws",)}, "snapshots, resume, numbered events"),
        ("doors", {}, "AMI"),
        (
            "doors",
            {"doors": ("ami", "ajam", "api", "page", "ws")},
            "AMI, AJAM, REST and event streams (api), the page in a browser (page), WebSocket (ws)",
        ),
        ("reads events of", {"read": ("call", "agent")}, "call,agent"),
        ("writes", {"write": "all"}, "all"),
        ("event filters", {}, "none"),
        ("sees calls", {}, "all"),
        (
            "sees calls",
            {"scope": Scope(channels=("PJSIP/1",), contexts=("a", "b"))},
            "with channels PJSIP/1 or contexts a, b, all their legs; but no events outside calls",
        ),
        ("sees calls", {"scope": Scope(more_events=True)}, "none; only events outside calls"),
        ("may run (originate)", {"write": ("originate",)}, "Originate"),
        (
            "may run (agent)",
            {"write": ("agent",), "actions": ActionNames(allow=("QueueR*",))},
            "QueueReload, QueueRemove, QueueReset",
        ),
        ("contexts", {}, "any"),
        ("contexts", {"contexts": ()}, "none"),
        ("channels", {"channels": ("PJSIP/1", "PJSIP/2")}, "PJSIP/1, PJSIP/2"),
        ("functions", {"functions": ("CALLERID",)}, "CALLERID"),
        ("CLI commands", {}, "none: class command is not in write"),
        ("CLI commands", {"write": ("command",)}, "all; never those that would end the link"),
        (
            "CLI commands",
            {"write": ("command",), "commands": ("core show",)},
            "core show; never those that would end the link",
        ),
        ("rules[0]", {"rules": (Rule(action="A", header="B", set="c"),)}, "A, B: set to c"),
        ("rules[0]", {"rules": (Rule(action="A", header="B", remove=True),)}, "A, B: removed"),
        (
            "rules[0]",
            {"rules": (Rule(action="A", header="B", require=Require(exact="x"), set="c"),)},
            "A, B: must be x; set to c",
        ),
        (
            "rules[0]",
            {"rules": (Rule(action="A", header="B", require=Require(prefix="x")),)},
            "A, B: must be x…",
        ),
        (
            "rules[0]",
            {"rules": (Rule(action="A", header="B", require=Require(one_of=("x", "y"))),)},
            "A, B: must be x or y",
        ),
        (
            "rules[0]",
            {"rules": (Rule(action="A", header="B", require=Require(pattern="[a-z]")),)},
            "A, B: must be like [a-z]",
        ),
        ("sets variable", {"setvar": {"TENANT": "hidden"}}, "TENANT"),
    ],
)
def test_a_row_shows_an_effective_right(what: str, keys: dict[str, object], value: str) -> None:
    assert row(what, **keys) == value


def test_the_default_functions_are_shown() -> None:
    assert row("functions").startswith("reads CALLERID, CDR, CHANNEL,")
    assert row("functions", write="system").startswith("all but")


def test_blocked_actions_are_shown_for_no_user() -> None:
    shown = " ".join(value for _, value in rights.rights_of("a", UserEntry(secret="x", write="all")))
    assert "QueueReset" in shown
    assert not any(name.decode() in shown.lower() for name in BLOCKED)


def show(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    rights.register(parser.add_subparsers())
    parsed = parser.parse_args(["show", *arguments])
    status: int = parsed.run(parsed)
    return status


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users.yaml"
    file.write_text(
        "users:\n  Board:\n    md5_secret: 0123456789abcdef0123456789abcdef\n"
        "    rules: [{action: Originate, header: Exten, require: {pattern: '[bold]x'}}]\n"
    )
    file.chmod(0o600)
    return file


def test_the_rights_are_printed_as_a_table(users: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("board", "--users", str(users)) == 0
    out = capsys.readouterr().out
    assert out.startswith("user ")
    assert "must be like [bold]x" in out
    assert "0123456789" not in out


def test_an_unknown_user_is_an_error(users: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("nobody", "--users", str(users)) == 1
    assert capsys.readouterr().err == "unknown user nobody; known users: Board\n"


def test_a_broken_users_file_is_an_error(users: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users.write_text("users: {a: {raed: call}}")
    assert show("a", "--users", str(users)) == 1
    assert "raed" in capsys.readouterr().err
