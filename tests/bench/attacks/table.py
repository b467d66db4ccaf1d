"""Attacks on availability: how a good client notices each before, during and after.

One table for all.  **To add rows**: write a module beside ``door.py`` with a tuple ``ROWS`` of
``frame.Row`` and name it in ``GROUPS``.  A row says what the good client does (its probes), what
the attack is, and which settings the proxy needs for it; everything else is ``frame.py``'s.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from tests.bench.attacks import budgets, bulk, door, side
from tests.bench.attacks.frame import PHASES, Row, measured
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Rounds, markdown, median, written

#: The modules whose ROWS are measured, in the order of the table.
GROUPS: Final[Sequence[Sequence[Row]]] = (door.ROWS, budgets.ROWS, side.ROWS, bulk.ROWS)
_PEERS: Final = ("ami-proxy", "ami-proxy-compiled")
_TITLES: Final = (
    ("attack", "good client", "peer"),
    tuple(f"{phase} {figure}" for phase in PHASES for figure in ("p50 ms", "p99 ms", "failed %")),
    ("within 3 x quiet %", "p99 during / before", "attack /s", "cores", "others' cores"),
)


def attacks(plan: Plan) -> list[Section]:
    """Every row of every group, as one table."""
    lines: list[list[str]] = []
    for row in (row for group in GROUPS for row in group):
        if plan.small and not row.quick:
            continue
        found = plan.compare(
            f"Attack: {row.name}",
            plan.kinds(*(name for name in _PEERS if name in plan.peers)),
            lambda kind, row=row: asyncio.run(measured(row, kind, plan.seconds)),  # type: ignore[misc]
        )
        lines += [
            _line(row, probe.name, peer, rounds) for probe in row.probes for peer, rounds in found.items()
        ]
    note = (
        "Before, during and after the attack, of the same good client. *Within 3 x quiet*: of all it tried "
        "during the attack, what succeeded in at most three times the median of before. A dash: nothing was "
        "tried."
    )
    return [
        Section(
            "attacks",
            "Attacks on availability",
            markdown([*_TITLES[0], *_TITLES[1], *_TITLES[2]], lines),
            "",
            note,
        )
    ]


def _line(row: Row, probe: str, peer: str, rounds: Rounds) -> list[str]:
    cells = [
        written(median(rounds, f"{probe}: {phase} {figure}"), form)
        for phase in PHASES
        for figure, form in (("p50", ".1f"), ("p99", ".1f"), ("failed", ".1f"))
    ]
    ends = (
        (f"{probe}: within", ".1f"),
        (f"{probe}: worse", ".1f"),
        ("attack_rate", ",.0f"),
        ("cores", ".2f"),
        ("others", ".2f"),
    )
    return [row.name, probe, peer, *cells, *(written(median(rounds, figure), form) for figure, form in ends)]
