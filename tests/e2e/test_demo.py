"""The demo as run by a person, in a pipe and in CI."""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

_DEADLINE = 50.0
_COMMAND = (sys.executable, "-m", "amiproxy", "demo", "--folder")


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in {"DEMO_SECONDS", "COLUMNS"}}
    return {**kept, "TERM": "xterm", **more}


def in_a_pipe(folder, *argv, **more):
    return subprocess.run(
        [*_COMMAND, str(folder), *argv],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_DEADLINE,
        check=False,
    )


def promises(text):
    return re.findall(r"^(ok|NO)  (.*?)  ", text, re.MULTILINE)


def test_in_a_pipe_it_shows_the_promised_output_and_ends(tmp_path):
    folder = tmp_path / "state"
    done = in_a_pipe(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert {mark for mark, _ in promises(done.stdout)} == {"ok"}
    told = [text for _, text in promises(done.stdout)]
    for text in (
        "both see the same calls",
        "only wallboard sees the queue's agents",
        "only desk sees user events",
        "desk: Originate is allowed",
        "wallboard: Originate is denied",
        "no user gets what it may not read",
    ):
        assert text in told
    # Side by side: the same call in one line, an event of one user beside the other's dot.
    assert re.search(r"  Newchannel (PJSIP/\S+) +Newchannel \1$", done.stdout, re.MULTILINE)
    assert re.search(r"  QueueCallerJoin .* {2}\.$", done.stdout, re.MULTILINE)
    assert re.search(r"  \. +UserEvent DeskNote ", done.stdout, re.MULTILINE)
    assert re.search(r"^\S+  <- Permission denied", done.stdout, re.MULTILINE)
    log = (folder / "proxy.log").read_text()
    assert log.rstrip().endswith("stopped")
    assert "Traceback" not in log
    assert "certificate" not in log, "no warning about the demo's own certificate"


def test_with_demo_seconds_it_ends_after_them_and_shows_how_to_log_in(tmp_path):
    # A busy machine needs longer for the tour, and then no time to log in is left.
    for seconds in (12, 35):
        began = time.monotonic()
        done = in_a_pipe(tmp_path / str(seconds), DEMO_SECONDS=str(seconds))
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.monotonic() - began >= seconds
        assert {mark for mark, _ in promises(done.stdout)} == {"ok"}
        if "openssl s_client -connect 127.0.0.1:" in done.stdout:
            return
    raise AssertionError(done.stdout)


def test_without_an_asterisk_it_gives_the_reason_and_exits_with_1(tmp_path):
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_text("s\n")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        asterisk = f"127.0.0.1:{closed.getsockname()[1]}"
        argv = ("--asterisk", asterisk, "--user", "u", "--secret-file", str(tmp_path / "secret"))
        done = in_a_pipe(tmp_path / "state", *argv)
    assert done.returncode == 1
    assert "no link to Asterisk" in done.stderr
    assert "refused" in done.stderr
    assert "Traceback" not in done.stderr


class Terminal:
    """The demo on a terminal of its own; ``raw`` is all that it has written so far."""

    def __init__(self, process, master):
        self.process = process
        self.master = master
        self.raw = b""

    @property
    def text(self):
        """As lines, without the sequences that move the cursor or set colours; a command is on one line."""
        text = self.raw.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
        return re.sub(r" \\\n +", " ", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))

    def type(self, data):
        os.write(self.master, data)

    def wait_for(self, pattern):
        give_up = time.monotonic() + _DEADLINE
        while (found := re.search(pattern, self.text, re.MULTILINE)) is None:
            assert time.monotonic() < give_up, f"{pattern}: {self.text}"
            assert self.read(), f"ended before {pattern}: {self.text}"
        return found

    def read(self):
        """Read more; False at the end."""
        if not select.select([self.master], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux: the other end of the terminal was closed
            return False
        self.raw += data
        return bool(data)

    def end(self):
        give_up = time.monotonic() + _DEADLINE
        while self.read() and time.monotonic() < give_up:
            pass
        return self.process.wait(5)


@contextmanager
def on_a_terminal(folder):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 120))
    process = subprocess.Popen(
        [*_COMMAND, str(folder)],
        env=environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        # The controlling terminal, so that its Ctrl-C goes where a person's would.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads here
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.terminate()  # it ends the proxy too
            process.wait(20)
        os.close(master)


def test_on_a_terminal_it_stays_up_for_a_login_by_hand_until_ctrl_c(tmp_path):
    folder = tmp_path / "state"
    with on_a_terminal(folder) as terminal:
        command = terminal.wait_for(r"^openssl s_client .*-quiet$")[0].split()
        secret = terminal.wait_for(r"^Secret: (\S+)$")[1]
        assert "NO  " not in terminal.text
        actions = f"Action: Login\nUsername: desk\nSecret: {secret}\n\nAction: Logoff\n\n"
        by_hand = subprocess.run(
            [*command, "-verify_return_error"],
            input=actions,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert "Authentication accepted" in by_hand.stdout, by_hand.stderr
        assert "Response: Goodbye" in by_hand.stdout
        assert terminal.process.poll() is None
        port = int(command[3].rpartition(":")[2])
        terminal.type(b"\x03")
        assert terminal.end() == 0, terminal.text
        assert "Traceback" not in terminal.text
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert (folder / "proxy.log").read_text().rstrip().endswith("stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_in_the_middle_ends_everything_cleanly(tmp_path, number):
    folder = tmp_path / "state"
    with on_a_terminal(folder) as terminal:
        terminal.wait_for("-> Originate")
        terminal.process.send_signal(number)
        assert terminal.end() == 0, terminal.text
        assert "Traceback" not in terminal.text
    assert (folder / "proxy.log").read_text().rstrip().endswith("stopped")


def test_it_exits_with_1_when_the_proxy_dies(tmp_path):
    folder = tmp_path / "state"
    with on_a_terminal(folder) as terminal:
        terminal.wait_for("-> Originate")
        pid = terminal.process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        assert terminal.end() == 1, terminal.text
        assert "Traceback" not in terminal.text
        assert "ami-proxy demo: " in terminal.text
