"""Clients: their connections and sessions, what waits for them, how they came and went."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from amiproxy.net.admin.metrics.families import bounded, by_user, counter, counters, parts
from amiproxy.net.admin.metrics.known import CLOSES, LOGIN_FAILURES
from amiproxy.net.admin.service import Service
from amiproxy.net.doors.requestcounts import ASKED, STATUSES


def collect(service: Service) -> Iterator[Metric]:
    """Connections by state, sessions, what waits for them, logins and ends."""
    hub, pool = service.hub, service.pool
    states = GaugeMetricFamily("amiproxy_connections", "Client connections, by state", labels=["state"])
    for state, number in (
        ("handshaking", pool.handshaking),
        ("unauthenticated", hub.unauthenticated),
        ("authenticated", hub.authenticated),
        ("closing", len(hub.closing)),
    ):
        states.add_metric([state], number)
    yield states
    users = list(hub.ctx.users)  # a reload may replace the table between two parts
    yield from parts(
        lambda: GaugeMetricFamily("amiproxy_sessions", "Logged-in sessions, by user", labels=["user"]),
        (((user.name,), len(hub.sessions_of(user))) for user in users),
    )
    yield GaugeMetricFamily(
        "amiproxy_outbox_bytes", "Bytes waiting to be sent to clients", hub.limit_state.backlog.size
    )
    waiting = (session.outbox.waiting for session in (*hub.sessions, *hub.closing))
    yield GaugeMetricFamily(
        "amiproxy_outbox_largest_bytes", "Bytes waiting for the slowest client", max(waiting, default=0)
    )
    requests = pool.requests
    yield from counters(
        "amiproxy_http_requests",
        "Answered HTTP requests, by what was asked for and the class of the status",
        ["asked", "status"],
        {(asked, status): requests.answered[asked, status] for asked in ASKED for status in STATUSES},
    )
    streams = GaugeMetricFamily(
        "amiproxy_http_streams", "Open WebSockets and event streams, by door", labels=["door"]
    )
    for door in ("api", "ws"):
        streams.add_metric([door], requests.streams[door])
    yield streams
    yield GaugeMetricFamily("amiproxy_http_sessions", "Logged-in web sessions", len(hub.web))
    stats = hub.stats
    yield from counters(
        "amiproxy_slow_consumers",
        "Sessions closed as slow consumers, by user",
        ["user"],
        by_user(stats.slow_consumers, (user.name for user in users), before_login=True),
    )
    yield counter("amiproxy_logins", "Successful logins", stats.logins)
    yield from counters(
        "amiproxy_login_failures",
        "Failed logins, by reason",
        ["reason"],
        {**dict.fromkeys(LOGIN_FAILURES, 0), **stats.refusals},
    )
    yield from counters(
        "amiproxy_session_closes",
        "Ended sessions, by reason",
        ["reason"],
        bounded({reason or "close timeout": count for reason, count in stats.closes.items()}, CLOSES),
    )
