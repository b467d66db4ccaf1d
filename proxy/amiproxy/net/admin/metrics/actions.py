"""Actions: their results, and how long Asterisk took."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric

from amiproxy.net.admin.metrics.families import buckets, by_user, counters, parts
from amiproxy.net.admin.metrics.known import DENIED, OTHER, REMOVED, RESULTS, UNAUTHENTICATED
from amiproxy.net.admin.service import Service


def collect(service: Service) -> Iterator[Metric]:
    """Results and latencies of actions."""
    stats = service.hub.stats
    known = {user.name for user in service.hub.ctx.users}
    results = list(stats.actions.results.items())
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_actions",
            "Actions by name, user and result: success, error, none, local, denied",
            labels=["action", "user", "result"],
        ),
        _action_results(results, known),
    )
    denied: Counter[str] = Counter()
    for (_, user, result), count in results:
        if result == DENIED:
            denied[user] += count
    yield from counters(
        "amiproxy_actions_denied",
        "Actions that were denied, by user",
        ["user"],
        by_user(denied, known, before_login=True),
    )
    latencies = HistogramMetricFamily(
        "amiproxy_action_seconds",
        "Time from an action's start to the end of Asterisk's response",
        labels=["server", "action"],
    )
    servers = service.hub.servers
    yield from counters(
        "amiproxy_actions_joined",
        "Actions that were answered with the answer to another client's list query, and not sent",
        ["server"],
        {server.name: server.counts.actions_joined for server in servers},
    )
    for server in servers:
        for key, latency in server.counts.latencies.items():
            labels = [server.name, key.decode("ascii", "replace")]
            latencies.add_metric(labels, buckets(latency), latency.total)
    yield latencies
    yield from counters(
        "amiproxy_action_timeouts",
        "Actions that Asterisk did not answer in time",
        ["server"],
        {server.name: server.counts.action_timeouts for server in servers},
    )


def _action_results(
    counts: Iterable[tuple[tuple[bytes, str, str], int]], known: Collection[str]
) -> Iterator[tuple[tuple[str, str, str], int]]:
    """Counts by action, user and result; those of users no longer in the table are added as ``removed``.

    There are too many combinations for a sample of each, so most appear with the first action.  Those of
    actions that are not in the table, before login, are there from the start: every result has a series.
    """
    removed: Counter[tuple[str, str, str]] = Counter()
    unknown = dict.fromkeys(RESULTS, 0)
    for (name, user, result), count in counts:
        action = name.decode("ascii", "replace")
        if not user and action == OTHER:
            unknown[result] += count
        elif user in known or not user:
            yield (action, user, result), count
        else:
            removed[action, REMOVED, result] += count
    for result, count in unknown.items():
        yield (OTHER, UNAUTHENTICATED, result), count
    yield from removed.items()
