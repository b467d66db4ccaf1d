"""From many rounds to one table: medians, ratios within a round, Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Figures = Mapping[str, float]
#: The figures of one peer in each round; None where the measurement failed.
Rounds = Sequence[Figures | None]


class Column(NamedTuple):
    """A column: its title, the figure, and how that is written (a format specification)."""

    title: str
    figure: str
    form: str = ".1f"


def median(rounds: Rounds, figure: str) -> float | None:
    """The median of a figure over the rounds that have it."""
    values = [found[figure] for found in rounds if found is not None and figure in found]
    return statistics.median(values) if values else None


def medians(results: Mapping[str, Rounds], figure: str) -> dict[str, float]:
    """The median of a figure for each peer that has it."""
    found = {name: median(rounds, figure) for name, rounds in results.items()}
    return {name: value for name, value in found.items() if value is not None}


def ratio(rounds: Rounds, reference: Rounds, figure: str) -> float | None:
    """The median of the ratios, each taken within one round: a disturbance affects both."""
    ratios = [
        ours[figure] / theirs[figure]
        for ours, theirs in zip(rounds, reference, strict=False)
        if ours is not None and theirs is not None and ours.get(figure) is not None and theirs.get(figure)
    ]
    return statistics.median(ratios) if ratios else None


def written(value: float | None, form: str) -> str:
    """A cell; a dash for a missing value."""
    return "-" if value is None else format(value, form)


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [titles, ["---"] + ["--:"] * (len(titles) - 1), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def comparison(
    columns: Sequence[Column], results: Mapping[str, Rounds], references: Sequence[str], figure: str
) -> str:
    """A row per peer: first the ratios of ``figure`` to each reference, then the columns."""
    references = [name for name in references if name in results]
    titles = ["", *(f"x {name}" for name in references), *(column.title for column in columns)]
    rows = [
        [
            name,
            *(written(ratio(rounds, results[reference], figure), ".2f") for reference in references),
            *(written(median(rounds, column.figure), column.form) for column in columns),
        ]
        for name, rounds in results.items()
    ]
    return markdown(titles, rows)
