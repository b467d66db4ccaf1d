"""Families of samples, made in parts; and how their labels stay bounded."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from amiproxy.ami import privilege
from amiproxy.core.audit.histogram import Histogram

#: Maximum number of samples of a family collected in one step; the rest comes in further parts.
_PART = 64
#: Number of reasons that are distinguished; further ones are counted as ``other``.
_REASONS = 40

_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)


def parts(make: Callable[[], _Family], rows: Iterable[tuple[Sequence[str], float]]) -> Iterator[_Family]:
    """A family with one sample for each row, in parts; a family without samples if there are no rows."""
    family = make()
    for number, (labels, value) in enumerate(rows, 1):
        family.add_metric(list(labels), value)
        if number % _PART == 0:
            yield family
            family = make()
    yield family


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """A family of one sample without labels."""
    return CounterMetricFamily(name, text, value)


def counters(
    name: str,
    text: str,
    labels: Sequence[str],
    values: Mapping[str, int] | Mapping[tuple[str, str], int] | Mapping[tuple[str, ...], int],
) -> Iterator[CounterMetricFamily]:
    """A family of counters, one for each key, in parts; the labels' values are the key."""
    return parts(
        lambda: CounterMetricFamily(name, text, labels=labels),
        (((key,) if isinstance(key, str) else key, value) for key, value in values.items()),
    )


def buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """The buckets as Prometheus has them: each counts all that is not above its bound."""
    buckets: list[tuple[str, float]] = []
    sum_so_far = 0
    for bound, count in zip([*map(str, histogram.bounds), "+Inf"], histogram.counts, strict=True):
        sum_so_far += count
        buckets.append((bound, sum_so_far))
    return buckets


def bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """The first ``_REASONS`` reasons seen, and all others together.

    By order and not by frequency, because the set of distinguished reasons must not change.
    """
    bounded: Counter[str] = Counter()
    for number, (reason, count) in enumerate(counts.items()):
        bounded[reason if number < _REASONS else "other"] += count
    return dict(bounded)


def by_class(counts: Mapping[int, int]) -> dict[str, int]:
    """Counts by the names of privilege classes instead of their masks."""
    by_name: Counter[str] = Counter()
    for mask, count in counts.items():
        # A class that is not in the table has no name; only users with class "all" receive such events.
        by_name["unknown" if mask & privilege.UNKNOWN else privilege.class_names(mask)] += count
    return dict(by_name)
