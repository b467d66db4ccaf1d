"""Families of samples, made in parts; and how their labels stay bounded."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from amiproxy.ami import privilege
from amiproxy.core.audit.histogram import Histogram
from amiproxy.net.admin.metrics.known import CLASSES, OTHER, REMOVED, UNAUTHENTICATED

#: Maximum number of samples of a family collected in one step; the rest comes in further parts.
_PART = 64
#: Number of reasons that are distinguished besides those known beforehand; further ones are ``other``.
_REASONS = 40

_Number = TypeVar("_Number", int, float)
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


def bounded(counts: Mapping[str, int], known: Collection[str]) -> dict[str, int]:
    """The known reasons, even with 0, the first ``_REASONS`` others seen, and all further ones together.

    By order and not by frequency, because the set of distinguished reasons must not change.
    """
    bounded = dict.fromkeys((*known, OTHER), 0)
    for reason, count in counts.items():
        name = reason if reason in bounded or len(bounded) <= len(known) + _REASONS else OTHER
        bounded[name] = bounded.get(name, 0) + count
    return bounded


def by_user(
    counts: Mapping[str, _Number], known: Iterable[str], *, before_login: bool = False
) -> dict[str, _Number | int]:
    """Counts of each known user, even with 0, and together those of users who are no longer known.

    ``before_login``: also of "", the user of what happens before login.
    """
    by_name: dict[str, _Number | int] = {UNAUTHENTICATED: 0} if before_login else {}
    by_name.update(dict.fromkeys((*known, REMOVED), 0))
    for user, count in counts.items():
        by_name[user if user in by_name else REMOVED] += count
    return by_name


def by_class(counts: Mapping[int, int]) -> dict[str, int]:
    """Counts by the names of privilege classes instead of their masks; known classes even with 0."""
    by_name: Counter[str] = Counter(dict.fromkeys(CLASSES, 0))
    for mask, count in counts.items():
        # A class that is not in the table has no name; only users with class "all" receive such events.
        by_name["unknown" if mask & privilege.UNKNOWN else privilege.class_names(mask)] += count
    return dict(by_name)
