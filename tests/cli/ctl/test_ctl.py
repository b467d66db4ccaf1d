"""``ami-proxy ctl`` against a scripted socket: tables, JSON, exit statuses."""

import json

import pytest

from amiproxy.cli import main
from tests.cli.ctl.answering import CERTIFICATE, Answering, ctl, reply


def test_arguments_are_sent_to_the_proxy(answering: Answering) -> None:
    for verb, expected in (
        (["kick", "user:wall"], {"target": "user:wall"}),
        (["session", "5f"], {"id": "5f"}),
        (["log-level", "debug"], {"level": "debug"}),
        (["status"], {}),
    ):
        ctl(answering, *verb)
        assert answering.asked[-1] == {"command": verb[0], "arguments": expected}


@pytest.mark.parametrize("verb", ["status", "kick", "certs", "drain", "reload", "trace", "top", "log-level"])
def test_each_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", verb, "--help"])
    assert ended.value.code == 0
    assert f"example: ami-proxy ctl {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(("verb", "lists"), [("sessions", True), ("top", False)])
def test_the_help_lists_json_only_for_verbs_that_print_it(
    verb: str, lists: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["ctl", verb, "--help"])
    assert ("--json" in capsys.readouterr().out) is lists


def test_certs_status_is_the_same_as_ctl_certs(
    answering: Answering, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["certs", "status", "--socket", str(answering.path)]) == 0
    assert answering.asked[-1]["command"] == "certs"
    assert "dns:pbx2" in capsys.readouterr().out
    assert main(["certs", "status", "--socket", str(answering.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [CERTIFICATE]
    monkeypatch.setattr("amiproxy.cli.ctl.DEFAULT_SOCKET", answering.path.parent / "none.sock")
    assert main(["certs", "status"]) == 3
    assert "none.sock" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["none"], [], ["kick"], ["log-level", "loud"], ["top", "--interval", "0"]]
)
def test_misuse_gives_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", *arguments])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


TRACED = {
    "at": 1.5,
    "session": "5f1e09c2ab34",
    "direction": "received",
    "message": "Action: Ping\r\nX: \x1b[31m\xe9\r\n\r\n",
    "missed": 0,
}


def test_trace_escapes_characters_that_a_terminal_might_interpret(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = {"user": "wall", "sessions": ["5f1e09c2ab34"]}
    later = {**TRACED, "direction": "sent", "missed": 3}
    answering.answer = lambda _: [reply(begun), reply(TRACED), reply(later), b"{"]
    assert ctl(answering, "trace", "wall") == 0
    assert capsys.readouterr().out.splitlines() == [
        "tracing wall: 1 session; Ctrl-C to stop",
        "00:00:01.500 5f1e09c2ab34 from client",
        "    Action: Ping",
        "    X: \\x1b[31m\xe9",
        "(3 messages missed)",
        "00:00:01.500 5f1e09c2ab34 to client",
        "    Action: Ping",
        "    X: \\x1b[31m\xe9",
    ]
    assert ctl(answering, "trace", "wall", "--json") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [begun, TRACED, later]
