"""Events: how many came, and what became of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric

from amiproxy.core.audit.eventcounts import EventCounts
from amiproxy.net.admin.metrics.families import by_class, counter, counters
from amiproxy.net.admin.metrics.known import DROPPED, OURS, SLOW
from amiproxy.net.admin.service import Service

_FAMILIES: Final[tuple[tuple[str, str, Callable[[EventCounts], Counter[int]]], ...]] = (
    (
        "amiproxy_events",
        "Events by server and privilege classes; the proxy's own events have no server",
        lambda counts: counts.classes,
    ),
    (
        "amiproxy_events_unread",
        "Events that no session's classes allowed, by server and privilege classes",
        lambda counts: counts.unread,
    ),
    (
        "amiproxy_events_filtered",
        "Events kept from the sessions of one view by event filters, by server and privilege classes",
        lambda counts: counts.filtered,
    ),
    (
        "amiproxy_deliveries",
        "Events delivered, counted for each session, by server and privilege classes",
        lambda counts: counts.delivered,
    ),
)


def collect(service: Service) -> Iterator[Metric]:
    """Events by class, deliveries, and what was not delivered."""
    hub = service.hub
    hub.subscriptions.count()
    stats = hub.stats
    sources = {name: stats.events_of(name) for name in (OURS, *(server.name for server in hub.servers))}
    for name, text, counted in _FAMILIES:
        yield from counters(
            name,
            text,
            ["server", "class"],
            {
                (server, classes): number
                for server, counts in sources.items()
                for classes, number in by_class(
                    {mask: counted(counts)[mask] for mask in counts.classes}
                ).items()
            },
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
        dropped[OURS, SLOW, classes] = count
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
