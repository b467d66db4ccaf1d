"""The resources that a process uses, as the kernel counts them."""

import os
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Vitals:
    """Samples of one process; ``seconds`` since the first, ``resident`` in bytes."""

    pid: int
    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def sample(self) -> None:
        """Take a sample now."""
        self.seconds.append(time.monotonic() - self._began)
        self.resident.append(int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE)
        self.descriptors.append(self.open_now)

    @property
    def open_now(self) -> int:
        """The number of files that it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def longest_gap(self) -> float:
        """Seconds between two samples."""
        return max((after - before for before, after in pairwise(self.seconds)), default=0.0)

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
