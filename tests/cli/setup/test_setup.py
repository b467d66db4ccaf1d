"""``ami-proxy setup`` in a folder of its own: complete, repeatable, and clear about what is missing."""

import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.cli.setup import questions
from amiproxy.config import load, load_users
from amiproxy.core.model.phc import verify
from amiproxy.tools.setup import doing
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_NAMES = ["ca/ca.crt", "ca/ca.key", "certs/server.crt", "certs/server.key"]
_FILES = sorted([*_NAMES, "proxy.yaml", "upstream.secret", "users.yaml"])


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "try"


def setup(folder: Path, *more: str) -> int:
    """Set up; the exit status.  Asterisk does not run there."""
    return main(["setup", "--directory", str(folder), *more])


def first(folder: Path, *more: str) -> int:
    asterisk = ("--asterisk", f"127.0.0.1:{free_port()}", "--listen", f"127.0.0.1:{free_port()}")
    return setup(folder, "--yes", "--host", "localhost", "--user", "wallboard", *asterisk, *more)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {name: ((folder / name).read_bytes(), (folder / name).stat().st_mode) for name in files(folder)}


def test_all_files_are_made_and_the_service_would_load_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first(folder) == 1  # Asterisk does not run
    assert files(folder) == _FILES
    config, users, _ = load(folder / "proxy.yaml")
    assert config.control is not None
    assert list(users.users) == ["wallboard"]
    shown = capsys.readouterr().out
    [secret] = re.findall(r"^Secret: (\S+)$", shown, re.MULTILINE)
    assert verify(users.users["wallboard"].secret or "", secret.encode())
    assert "cannot be reached" in shown
    assert (folder / "upstream.secret").read_text().strip() not in shown


def test_no_file_with_a_secret_is_open_to_others(folder: Path) -> None:
    before = os.umask(0)
    try:
        first(folder)
    finally:
        os.umask(before)
    for name in (*_NAMES[1::2], "upstream.secret", "users.yaml", "proxy.yaml"):
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o037 == 0, name
    assert stat.S_IMODE((folder / "ca").stat().st_mode) == 0o700


def test_a_second_run_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first(folder)
    before = contents(folder)
    capsys.readouterr()
    # Neither flag is needed any more.
    setup(folder, "--yes")
    shown = capsys.readouterr().out
    assert contents(folder) == before
    assert "Nothing is missing" in shown
    assert "keep     " in shown


def test_a_dry_run_shows_everything_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup(folder, "--dry-run", "--host", "localhost", "--user", "wallboard") == 0
    assert not folder.exists()
    shown = capsys.readouterr().out
    for name in _FILES:
        assert name.partition("/")[2] or name in shown
    assert "secret_file: upstream.secret" in shown


@pytest.mark.parametrize("missing", [[name] for name in _FILES if not name.startswith("ca/")] + [_NAMES[2:]])
def test_what_is_missing_is_made_and_the_rest_kept(missing: list[str], folder: Path) -> None:
    first(folder)
    before = contents(folder)
    for name in missing:
        (folder / name).unlink()
    setup(folder, "--yes", "--host", "localhost", "--user", "wallboard")
    if missing == ["certs/server.key"]:
        assert "certs/server.key" not in files(folder)  # only the operator can restore it
        return
    after = contents(folder)
    assert sorted(after) == _FILES
    assert {name: after[name] for name in after if name not in missing} == {
        name: before[name] for name in before if name not in missing
    }


@pytest.mark.parametrize("fails_at", range(7))
def test_after_an_error_halfway_the_next_run_completes_it(
    fails_at: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[doing.Step] = []

    def do(step: doing.Step, runner: doing.Runner) -> None:
        if len(done) == fails_at:
            raise OSError(28, "No space left on device", str(folder))
        done.append(step)
        real(step, runner)

    real = doing.do
    with monkeypatch.context() as patched:
        patched.setattr("amiproxy.cli.setup.do", do)
        assert first(folder) == 1
    secrets = re.findall(r"wallboard, which is shown only now: (\S+)", capsys.readouterr().out)
    first(folder)
    assert files(folder) == _FILES
    users = load(folder / "proxy.yaml").users
    # The secret of a user that was written before the error was shown all the same.
    secrets += re.findall(r"^Secret: ([^(\s]+)$", capsys.readouterr().out, re.MULTILINE)
    assert len(secrets) == 1
    assert verify(users.users["wallboard"].secret or "", secrets[0].encode())


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        ([], "--host"),
        (["--host", "localhost"], "--user"),
        (["--host", "localhost", "--no-user"], "--yes"),
        (["--yes", "--host", "localhost"], "--user"),
        (["--yes", "--host", "not a name", "--no-user"], "--host"),
        (["--yes", "--host", "localhost", "--user", "x", "--read", "agnet"], "agnet"),
        (["--yes", "--host", "localhost", "--no-user", "--key", "x"], "--certificate"),
        (
            ["--yes", "--no-user", "--certificate", "/nowhere/x.crt", "--key", "/nowhere/x.key"],
            "--certificate",
        ),
        (["--yes", "--host", "localhost", "--no-user", "--asterisk", "192.0.2.1:5038"], "--asterisk"),
        (["--yes", "--host", "localhost", "--no-user", "--manager-conf", "/nowhere"], "/nowhere"),
    ],
)
def test_an_answer_that_is_missing_or_wrong_is_named(
    arguments: list[str], flag: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup(folder, *arguments) == 1
    assert flag in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize(
    "argument", [("--asterisk", "5038"), ("--listen", "localhost:1"), ("--metrics", "x")]
)
def test_an_address_that_cannot_be_parsed_is_wrong_usage(argument: tuple[str, str], folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        setup(folder, *argument)
    assert ended.value.code == 2


def test_an_edited_proxy_yaml_and_its_users_are_kept(folder: Path) -> None:
    first(folder)
    proxy = folder / "proxy.yaml"
    proxy.write_text(proxy.read_text() + "\n# mine\nlimits: {connections: 2000}\n")
    (folder / "users.yaml").write_text("# mine\nusers: {}\n")
    setup(folder, "--yes", "--user", "second")
    assert proxy.read_text().endswith("# mine\nlimits: {connections: 2000}\n")
    assert (folder / "users.yaml").read_text().startswith("# mine\n")
    assert list(load_users(folder / "users.yaml").users) == ["second"]


def test_a_proxy_yaml_with_errors_is_named_and_nothing_is_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first(folder)
    (folder / "upstream.secret").unlink()
    (folder / "proxy.yaml").write_text("upstream: {usrname: x}\n")
    assert setup(folder, "--yes") == 1
    assert "did you mean 'username'?" in capsys.readouterr().err
    assert not (folder / "upstream.secret").exists()


def test_a_certificate_of_ones_own_is_copied_with_its_key(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first(tmp_path / "other")
    live = tmp_path / "live/pbx.example.org"
    live.mkdir(parents=True)
    (live / "fullchain.pem").write_bytes((tmp_path / "other/certs/server.crt").read_bytes())
    (live / "privkey.pem").write_bytes((tmp_path / "other/certs/server.key").read_bytes())
    (live / "privkey.pem").chmod(0o600)
    capsys.readouterr()
    setup(folder, "--yes", "--no-user", "--certificate", str(live))
    assert (folder / "certs/server.key").read_bytes() == (live / "privkey.pem").read_bytes()
    assert not (folder / "ca").exists()
    shown = capsys.readouterr().out
    assert "-CAfile" not in shown
    assert "openssl s_client -connect localhost:" in shown


def test_a_certificate_that_would_not_be_served_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first(tmp_path / "one")
    first(tmp_path / "two")
    pair = (
        "--certificate",
        str(tmp_path / "one/certs/server.crt"),
        "--key",
        str(tmp_path / "two/certs/server.key"),
    )
    assert setup(folder, "--yes", "--no-user", *pair) == 1
    assert "does not belong to" in capsys.readouterr().err
    assert not folder.exists()


def test_the_account_is_added_to_manager_conf(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "manager.conf"
    conf.write_text("[general]\nenabled = no\nport = 5040\n[panel]\nsecret = hunter2\n")
    conf.chmod(0o640)
    setup(folder, "--yes", "--host", "localhost", "--no-user", "--manager-conf", str(conf))
    secret = (folder / "upstream.secret").read_text().strip()
    assert f"[amiproxy]\nsecret = {secret}\n" in conf.read_text()
    assert stat.S_IMODE(conf.stat().st_mode) == 0o640
    assert "enabled = no" in (tmp_path / "manager.conf.before-ami-proxy").read_text()
    assert load(folder / "proxy.yaml").config.upstream.port == 5040
    shown = capsys.readouterr().out
    assert secret not in shown
    assert "hunter2" not in shown
    # Not added twice.
    before = conf.read_text()
    setup(folder, "--yes", "--manager-conf", str(conf))
    assert conf.read_text() == before


def test_the_secret_of_an_account_can_be_given_on_stdin(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"their secret\n")))
    first(folder, "--secret-stdin")
    assert (folder / "upstream.secret").read_bytes() == b"their secret\n"


@pytest.fixture
def asterisk(folder: Path) -> Iterator[int]:
    """A simulated Asterisk, which accepts the secret of the folder; its port."""
    port = free_port()
    folder.mkdir(mode=0o700)
    command = [sys.executable, "-m", "amiproxy", "simulate", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, "--secret-file", str(folder / "upstream.secret")], stdout=subprocess.DEVNULL
    )
    wait_until((folder / "upstream.secret").exists)
    yield port
    process.terminate()
    process.wait()


def test_a_running_service_is_found_and_its_link_awaited(
    folder: Path, asterisk: int, capsys: pytest.CaptureFixture[str]
) -> None:
    address = ("--asterisk", f"127.0.0.1:{asterisk}", "--listen", f"127.0.0.1:{free_port()}")
    given = ("--yes", "--host", "localhost", "--user", "wallboard", *address)
    # The service is not started in a folder of one's own, and that is not a failure.
    assert setup(folder, *given) == 0
    proxy = subprocess.Popen(
        [sys.executable, "-m", "amiproxy", "run", "--config", str(folder / "proxy.yaml")],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until((folder / "control.sock").exists, within=60)
        capsys.readouterr()
        assert setup(folder, "--yes") == 0
        shown = capsys.readouterr().out
        assert "its link to Asterisk is up" in shown
        assert "Add this to" not in shown
    finally:
        proxy.terminate()
        proxy.wait()


# -- on a terminal ---------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_asks_for_what_it_needs_and_before_it_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        "Host name": ["not a name", "localhost"],
        "such as /etc/letsencrypt": [""],
        "Asterisk's manager listens": ["127.0.0.1", f"127.0.0.1:{free_port()}"],
        "account in Asterisk": [""],
        "First user": ["wallboard"],
        "Events": ["agnet", "call,agent"],
        "Actions": [""],
        "Go ahead?": ["y"],
    }

    def answer(prompt: str) -> str:
        [key] = [key for key in answers if key in prompt]
        return answers[key].pop(0)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    monkeypatch.setattr(questions, "_MANAGER_CONF", folder / "nowhere")
    setup(folder)
    assert not [left for left in answers.values() if left]
    assert load_users(folder / "users.yaml").users["wallboard"].read == ("call", "agent")


@pytest.mark.parametrize("said", ["n", "", None])
def test_without_a_yes_nothing_is_changed(
    said: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(prompt: str) -> str:
        if said is None:
            raise EOFError
        return said if "Go ahead?" in prompt else ""

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    arguments = (
        "--host",
        "localhost",
        "--no-user",
        "--asterisk",
        f"127.0.0.1:{free_port()}",
        "--manager-user",
        "x",
    )
    assert setup(folder, *arguments) in (1, 130)
    assert not folder.exists()
