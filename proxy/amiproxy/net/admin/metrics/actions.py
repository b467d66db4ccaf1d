"""Actions: their results, and how long Asterisk took."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric

from amiproxy.net.admin.metrics.families import buckets, counter, parts
from amiproxy.net.admin.service import Service


def collect(service: Service) -> Iterator[Metric]:
    """Results and latencies of actions."""
    stats = service.hub.stats
    known = {user.name for user in service.hub.ctx.users}
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_actions",
            "Actions by name, user and result: success, error, none, local, denied",
            labels=["action", "user", "result"],
        ),
        _action_results(list(stats.actions.results.items()), known),
    )
    latencies = HistogramMetricFamily(
        "amiproxy_action_seconds",
        "Time from an action's start to the end of Asterisk's response",
        labels=["action"],
    )
    for key, latency in stats.actions.latencies.items():
        latencies.add_metric([key.decode("ascii", "replace")], buckets(latency), latency.total)
    yield latencies
    yield counter(
        "amiproxy_action_timeouts", "Actions that Asterisk did not answer in time", stats.action_timeouts
    )


def _action_results(
    counts: Iterable[tuple[tuple[bytes, str, str], int]], known: Collection[str]
) -> Iterator[tuple[tuple[str, str, str], int]]:
    """Counts by action, user and result; those of users no longer in the table are added as ``removed``."""
    removed: Counter[tuple[str, str, str]] = Counter()
    for (name, user, result), count in counts:
        action = name.decode("ascii", "replace")
        if user in known or not user:
            yield (action, user, result), count
        else:
            removed[action, "removed", result] += count
    yield from removed.items()
