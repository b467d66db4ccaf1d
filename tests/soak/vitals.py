"""What a process uses, as the kernel counts it."""

import os
import time
from dataclasses import dataclass, field
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
        """Look now."""
        self.seconds.append(time.monotonic() - self._began)
        self.resident.append(int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE)
        self.descriptors.append(self.open_now)

    @property
    def open_now(self) -> int:
        """Files it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def cpu(self) -> float:
        """Seconds of processor time it has had."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def slope(self, warm_up: float) -> float:
        """Growth of its memory in bytes an hour: least squares over what came behind ``warm_up`` seconds."""
        points = [(s, r) for s, r in zip(self.seconds, self.resident, strict=True) if s >= warm_up]
        if len(points) < 3:
            return 0.0
        mean_s = sum(s for s, _ in points) / len(points)
        mean_r = sum(r for _, r in points) / len(points)
        spread = sum((s - mean_s) ** 2 for s, _ in points)
        return sum((s - mean_s) * (r - mean_r) for s, r in points) / spread * 3600
