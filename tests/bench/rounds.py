# ruff: noqa: T201  (a program that prints)
"""The same work for every peer, in turn, several times over."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.measure import Quiet
from tests.bench.peers import PEERS, Peer, Place
from tests.bench.rig import Failed, Figures
from tests.bench.tables import Rounds

_TRIES = 3  # of a measurement that others disturbed


@dataclass
class Section:
    """One table of the report, with its chart."""

    name: str
    title: str
    table: str
    svg: str = ""
    note: str = ""


@dataclass
class Plan:
    """The peers to compare, and how thoroughly.  ``seconds`` is the length of a storm."""

    place: Place
    peers: Sequence[str]
    rounds: int
    seconds: float
    quiet: Quiet
    small: bool = False
    #: Every figure of every round, for a closer look.
    kept: list[dict[str, object]] = field(default_factory=list)
    #: Measurements that failed, and the reasons.
    remarks: dict[str, None] = field(default_factory=dict)

    def kinds(self, *names: str, wanted: Callable[[type[Peer]], bool] = lambda _: True) -> list[type[Peer]]:
        """The available peers, of these names or of all."""
        found = []
        for name in names or self.peers:
            kind = PEERS[name]
            if name in self.peers and wanted(kind):
                if reason := kind.missing():
                    self.remarks[f"{name}: skipped, {reason}"] = None
                else:
                    found.append(kind)
        return found

    def compare(
        self, title: str, kinds: Sequence[type[Peer]], work: Callable[[type[Peer]], Figures]
    ) -> dict[str, Rounds]:
        """Measure each in each round, beginning with another each time."""
        results: dict[str, list[Figures | None]] = {kind.name: [] for kind in kinds}
        for turn in range(self.rounds):
            for kind in (*kinds[turn % len(kinds) :], *kinds[: turn % len(kinds)]):
                figures = self._measured(title, kind, work)
                results[kind.name].append(figures)
                self.kept.append({"title": title, "peer": kind.name, "round": turn, "figures": figures})
        return dict(results)

    def _measured(
        self, title: str, kind: type[Peer], work: Callable[[type[Peer]], Figures]
    ) -> Figures | None:
        figures: Figures | None = None
        for _ in range(_TRIES):
            self.quiet.wait()
            print(f"  {title}: {kind.name}", file=sys.stderr, flush=True)
            began = time.monotonic()
            try:
                figures = work(kind)
            except (Failed, RuntimeError, OSError) as error:
                self.remarks[f"{title}: {kind.name} failed: {error}"] = None
                return None
            if figures.get("others", 0.0) <= self.quiet.cores:
                break
            self.quiet.spend(time.monotonic() - began)
            if self.quiet.is_impatient:
                break
        return figures
