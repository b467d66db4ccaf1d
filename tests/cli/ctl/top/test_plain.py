"""``ctl top`` without keys: in a pipe, and on a terminal without prompt_toolkit."""

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from amiproxy.cli.ctl.top import plain
from tests.cli.ctl.answering import SESSION, STATUS, Answering, ctl, reply


def test_in_a_pipe_one_picture_follows_the_other_until_ctrl_c(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses = iter([None])

    def pause(_: float) -> None:
        if next(pauses, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr(plain.time, "sleep", pause)
    assert ctl(answering, "top") == 0
    out = capsys.readouterr().out
    assert out.count("ami-proxy 1.2.3 serving") == 2
    assert out.count("5f1e09c2ab34") == 2
    assert "q quit" not in out
    assert "\x1b" not in out


def test_all_sessions_are_printed_in_a_pipe(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions = [{**SESSION, "id": f"{number:012x}"} for number in range(200)]
    answers = iter([reply(STATUS), reply(sessions)])
    answering.answer = lambda _: [next(answers, b"{")]
    monkeypatch.setattr(plain.time, "sleep", lambda _: None)
    assert ctl(answering, "top") == 3
    assert all(row["id"] in capsys.readouterr().out for row in sessions[-1:])


def test_top_has_no_json(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(answering, "top", "--json") == 1
    assert "status --json" in capsys.readouterr().err


_WITHOUT = """\
import sys
sys.modules["prompt_toolkit"] = None
from amiproxy.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_prompt_toolkit_it_says_what_keys_need(answering: Answering, tmp_path: Path) -> None:
    looks = iter([reply(STATUS), reply([SESSION])] * 2)
    answering.answer = lambda _: [next(looks, b"{")]
    master, slave = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while data := os.read(master, 4096):
                shown.extend(data)
        except OSError:
            return  # all ends of the terminal are closed

    reader = threading.Thread(target=read)
    reader.start()
    command = [
        sys.executable,
        "-c",
        _WITHOUT,
        "ctl",
        "--socket",
        str(answering.path),
        "top",
        "--interval",
        "0.1",
    ]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    done = subprocess.run(command, stdin=slave, stdout=slave, stderr=slave, env=environment, check=False)
    os.close(slave)
    reader.join(10)
    os.close(master)
    # The second picture is drawn over the first.
    pictures = shown.decode().replace("\x1b[H", "\n")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", pictures)
    assert done.returncode == 3
    assert "pip install 'amiproxy[tools]'" in text
    assert "5f1e09c2ab34" in text
    screens = text.partition("ami-proxy ctl:")[0]
    assert max(map(len, screens.splitlines())) <= 80
