"""The links to each Asterisk, and whose actions they are busy with."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from amiproxy.core.clients.linkloss import OUTCOMES
from amiproxy.net.admin.metrics.families import by_user, counters, parts
from amiproxy.net.admin.metrics.known import MAIN, OURS
from amiproxy.net.admin.service import Service
from amiproxy.net.upstream.link import LinkState


def collect(service: Service) -> Iterator[Metric]:
    """The state of the links, and the time that users' actions took."""
    yield from _links(service)
    yield from _side_links(service)
    yield from _time(service)


def _links(service: Service) -> Iterator[Metric]:
    hub, servers = service.hub, list(service.hub.servers)
    # Those of sessions with several servers that wait here are not yet any server's.
    in_flight = {OURS: hub.limit_state.load.queued, **{one.name: one.unanswered for one in servers}}
    up = GaugeMetricFamily(
        "amiproxy_link_up", "1 while clients' actions can be sent to Asterisk", labels=["server"]
    )
    states = GaugeMetricFamily("amiproxy_link_state", "1 for the current state", labels=["server", "state"])
    for name, link in service.links.items():
        up.add_metric([name], float(link.serves))
        for state in LinkState:
            states.add_metric([name, state.value], float(link.state is state))
    yield up
    yield states
    yield from counters(
        "amiproxy_link_connects",
        "Number of times the link came up",
        ["server"],
        {server.name: server.ups for server in servers},
    )
    yield from counters(
        "amiproxy_link_losses",
        "Number of times the link went down",
        ["server"],
        {server.name: server.downs for server in servers},
    )
    yield from counters(
        "amiproxy_link_loss_sessions",
        "Logged-in sessions at the loss of the link, by server and outcome",
        ["server", "outcome"],
        {
            (server.name, outcome): server.counts.lost_sessions[outcome]
            for server in servers
            for outcome in OUTCOMES
        },
    )
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_actions_in_flight",
            "Actions without a response yet: read, waiting for a link, or sent to Asterisk",
            labels=["server"],
        ),
        (((name,), number) for name, number in in_flight.items()),
    )
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_actions_waiting", "Actions waiting to be sent on the link", labels=["server"]
        ),
        (((server.name,), server.exchange.waiting) for server in servers),
    )


def _side_links(service: Service) -> Iterator[Metric]:
    servers = list(service.hub.servers)
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_side_link_up", "1 while this side link is open", labels=["server", "link"]
        ),
        (
            ((server.name, side.name), float(side.exchange.linked))
            for server in servers
            for side in server.sides
        ),
    )
    yield from counters(
        "amiproxy_side_link_losses",
        "Number of times this side link went down while in use",
        ["server", "link"],
        {(server.name, side.name): side.downs for server in servers for side in server.sides},
    )


def _time(service: Service) -> Iterator[Metric]:
    hub = service.hub
    users = [user.name for user in hub.ctx.users]
    links = [
        (server.name, link, exchange)
        for server in hub.servers
        for link, exchange in (
            (MAIN, server.exchange),
            *((side.name, side.exchange) for side in server.sides),
        )
    ]
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_asterisk_seconds",
            "Time Asterisk took for actions, by server, user and link",
            labels=["server", "user", "link"],
        ),
        (
            ((server, user, link), seconds)
            for server, link, exchange in links
            for user, seconds in by_user(exchange.accounts.seconds(), users).items()
        ),
    )
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_processor_seconds", "Processor time of the proxy, by user", labels=["user"]
        ),
        (((user,), seconds) for user, seconds in by_user(hub.ctx.shares.seconds(), users).items()),
    )
