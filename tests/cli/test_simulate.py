"""``ami-proxy simulate``: its arguments, its messages, how it ends."""

import argparse
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amiproxy.cli import simulate
from amiproxy.tools.simulator.misbehaviour.schedule import VERBS
from tests.transcripts.recordings import DATA, received, sent

_PING = DATA / "22-04-ping"

_PROGRAM = """
import argparse, sys
from amiproxy.cli import simulate
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
    [
        ("127.0.0.1:0", ("", "127.0.0.1", 0)),
        ("[::1]:5038", ("", "::1", 5038)),
        (":5038", ("", "127.0.0.1", 5038)),
        ("pbx-1=[::1]:5038", ("pbx-1", "::1", 5038)),
    ],
)
def test_addresses_are_parsed(text: str, address: tuple[str, str, int]) -> None:
    assert parsed("--listen", text).listen == [address]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--listen", "5038"], "'5038' is not HOST:PORT, such as 127.0.0.1:5038"),
        (["--listen", "h:99999"], "'h:99999' is not HOST:PORT"),
        (["--listen", "pbx 1=:5038"], "'pbx 1=:5038': a name has letters, digits and -"),
        (["--listen", "=:5038"], "'=:5038': a name has letters, digits and -"),
        (["--calls-per-minute", "-1"], "'-1' is not a number from 0 to 60000"),
        (["--calls-per-minute", "many"], "'many' is not a number from 0 to 60000"),
        (["--fault", "fire"], "'fire'; known faults: stall, deaf, trickle, "),
        (["--fault", "reset:0"], "'reset:0': the seconds of reset must be from 0.1 to 86400"),
        (["--fault", "stall:soon"], "'stall:soon': the seconds of stall must be from 0 to 86400"),
    ],
)
def test_wrong_arguments_give_status_2(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    out = capsys.readouterr().out
    assert "ami-proxy simulate --listen 127.0.0.1:5038" in out
    assert "ami-proxy simulate --fault reset:30" in out
    assert "ami-proxy simulate --replay " in out
    for name, verb in VERBS.items():
        assert re.search(rf"^  {name} +{re.escape(verb.text)}$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--read", "cal"], "--read, --write: 'cal' is not a privilege class; use names as in manager.conf"),
        (["--secret-file", "EMPTY"], "must hold the secret and nothing else, on one line"),
        (
            ["--secret-file", "/nonexistent/file"],
            "--secret-file: /nonexistent/file: No such file or directory; ",
        ),
        (["--listen", "203.0.113.1:0"], "cannot listen on 203.0.113.1:0"),
        (["--listen", "203.0.113.1:0", "--replay", str(_PING)], "cannot listen on 203.0.113.1:0"),
        (["--replay", "/nonexistent/22-04-ping"], "/nonexistent/22-04-ping.out: No such file or directory; "),
        (["--replay", str(_PING), "--listen", ":0", "--listen", ":0"], "name one"),
        (["--listen", "a=:0", "--listen", "a=:0"], "a is there twice"),
        (["--listen", "a=:0", "--fault", "reset@b"], "no server is called b; use --listen b=HOST:PORT"),
        (["--replay", str(_PING), "--fault", "reset"], "omit --fault or --replay"),
        (["--replay", "EMPTY"], "holds no action"),
    ],
)
def test_unusable_files_and_ports_are_refused(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    for file in (empty, tmp_path / "empty.in", tmp_path / "empty.out"):
        file.touch()
    found = parsed(*[str(empty) if argument == "EMPTY" else argument for argument in arguments])
    assert found.run(found) == 1
    assert text in capsys.readouterr().err


class Running:
    """The running program, its output line by line, and its end by SIGTERM."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, line: str) -> None:
        self._process = process
        self.port = port
        self.first = line

    @classmethod
    def at(cls, other: "Running", port: int) -> "Running":
        """The same program at another of its ports."""
        return cls(other._process, port, other.first)

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), 10)
        assert _read(sock, b"\n").startswith(b"Asterisk Call Manager/")
        return sock

    def log_in(self) -> socket.socket:
        sock = self.connect()
        sock.sendall(b"Action: Login\r\nUsername: amiproxy\r\nSecret: sesame\r\nEvents: off\r\n\r\n")
        assert b"Authentication accepted" in _read(sock)
        return sock

    def end(self) -> tuple[int, str]:
        """Send SIGTERM; the exit status and the text on stderr."""
        self._process.send_signal(signal.SIGTERM)
        _, errors = self._process.communicate(timeout=20)
        return self._process.returncode, errors


def _read(sock: socket.socket, end: bytes = b"\r\n\r\n") -> bytes:
    data = b""
    while not data.endswith(end):
        piece = sock.recv(65536)
        assert piece, data
        data += piece
    return data


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[subprocess.Popen[str]] = []
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    common = ["--listen", "127.0.0.1:0", "--calls-per-minute", "0", "--secret-file", str(secret)]

    def start(*arguments: str) -> Running:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _PROGRAM, "simulate", *common, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        line = ""
        while (found := re.search(r" on 127\.0\.0\.1:(\d+)", line)) is None:
            line = process.stdout.readline()
            assert line, process.communicate()
        return Running(process, int(found[1]), line)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_lasting_faults_apply_from_the_start(running: Callable[..., Running]) -> None:
    program = running("--fault", "refuse-logins", "--fault", "trickle", "--fault", "lf")
    with socket.create_connection(("127.0.0.1", program.port), 10) as sock:
        assert _read(sock, b"\n") == b"Asterisk Call Manager/11.0.0\n"
        sock.sendall(b"Action: Login\r\nUsername: amiproxy\r\nSecret: sesame\r\n\r\n")
        assert b"Message: Authentication failed\n" in _read(sock, b"\n\n")
        sock.settimeout(10)
        assert sock.recv(1) == b""
    assert program.end() == (0, "")


@pytest.mark.parametrize("name", ["stall", "deaf"])
def test_a_stall_begins_when_it_is_due(running: Callable[..., Running], name: str) -> None:
    program = running("--fault", f"{name}:2")
    with program.log_in() as sock:
        assert program.line() == f"fault: {VERBS[name].text}\n"
        sock.sendall(b"Action: Ping\r\n\r\n")
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert program.end() == (0, "")


def test_a_repeating_fault_repeats(running: Callable[..., Running]) -> None:
    program = running("--fault", "reset:2")
    with program.log_in() as sock:
        assert program.line() == program.line() == f"fault: {VERBS['reset'].text}\n"
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert program.end() == (0, "")


def test_each_address_has_an_asterisk_of_its_own(running: Callable[..., Running]) -> None:
    program = running(
        "--listen", "pbx1=127.0.0.1:0", "--listen", "pbx2=127.0.0.1:0", "--fault", "die-in-list:1@pbx2"
    )
    ports = {}
    for line in (program.line(), program.line()):
        found = re.match(r"simulated Asterisk (\S+) on 127\.0\.0\.1:(\d+), user amiproxy, ", line)
        assert found, line
        ports[found[1]] = int(found[2])
    assert program.line() == f"fault in pbx2: {VERBS['die-in-list'].text}\n"
    for name, port in ports.items():
        with Running.at(program, port).log_in() as sock:
            sock.sendall(b"Action: CoreSettings\r\n\r\n")
            assert f"SystemName: {name}\r\n".encode() in _read(sock)
    assert program.end() == (0, "")


@pytest.mark.parametrize("suffix", ["", ".in", ".out"])
def test_a_transcript_is_replayed(running: Callable[..., Running], suffix: str) -> None:
    program = running("--replay", f"{_PING}{suffix}")
    assert re.match(r"replaying 22-04-ping on 127\.0\.0\.1:\d+: \d+ actions, any user and", program.first)
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", program.port), 10) as sock:
            sock.sendall(sent(_PING))
            heard = b""
            while len(heard) < len(received(_PING)):
                heard += sock.recv(65536)
        assert heard == received(_PING)
    assert program.end() == (0, "")


def test_a_deviation_from_the_transcript_is_reported(running: Callable[..., Running]) -> None:
    program = running("--replay", str(_PING))
    with program.connect() as sock:
        sock.sendall(b"Action: Ping\r\n\r\n")
        assert b"the transcript has another action here: Login" in _read(sock)
    status, errors = program.end()
    assert status == 1
    told = "not as recorded: Ping: the transcript has another action here: Login"
    assert errors == f"ami-proxy simulate: {told}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_and_ends_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
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


def test_a_call_centre_has_phones_and_trunks(running: Callable[..., Running]) -> None:
    program = running("--call-centre", "--calls-per-minute", "0")
    with program.log_in() as sock:
        sock.sendall(b"Action: PJSIPShowEndpoints\r\n\r\n")
        heard = b""
        while b"EndpointListComplete" not in heard:
            heard += sock.recv(65536)
    assert b"ObjectName: reception\r\n" in heard
    assert program.end() == (0, "")
