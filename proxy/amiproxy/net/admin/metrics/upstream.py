"""The links to Asterisk, and whose actions they are busy with."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from amiproxy.core.clients.linkloss import OUTCOMES
from amiproxy.net.admin.metrics.families import by_user, counter, counters, parts
from amiproxy.net.admin.metrics.known import MAIN
from amiproxy.net.admin.service import Service
from amiproxy.net.upstream.link import LinkState


def collect(service: Service) -> Iterator[Metric]:
    """The state of the links, and the time that users' actions took."""
    hub, link = service.hub, service.link
    server = hub.servers.first
    yield GaugeMetricFamily(
        "amiproxy_link_up", "1 while clients' actions can be sent to Asterisk", float(link.serves)
    )
    states = GaugeMetricFamily("amiproxy_link_state", "1 for the current state", labels=["state"])
    for state in LinkState:
        states.add_metric([state.value], float(link.state is state))
    yield states
    yield counter("amiproxy_link_connects", "Number of times the link came up", server.ups)
    yield counter("amiproxy_link_losses", "Number of times the link went down", server.downs)
    yield from counters(
        "amiproxy_link_loss_sessions",
        "Logged-in sessions at the loss of the link, by outcome",
        ["outcome"],
        {outcome: hub.stats.link_losses[outcome] for outcome in OUTCOMES},
    )
    yield GaugeMetricFamily(
        "amiproxy_actions_in_flight",
        "Actions without a response yet: read, waiting for the link, or sent to Asterisk",
        hub.backpressure.in_flight,
    )
    users = [user.name for user in hub.ctx.users]
    links = ((MAIN, server.exchange), *((side.name, side.exchange) for side in server.sides))
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_asterisk_seconds",
            "Time Asterisk took for actions, by user and link",
            labels=["user", "link"],
        ),
        (
            ((user, link), seconds)
            for link, exchange in links
            for user, seconds in by_user(exchange.accounts.seconds(), users).items()
        ),
    )
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_processor_seconds", "Processor time of the proxy, by user", labels=["user"]
        ),
        (((user,), seconds) for user, seconds in by_user(hub.ctx.shares.seconds(), users).items()),
    )
    up = GaugeMetricFamily("amiproxy_side_link_up", "1 while this side link is open", labels=["link"])
    for side in server.sides:
        up.add_metric([side.name], float(side.exchange.linked))
    yield up
    yield from counters(
        "amiproxy_side_link_losses",
        "Number of times this side link went down while in use",
        ["link"],
        {side.name: side.downs for side in server.sides},
    )
    yield GaugeMetricFamily(
        "amiproxy_actions_waiting", "Actions waiting to be sent on the link", server.exchange.waiting
    )
