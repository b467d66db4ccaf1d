"""Tests that never end by themselves fail, once each, and the others run."""

import os
import subprocess
import sys
from pathlib import Path

_TOP = Path(__file__).parents[1]
_PLUGINS = """\
from tests.conftest import pytest_xdist_make_scheduler
from tests.support import time_limits

time_limits._GRACE = 1.0
pytest_plugins = ("tests.support.time_limits",)
"""
_TESTS = """\
import asyncio
import time

import pytest


@pytest.mark.timeout(3)
async def test_waits():
    await asyncio.sleep(100)


@pytest.mark.timeout(1)
def test_cannot_be_interrupted():
    while True:
        try:
            time.sleep(100)
        except BaseException:
            pass


def test_passes():
    pass
"""


def test_tests_that_hang_fail_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_PLUGINS)
    (tmp_path / "test_some.py").write_text(_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\ntimeout = 100\n")
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:randomly", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-n", "1", "--dist", "loadfile", "test_some.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    summary = done.stdout.partition("short test summary info")[2]
    assert summary.count("FAILED test_some.py::test_waits - TimeoutError") == 1, done.stdout
    assert summary.count("FAILED test_some.py::test_cannot_be_interrupted - worker") == 1, done.stdout
    assert "2 failed, 1 passed" in summary
