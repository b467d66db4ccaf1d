"""A process whose shutdown does not finish is ended."""

import subprocess
import sys
import time

import pytest

from amiproxy.net.host.hardstop import STATUS


def run(program: str) -> tuple[int, float, str]:
    """Exit status, seconds and output."""
    began = time.monotonic()
    lines = [
        "import sys, time",
        "from amiproxy import log",
        "from amiproxy.net.host.hardstop import HardStop",
    ]
    source = "\n".join([*lines, "log.configure('text', 'info')", "stop = HardStop()", program])
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, time.monotonic() - began, done.stderr


@pytest.mark.parametrize("stuck", ["time.sleep(60)", "while True: pass"])
def test_stop_timeout_ends_a_stuck_process(stuck: str) -> None:
    status, seconds, said = run(f"stop.start(0.2)\n{stuck}")
    assert status == STATUS
    assert seconds < 15
    assert "limit-hit limit=stop_timeout seconds=0.2" in said


def test_a_stuck_log_does_not_delay_the_end() -> None:
    status, seconds, _ = run("log.say = lambda *a, **k: time.sleep(60)\nstop.start(0.1)\ntime.sleep(60)")
    assert status == STATUS
    assert seconds < 15


@pytest.mark.parametrize(
    "program",
    [
        "stop.start(60)",
        "stop.cancel()",
        "stop.start(0.1)\nstop.cancel()\ntime.sleep(0.4)",
        "stop.start(0.1)\nstop.start(60)\ntime.sleep(0.4)",
    ],
)
def test_a_process_that_ends_in_time_is_not_interrupted(program: str) -> None:
    assert run(program)[::2] == (0, "")
