"""``ami-proxy connect`` as a process, and its errors for invalid arguments."""

import argparse
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from amiproxy.cli import connect
from amiproxy.x509.issuing.authority import create_ca
from amiproxy.x509.issuing.issue import issue

COMMAND = """
import argparse, sys
from amiproxy.cli import connect
parser = argparse.ArgumentParser()
connect.register(parser.add_subparsers())
arguments = parser.parse_args()
sys.exit(arguments.run(arguments))
"""


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    connect.register(parser.add_subparsers())
    parsed = parser.parse_args(["connect", *arguments])
    status = parsed.run(parsed)
    assert isinstance(status, int)
    return status


def test_at_least_one_connection_must_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ca = create_ca(tmp_path / "ca")
    assert run("--to", "pbx:5039", "--ca", str(ca.certificate), "--connections", "0") == 1
    assert "--connections is less than 1" in capsys.readouterr().err


def test_the_process_forwards_and_ends_on_sigterm(tmp_path: Path) -> None:
    ca = create_ca(tmp_path / "ca")
    pair = issue(ca, ["127.0.0.1"], tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.chain, pair.key)

    def answer(listening: socket.socket) -> None:
        with context.wrap_socket(listening.accept()[0], server_side=True) as far:
            far.sendall(b"Asterisk Call Manager/9.0.0\r\n")
            far.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer, args=(listening,), daemon=True)
        server.start()
        to = f"127.0.0.1:{listening.getsockname()[1]}"
        arguments = ["connect", "--listen", "127.0.0.1:0", "--to", to, "--ca", str(ca.certificate)]
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            assert line.endswith(f" to {to}\n"), process.stderr.read()
            port = int(line.split(",")[0].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=20) as near:
                assert near.makefile("rb").readline() == b"Asterisk Call Manager/9.0.0\r\n"
                process.send_signal(signal.SIGTERM)
                assert near.recv(1) == b"", "the process closes its connections when it ends"
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
        server.join(20)
        assert not server.is_alive()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--to", "pbx"], "is not HOST:PORT"),
        (["--to", "pbx:0"], "is not HOST:PORT"),
        (["--to", "pbx:99999"], "is not HOST:PORT"),
        (["--to", "a b:5039"], "is not HOST:PORT"),
        (["--to", "2001:db8::1:5039"], "is not HOST:PORT"),
        (["--to", "pbx:5039", "--listen", "5038"], "write 127.0.0.1:PORT"),
        (["--to", "pbx:5039", "--listen", "fd:x"], "takes no socket"),
        (["--to", "pbx:5039", "--listen", "0.0.0.0:5038"], "in plain text"),
        (["--to", "pbx:5039", "--key", "x"], "needs --cert"),
        (["--to", "pbx:5039", "--ca", "/gone"], "CA file /gone cannot be used"),
    ],
)
def test_misuse_is_reported(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 1
    assert text in capsys.readouterr().err


def test_an_ipv6_address_is_in_brackets() -> None:
    assert connect._destination("[2001:db8::1]:5039") == ("2001:db8::1", 5039)
    assert connect._destination("pbx.example.org:5039") == ("pbx.example.org", 5039)
