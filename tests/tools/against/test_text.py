"""The result as text of 80 columns, and as data."""

import json
from dataclasses import replace
from typing import Any

import pytest

from amiproxy.config.plain import ABSENT
from amiproxy.tools.against.report import CertificateChange, Report, Setting, UserChange, UserKey
from amiproxy.tools.against.text import data, lines
from tests.tools.against.states import FINGERPRINT, served

NOTHING = Report(versions=("1.0.0", "1.0.0"), sessions=3)
SECRET = FINGERPRINT("hunter2")
PATH = "/etc/ami-proxy/" + "a-long-folder-name/" * 4 + "server.crt"
FULL = Report(
    versions=("0.9.0", "1.0.0"),
    sessions=1,
    warnings=["/etc/ami-proxy/certs/server.crt: the new certificate lacks dns:pbx; request one that has it"],
    settings=[
        Setting("limits.connections", 1024, 2000),
        Setting("limits.action_rate", 9.0, 50.0, is_default=True),
        Setting("limits.exempt", ["10.0.0.0/8", "::1/128"], ["::1/128", "192.0.2.0/24"]),
        Setting("tls.suites", ["a", "b"], ["b", "a"]),
        Setting(
            "metrics", None, {"address": "127.0.0.1:9539", "hosts": [], "x": False}, "its socket is bound"
        ),
        Setting("listeners[0].certificates[0].chain", PATH, PATH.replace("server", "other")),
        Setting("upstream.secret_file", "/a", "/a"),
        Setting("actions.Foo", ABSENT, {"classes": ["call"]}),
        Setting("log.x", True, False),
    ],
    users=[
        UserChange(
            "wall",
            "changed",
            (
                UserKey("secret", SECRET, FINGERPRINT("x")),
                UserKey("md5_secret", None, SECRET),
                UserKey("setvar.PIN", SECRET, ABSENT),
                UserKey("read", "call,agent", "call,cdr"),
                UserKey("write", "none", "call"),
                UserKey("disabled", True, False),
            ),
            {"write": "wider"},
        ),
        UserChange("new", "added", (UserKey("read", ABSENT, "all"),)),
        UserChange("gone", "removed", sessions=2, closes={"user removed": 2}),
        UserChange("b", "renamed", (), {}, "a"),
    ],
    certificates=[
        CertificateChange("127.0.0.1:5039", served(1), served(2, "dns:pbx")),
        CertificateChange("127.0.0.1:5039", None, served(3)),
        CertificateChange("127.0.0.1:5040", {**served(4), "names": []}, None),
    ],
    files=[PATH],
    program=[("version", "0.9.0", "1.0.0"), ("python", "3.11.2", "3.13.1")],
    new_keys=[Setting("limits.new", ABSENT, 5)],
    gone_keys=[Setting("limits.old", 7, ABSENT)],
    unknown=["secrets"],
    notes=["a note"],
)


def test_no_line_is_longer_than_80_columns_unless_a_word_is() -> None:
    for line in lines(FULL):
        assert len(line) <= 80 or PATH[-20:] in line or "other.crt" in line
    assert all(not line.endswith(" ") for line in lines(FULL))


def test_every_section_is_shown() -> None:
    shown = list(lines(replace(FULL, refused=["users.yaml:1: a"])))
    titles = [line for line in shown if line and not line.startswith(" ")]
    assert len(titles) == 10
    text = "\n".join(shown)
    for part in (
        "1024 -> 2000", "9 -> 50, the default", "+ 192.0.2.0/24, - 10.0.0.0/8", "another order: [b, a]",
        "none -> {address: 127.0.0.1:9539}", "its socket is bound", "the file has new content",
        "none -> {classes: [call]}", "true -> false", "+ cdr, - agent", "none -> call", "(wider)", "enabled",
        "a -> b", "0.9.0 -> 1.0.0", "limits.new is new:", "limits.old no longer exists;",
    ):  # fmt: skip
        assert part in text, part


def test_what_is_secret_is_neither_shown_nor_its_fingerprint() -> None:
    for text in ("\n".join(lines(FULL)), json.dumps(data(FULL))):
        assert "fingerprint" not in text
        assert SECRET not in text
    keys = {key["key"]: key for key in data(FULL)["users"][0]["keys"]}
    assert keys["secret"] == {"key": "secret", "old": None, "new": None, "hidden": True}
    assert keys["read"] == {"key": "read", "old": "call,agent", "new": "call,cdr", "hidden": False}


def test_effects_on_open_sessions_are_shown_if_a_reload_has_them() -> None:
    user = UserChange(
        "wall",
        "changed",
        (),
        {},
        "",
        5,
        {"credentials changed": 1, "user removed": 1},
        gets_fewer_events=True,
    )
    shown = "\n".join(lines(replace(NOTHING, users=[user])))
    assert "1 open session would be closed (credentials changed)" in shown
    assert "3 open sessions may get fewer events" in shown
    # A restart closes all sessions.
    restart = Setting("control", None, {}, "its socket is bound")
    shown = "\n".join(lines(replace(NOTHING, users=[user], settings=[restart])))
    assert "would be closed" not in shown


@pytest.mark.parametrize(
    ("change", "result", "closes"),
    [
        ({}, "same", False),
        ({"unknown": ["x"]}, "same", False),
        ({"settings": [Setting("log.level", "a", "b")]}, "reload", False),
        ({"settings": [Setting("log.level", "a", "b")], "unknown": ["x"]}, "reload", False),
        ({"settings": [Setting("control", None, {}, "x")]}, "restart", True),
        ({"versions": ("1", "2")}, "restart", True),
        ({"refused": ["x"]}, "refused", False),
        ({"refused": ["x"], "versions": ("1", "2")}, "refused", False),
    ],
)
def test_the_last_line_says_what_it_comes_to(change: dict[str, Any], result: str, closes: bool) -> None:
    report = replace(NOTHING, **change)
    assert data(report)["result"] == result
    *_, last = "\n".join(lines(report, width=200)).split("\n\n")
    assert ("3 open sessions" in last) is closes


def test_without_open_sessions_a_restart_asks_no_client_to_connect_again() -> None:
    shown = "\n".join(lines(replace(NOTHING, versions=("1", "2"), sessions=0), width=200))
    assert "connect again" not in shown


def test_a_difference_of_the_interpreter_alone_is_shown() -> None:
    shown = list(lines(replace(NOTHING, program=[("python", "3.11.2", "3.13.1")])))
    assert any("3.11.2 -> 3.13.1" in line for line in shown)


def test_a_warning_that_was_shown_already_is_not_repeated() -> None:
    report = replace(NOTHING, warnings=["a", "b"])
    assert not any("  a" in line for line in lines(report, ["a"]))
    assert any("  b" in line for line in lines(report, ["a"]))
