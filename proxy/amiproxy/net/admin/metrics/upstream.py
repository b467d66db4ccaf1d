"""The links to Asterisk, and whose actions they are busy with."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from amiproxy.core.clients.linkloss import OUTCOMES
from amiproxy.net.admin.metrics.families import counter, counters, parts
from amiproxy.net.admin.service import Service
from amiproxy.net.upstream.link import LinkState


def collect(service: Service) -> Iterator[Metric]:
    """The state of the links, and the time that users' actions took."""
    hub, link = service.hub, service.link
    server = hub.server
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
    spent: Counter[tuple[str, str]] = Counter()
    known = {user.name for user in hub.ctx.users}
    for name, exchange in (("main", server.exchange), *((side.name, side.exchange) for side in server.sides)):
        for user, seconds in exchange.accounts.seconds().items():
            spent[user if user in known else "removed", name] += seconds  # type: ignore[assignment]
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_asterisk_seconds",
            "Time Asterisk took for actions, by user and link",
            labels=["user", "link"],
        ),
        spent.items(),
    )
    processor = dict.fromkeys(known, 0.0)
    for user, seconds in hub.ctx.shares.seconds().items():
        name = user if user in known else "removed"
        processor[name] = processor.get(name, 0.0) + seconds
    yield from parts(
        lambda: CounterMetricFamily(
            "amiproxy_processor_seconds", "Processor time of the proxy, by user", labels=["user"]
        ),
        (((name,), seconds) for name, seconds in processor.items()),
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
