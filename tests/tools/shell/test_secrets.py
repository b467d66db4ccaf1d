"""Where a secret comes from."""

import subprocess
import sys
from pathlib import Path

import pytest

from amiproxy.core.model.errors import Unfit
from amiproxy.tools.shell import secrets
from amiproxy.tools.shell.secrets import SecretSource


def printing(text: str, status: int = 0) -> tuple[str, ...]:
    return sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({status})"


def test_a_file_has_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    assert SecretSource(file=path).read() == b"hunter2"


def test_a_file_that_all_users_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    path.chmod(0o644)
    with pytest.raises(Unfit) as refused:
        SecretSource(file=path).read()
    assert refused.value.remedy.startswith("chmod")
    assert "hunter2" not in str(refused.value)


def test_a_command_prints_the_secret_on_its_first_line() -> None:
    assert SecretSource(command=printing("hunter2\r\nuser: x\n")).read() == b"hunter2"


@pytest.mark.parametrize(
    "command",
    [printing("hunter2", 3), printing(""), printing("\n"), printing("a\x1bb"), ("/no/such/program",)],
)
def test_a_command_that_gives_none_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(Unfit) as refused:
        SecretSource(command=command).read()
    assert "hunter2" not in str(refused.value)


def test_a_command_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "PATIENCE", 0.2)
    with pytest.raises(Unfit, match="did not end"):
        SecretSource(command=("sleep", "30")).read()


def test_a_certificate_needs_none() -> None:
    assert SecretSource().read() is None


def test_without_a_terminal_stdin_is_not_taken_for_the_secret() -> None:
    code = "from amiproxy.tools.shell.secrets import SecretSource; SecretSource(prompt='Secret: ').read()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"Ping\n",
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"no terminal to ask for the secret" in done.stderr


def test_a_secret_is_asked_for_without_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    typed = ["hunter2", "a\x1b[Ab"]

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return typed.pop(0)

    monkeypatch.setattr(secrets.getpass, "getpass", getpass)
    monkeypatch.setattr(secrets, "_require_terminal", lambda: None)
    source = SecretSource(prompt="Secret of desk: ")
    assert source.read() == b"hunter2"
    assert asked == ["Secret of desk: "]
    with pytest.raises(Unfit, match="control character"):
        source.read()
