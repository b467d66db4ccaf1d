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
    classless = (stats.events_dropped, stats.unsolicited_responses, stats.strays, stats.answers_lost)
    dropped: dict[tuple[str, ...], int] = {
        (reason, ""): count for reason, count in zip(DROPPED, classless, strict=True)
    }
    for classes, count in by_class({mask: stats.missed.classes[mask] for mask in stats.classes}).items():
        dropped[SLOW, classes] = count
    yield from counters(
        "amiproxy_dropped",
        "Messages of Asterisk that were not delivered, by reason and privilege classes",
        ["reason", "class"],
        dropped,
    )
    yield counter(
        "amiproxy_events_repaired",
        "Events rebuilt because a header could not be passed on unchanged",
        stats.events_repaired,
    )
