"""The log's writer with pipes and disks that do not take its lines."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from amiproxy import log
from amiproxy.net.host.logwriter import LogWriter
from tests.support.requirements import give_up


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


@pytest.fixture(autouse=True)
def restored_log() -> Iterator[None]:
    yield
    log.configure("text", "info")


def filled(descriptor: int) -> int:
    """Fill a pipe; the number of bytes that it took."""
    os.set_blocking(descriptor, False)
    size = 0
    while True:
        try:
            size += os.write(descriptor, b"\0" * 4096)
        except BlockingIOError:
            os.set_blocking(descriptor, True)
            return size


def test_lines_are_written_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    under_test = LogWriter(writer)
    log.configure("text", "info", stream=under_test, journal=True)
    log.say(log.INFO, "before-the-start", number=0)
    under_test.start()
    for number in range(1, 100):
        log.say(log.INFO, "line", number=number)
    under_test.stop()
    os.close(writer)
    with os.fdopen(reader, closefd=False) as lines:
        said = lines.read().splitlines()
    assert said == ["<6>before-the-start number=0", *(f"<6>line number={number}" for number in range(1, 100))]


def test_a_reader_that_does_not_read_delays_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    size = filled(writer)
    under_test = LogWriter(writer, longest=50)
    log.configure("text", "info", stream=under_test, journal=True)
    under_test.start()
    began = time.monotonic()
    for number in range(1000):
        log.say(log.INFO, "line", number=number)
    assert time.monotonic() - began < 10
    # One line is being written, 50 wait.
    assert under_test.dropped in {949, 950}
    while size:
        size -= len(os.read(reader, size))
    under_test.settle()
    dropped = under_test.dropped
    under_test.stop()
    os.close(writer)
    with os.fdopen(reader, closefd=False) as lines:
        said = lines.read().splitlines()
    assert len(said) == 1000 - dropped + 1
    assert said[-1] == f"<4>log-lost lines={dropped} total={dropped}"


def test_stopping_does_not_wait_for_a_missing_reader(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    filled(writer)
    under_test = LogWriter(writer)
    under_test.start()
    under_test.write("last words\n")
    began = time.monotonic()
    under_test.stop()
    assert time.monotonic() - began < 20


def test_a_reader_that_has_gone_costs_only_lines(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    under_test = LogWriter(writer)
    under_test.start()
    for _ in range(3):
        under_test.write("line\n")
    under_test.stop()
    assert under_test.dropped == 3


_FULL_DISK = """
import os, sys
from amiproxy import log
from amiproxy.net.host.logwriter import LogWriter

path = sys.argv[1] + "/log"
writer = LogWriter(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND))
log.configure("text", "info", stream=writer, journal=True)
writer.start()
for number in range(3000):
    log.say(log.INFO, "line", number=number, filler="x" * 40)
writer.settle()
assert writer.dropped > 1000, writer.dropped
os.truncate(path, 0)
log.say(log.INFO, "room-again")
writer.settle()
writer.stop()
said = open(path).read().split("\\n")
assert said[-3] == "<6>room-again", said
assert said[-2].startswith("<4>log-lost lines="), said
print("recovered")
"""


def test_a_full_disk_costs_lines_and_is_logged_after_recovery(tmp_path: object) -> None:
    script = f'mount -t tmpfs -o size=64k none {tmp_path} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", _FULL_DISK, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr and "Operation not permitted" in done.stderr:
        give_up("NAMESPACES", "mount namespaces need root here")
    assert done.stdout == "recovered\n", done.stderr
