"""Whether a process's memory grows, judged according to how long it was watched.

Over hours a leak shows as a slope, however slow; over minutes every slope is
noise (slow clients' buffers come and go), and only its sum can be judged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

_MIB: Final = 1 << 20
#: A run this long, in seconds, is judged by its slope: ten minutes, without what start and end take.
_LONG: Final = 590.0
#: Bytes an hour.
_SLOPE: Final = 1 * _MIB
#: Memory that the allocator keeps or gives back by chance does not count as a slope.
_NOISE: Final = 1 * _MIB
#: How much more memory than after its warm-up a short run may end up with.
_SHORT: Final = 8 * _MIB


@dataclass(frozen=True)
class Growth:
    """``slope`` and its standard error in bytes an hour over ``seconds``; ``gained`` bytes in them.

    ``watched`` is the whole run, warm-up and all.
    """

    seconds: float
    watched: float
    slope: float
    error: float
    gained: float

    @property
    def is_leak(self) -> bool:
        """Long run: a slope that certainly exceeds bound and noise.  Short run: a gain over the bound."""
        if self.watched < _LONG:
            return self.gained > _SHORT
        risen = self.slope * self.seconds / 3600
        return self.slope - 2 * self.error > _SLOPE and risen > _NOISE

    def __str__(self) -> str:
        judged = "slope" if self.watched >= _LONG else "gain"
        return (
            f"{self.gained / _MIB:+.1f} MiB, {self.slope / _MIB:+.1f} ± {2 * self.error / _MIB:.1f} MiB/h "
            f"in {self.seconds:.0f} s after the warm-up (judged by its {judged})"
        )


def growth_of(seconds: Sequence[float], resident: Sequence[int], warm_up: float) -> Growth:
    """Of samples after ``warm_up`` seconds: least squares, and the medians of first and last quarter."""
    points = [(s, float(r)) for s, r in zip(seconds, resident, strict=True) if s >= warm_up]
    watched = seconds[-1] if seconds else 0.0
    if len(points) < 4:
        return Growth(0.0, watched, 0.0, 0.0, 0.0)
    quarter = len(points) // 4
    gained = median(r for _, r in points[-quarter:]) - median(r for _, r in points[:quarter])
    mean_s, mean_r = fmean(s for s, _ in points), fmean(r for _, r in points)
    spread = sum((s - mean_s) ** 2 for s, _ in points)
    slope = sum((s - mean_s) * (r - mean_r) for s, r in points) / spread
    rest = sum((r - mean_r - slope * (s - mean_s)) ** 2 for s, r in points)
    error = math.sqrt(rest / (len(points) - 2) / spread)
    return Growth(points[-1][0] - points[0][0], watched, slope * 3600, error * 3600, gained)
