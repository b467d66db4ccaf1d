"""What is kept of the past and the present of each server, and what clients got of it."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from amiproxy.core.audit.historycounts import (
    REPAIR_OUTCOMES,
    RESUME_OUTCOMES,
    SNAPSHOT_OUTCOMES,
    HistoryCounts,
)
from amiproxy.core.history.journal import Journal
from amiproxy.core.history.state.kept import READY, SETTLING, Standing
from amiproxy.net.admin.metrics.families import buckets, counters, parts
from amiproxy.net.admin.service import Service

_JOURNAL: tuple[tuple[str, str, Callable[[Journal], float]], ...] = (
    (
        "amiproxy_journal_events",
        "Events that clients can still be sent after a break",
        lambda one: one.events,
    ),
    ("amiproxy_journal_bytes", "Memory for these events", lambda one: one.size),
    ("amiproxy_journal_age_seconds", "Age of the oldest of these events", lambda one: one.age),
    ("amiproxy_journal_bytes_max", "history.bytes of proxy.yaml", lambda one: one.bounds.bytes),
    ("amiproxy_journal_seconds_max", "history.seconds of proxy.yaml", lambda one: one.bounds.seconds),
)
_COUNTS: tuple[tuple[str, str, Callable[[HistoryCounts], int]], ...] = (
    (
        "amiproxy_snapshots_shared",
        "Snapshots answered with the bytes of another client's",
        lambda one: one.snapshots_shared,
    ),
    ("amiproxy_events_replayed", "Events sent to clients that resumed", lambda one: one.replayed),
)


def collect(service: Service) -> Iterator[Metric]:
    """Journals, state, snapshots and resumes, by server; servers of which nothing is kept have no journal."""
    yield from _journals(service)
    yield from _state(service)
    yield from _clients(service)


def _journals(service: Service) -> Iterator[Metric]:
    for name, text, value in _JOURNAL:
        family = GaugeMetricFamily(name, text, labels=["server"])
        for server in service.hub.servers:
            if server.journal is not None:
                family.add_metric([server.name], value(server.journal))
        yield family


def _state(service: Service) -> Iterator[Metric]:
    stats = service.hub.stats
    kept = [
        (server.name, stats.history_of(server.name), one)
        for server in service.hub.servers
        if server.state is not None
        for one in server.state.standings
    ]
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_state_items", "What exists at Asterisk now, by kind", labels=["server", "kind"]
        ),
        (((server, one.kind), one.items if _is_known(one) else 0) for server, _, one in kept),
    )
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_state_known", "1 while all items of this kind are known", labels=["server", "kind"]
        ),
        (((server, one.kind), float(_is_known(one))) for server, _, one in kept),
    )
    yield from counters(
        "amiproxy_state_drift",
        "Items that Asterisk's lists had otherwise than its events, none of which the proxy had lost",
        ["server", "kind"],
        {(server, one.kind): counts.drift[one.kind] for server, counts, one in kept},
    )
    yield from counters(
        "amiproxy_state_seed_failures",
        "Times that Asterisk's lists of this kind could not be read",
        ["server", "kind"],
        {(server, one.kind): counts.seed_failures[one.kind] for server, counts, one in kept},
    )
    times = HistogramMetricFamily(
        "amiproxy_state_seed_seconds",
        "Time that Asterisk's lists of this kind took",
        labels=["server", "kind"],
    )
    for server, counts, one in kept:
        if (histogram := counts.seed_times.get(one.kind)) is not None:
            times.add_metric([server, one.kind], buckets(histogram), histogram.total)
    yield times


def _is_known(one: Standing) -> bool:
    return one.standing in (READY, SETTLING)


def _clients(service: Service) -> Iterator[Metric]:
    stats = service.hub.stats
    all_counts = {server.name: stats.history_of(server.name) for server in service.hub.servers}
    yield from counters(
        "amiproxy_snapshots",
        "Snapshots that clients asked for, by outcome",
        ["server", "outcome"],
        {
            (server, outcome): counts.snapshots[outcome]
            for server, counts in all_counts.items()
            for outcome in SNAPSHOT_OUTCOMES
        },
    )
    yield from counters(
        "amiproxy_resumes",
        "Times that clients wanted to resume, by outcome",
        ["server", "outcome"],
        {
            (server, outcome): counts.resumes[outcome]
            for server, counts in all_counts.items()
            for outcome in RESUME_OUTCOMES
        },
    )
    yield from counters(
        "amiproxy_repairs",
        "Sessions to be brought up to date after lost links, by outcome",
        ["server", "outcome"],
        {
            (server, outcome): counts.repairs[outcome]
            for server, counts in all_counts.items()
            for outcome in REPAIR_OUTCOMES
        },
    )
    for name, text, value in _COUNTS:
        family = CounterMetricFamily(name, text, labels=["server"])
        for server, counts in all_counts.items():
            family.add_metric([server], value(counts))
        yield family
    catching_up = GaugeMetricFamily(
        "amiproxy_sessions_catching_up", "Sessions being sent what they had missed", labels=["server"]
    )
    for server, counts in all_counts.items():
        catching_up.add_metric([server], counts.catching_up)
    yield catching_up
