import json
import socket
import threading
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.cli.ctl import connection
from amiproxy.cli.ctl.connection import Connection, NotReachable
from tests.cli.ctl.answering import Answering, Lines, ctl


def test_a_refusal_is_printed_with_every_reason(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"ok": False, "error": "not reloaded", "problems": ["proxy.yaml:1: a\x1b[2J", "users.yaml:2: b"]}
    answering.answer = lambda _: [json.dumps(said).encode() + b"\n"]
    assert ctl(answering, "reload") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["proxy.yaml:1: a\\x1b[2J", "users.yaml:2: b", "ami-proxy ctl: not reloaded"]
    assert ctl(answering, "reload", "--json") == 1
    assert json.loads(capsys.readouterr().err) == {"error": said["error"], "problems": said["problems"]}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([], "closed the connection"),
        ([b"hello\n"], "is not ami-proxy"),
        ([b"{"], "closed the"),
    ],
)
def test_a_socket_without_valid_answers_is_not_reachable(
    answering: Answering, capsys: pytest.CaptureFixture[str], answer: Lines, says: str
) -> None:
    answering.answer = lambda _: answer
    assert ctl(answering, "status") == 3
    assert says in capsys.readouterr().err


def test_a_socket_without_a_proxy_is_not_reachable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.sock"
    assert main(["ctl", "--socket", str(path), "status"]) == 3
    assert "is ami-proxy running" in capsys.readouterr().err
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert main(["ctl", "--socket", str(path), "status"]) == 3
    assert "start ami-proxy" in capsys.readouterr().err
    assert main(["ctl", "--socket", str(path) + "x" * 120, "status"]) == 3
    assert "with --socket or --config" in capsys.readouterr().err


def test_missing_permission_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(connection.socket, "socket", Forbidden)
    with pytest.raises(NotReachable, match=r"root .*the user that ami-proxy runs as"):
        Connection(Path("/x"))


def test_waiting_for_an_answer_has_a_timeout(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_PATIENCE", 0.01)
    hold = threading.Event()

    def wait(_: object) -> Lines:
        hold.wait(10)
        return []

    answering.answer = wait
    asking = Connection(answering.path)
    with pytest.raises(NotReachable, match=r"no answer within 0\.01 s"):
        asking.ask("status")
    hold.set()
    asking.close()


def test_the_socket_is_found_even_if_the_rest_of_the_configuration_is_wrong(
    answering: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text("colour: blue\ncontrol: {socket: c.sock}\n")
    assert main(["ctl", "--config", str(file), "status"]) == 0
    assert main(["ctl", "status", "--config", str(file)]) == 0
    file.write_text("control: {socket: 'fd:control'}\n")
    assert main(["ctl", "--config", str(file), "status"]) == 3
    assert "takes its socket from the service manager (fd:control)" in capsys.readouterr().err
    for text in ("users_file: x\n", "control: {colour: blue}\n", "- a\n", "}{"):
        file.write_text(text)
        assert main(["ctl", "--config", str(file), "status"]) == 3
        assert "has no control section that can be used" in capsys.readouterr().err
    assert main(["ctl", "--config", str(tmp_path / "none.yaml"), "status"]) == 2
    assert "none.yaml: No such file" in capsys.readouterr().err
