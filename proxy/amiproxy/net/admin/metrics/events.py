"""Events: how many came, and what became of them."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from amiproxy.net.admin.metrics.families import by_class, counter, counters
from amiproxy.net.admin.metrics.known import DROPPED, SLOW
from amiproxy.net.admin.service import Service


def collect(service: Service) -> Iterator[Metric]:
    """Events by class, deliveries, and what was not delivered."""
    hub = service.hub
    hub.subscriptions.count()
    stats = hub.stats
    yield from counters(
        "amiproxy_events",
        "Events of Asterisk and of the proxy, by privilege classes",
        ["class"],
        by_class(stats.classes),
    )
    yield from counters(
        "amiproxy_events_unread",
        "Events that no session's classes allowed, by privilege classes",
        ["class"],
        by_class({mask: stats.unread[mask] for mask in stats.classes}),
    )
    yield from counters(
        "amiproxy_events_filtered",
        "Events kept from the sessions of one view by event filters, by privilege classes",
        ["class"],
        by_class({mask: stats.filtered[mask] for mask in stats.classes}),
    )
    yield from counters(
        "amiproxy_deliveries",
        "Events delivered, counted for each session, by privilege classes",
        ["class"],
        by_class(stats.delivered),
    )
    yield counter("amiproxy_flushes", "Flushes, in which pending events were sent", stats.flushes)
    # Only dropped events of slow consumers have a class; the others have no readable Privilege.
    dropped: dict[tuple[str, ...], int] = {}
    for server in hub.servers:
        counts = server.counts
        classless = counts.events_dropped, counts.unsolicited_responses, counts.strays, counts.answers_lost
        dropped.update({(server.name, why, ""): count for why, count in zip(DROPPED, classless, strict=True)})
    for classes, count in by_class({mask: stats.missed.classes[mask] for mask in stats.classes}).items():
        # What waited for a slow consumer may have come from several servers.
        dropped["", SLOW, classes] = count
    yield from counters(
        "amiproxy_dropped",
        "Messages of Asterisk that were not delivered, by server, reason and privilege classes",
        ["server", "reason", "class"],
        dropped,
    )
    yield from counters(
        "amiproxy_events_repaired",
        "Events rebuilt because a header could not be passed on unchanged",
        ["server"],
        {server.name: server.counts.events_repaired for server in hub.servers},
    )
