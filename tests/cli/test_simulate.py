"""``ami-proxy simulate``: its arguments, its messages, its ending."""

import argparse
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.cli import simulate

_PROGRAM = """
import argparse, sys
from proxy.cli import simulate
parser = argparse.ArgumentParser(prog="ami-proxy")
simulate.register(parser.add_subparsers(required=True))
arguments = parser.parse_args(sys.argv[1:])
sys.exit(arguments.run(arguments))
"""


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ami-proxy")
    simulate.register(parser.add_subparsers(required=True))
    return parser.parse_args(["simulate", *arguments])


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:5038", ("::1", 5038)), (":5038", ("127.0.0.1", 5038))],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parsed("--listen", text).listen == address


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--listen", "5038"], "'5038' is not HOST:PORT, such as 127.0.0.1:5038"),
        (["--listen", "h:99999"], "'h:99999' is not HOST:PORT"),
        (["--calls-per-minute", "-1"], "'-1' is not a number from 0 to 60000"),
        (["--calls-per-minute", "many"], "'many' is not a number from 0 to 60000"),
    ],
)
def test_wrong_arguments(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    assert "ami-proxy simulate --listen 127.0.0.1:5038" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--read", "cal"], "--read, --write: 'cal' is not a privilege class; use names as in manager.conf"),
        (["--secret-file", "EMPTY"], "must hold the secret and nothing else, on one line"),
        (["--secret-file", "/nonexistent/file"], "--secret-file: [Errno 2] No such file or directory"),
        (["--listen", "203.0.113.1:0"], "cannot listen on 203.0.113.1:0"),
    ],
)
def test_refusals(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    found = parsed(*[str(empty) if argument == "EMPTY" else argument for argument in arguments])
    assert found.run(found) == 1
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_by_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    command = [sys.executable, "-W", "error", "-c", _PROGRAM, "simulate", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--secret-file", str(secret)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert re.match(r"simulated Asterisk on 127\.0\.0\.1:\d+, user amiproxy, secret in ", line)
    assert (process.returncode, errors) == (0, "")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text().strip() not in line
    assert len(secret.read_text().strip()) >= 24
