"""The resources that processes and the machine use: CPU, memory, listening ports.  Linux's /proc only."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_LISTEN = "0A"
#: What Linux adds to a process's number to name the clock of its CPU time: see clock_getcpuclockid(3).
_CPU_CLOCK = 2


def stat_fields(text: str) -> list[str]:
    """The fields of a /proc/PID/stat after the command's name, which may contain anything."""
    return text.rpartition(")")[2].split()


def stat_cpu(text: str) -> float:
    """CPU seconds in a /proc/PID/stat: user and system, of children that were waited for too."""
    fields = stat_fields(text)
    return sum(map(int, fields[11:15])) / _TICKS


def busy_seconds(text: str) -> float:
    """CPU seconds that all processors were not idle, of a /proc/stat."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, text.splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / _TICKS


def field_kib(text: str, name: str) -> int:
    """A ``Name:  123 kB`` line of smaps_rollup or status; 0 without it."""
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def listening_ports(text: str) -> set[int]:
    """The TCP ports with a listener, of a /proc/net/tcp."""
    rows = (line.split() for line in text.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def session_pids(session: int) -> list[int]:
    """The live processes of a session (setsid): a program and all that it forked."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (text := _read(f"{entry}/stat")):
            fields = stat_fields(text)
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds of these processes until now."""
    return sum(stat_cpu(text) for pid in pids if (text := _read(f"/proc/{pid}/stat")))


def precise_cpu_seconds(pids: Iterable[int]) -> float:
    """The same in nanoseconds instead of hundredths of a second, but without children."""
    seconds = 0.0
    for pid in pids:
        with suppress(OSError):  # it has ended
            seconds += time.clock_gettime(~pid << 3 | _CPU_CLOCK)
    return seconds


def pss_kib(pids: Iterable[int]) -> int:
    """Proportional memory of these processes."""
    return sum(field_kib(_read(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids)


def machine_busy() -> float:
    """CPU seconds of the whole machine until now."""
    return busy_seconds(_read("/proc/stat"))


def is_listening(port: int) -> bool:
    """Whether something listens there."""
    return port in listening_ports(_read("/proc/net/tcp"))


@contextmanager
def peak_pss(pids: Callable[[], Iterable[int]]) -> Iterator[list[int]]:
    """Sample several times a second; the given list receives the samples, in KiB."""
    found: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            found.append(pss_kib(pids()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


class Quiet:
    """Waits until other processes leave the machine alone, for a bounded time in all."""

    def __init__(self, cores: float, patience: float) -> None:
        self.cores = cores
        self._left = patience

    @property
    def is_impatient(self) -> bool:
        """Whether the time for waiting, and for measuring again, is used up."""
        return self._left <= 0

    def spend(self, seconds: float) -> None:
        """Subtract from the patience the time of a measurement that has to be repeated."""
        self._left -= seconds

    def wait(self) -> None:
        """Return when less than ``cores`` are in use, or when the patience is used up."""
        while self._left > 0:
            busy, began = machine_busy(), time.monotonic()
            time.sleep(0.5)
            elapsed = time.monotonic() - began
            if (machine_busy() - busy) / elapsed < self.cores:
                return
            self._left -= elapsed
