"""Metrics: all counters of the service as Prometheus metrics, read when they are fetched.

The number of values of every label is bounded: users and actions come from their
tables, reasons from code and OpenSSL, and only ``_REASONS`` of those are distinguished.
No label contains an address, a session or anything that a client chose.
"""

import platform
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from amiproxy import __version__
from amiproxy.ami import privilege
from amiproxy.core.audit.histogram import Histogram
from amiproxy.core.clients.linkloss import OUTCOMES
from amiproxy.net.admin.service import Service
from amiproxy.net.upstream.link import LinkState

#: Maximum number of samples of a family collected in one step; the rest comes in further parts.
_PART = 64
#: Number of reasons that are distinguished; further ones are counted as ``other``.
_REASONS = 40
#: Samples that are present from the start, with 0.
_RELOADS = {(result, trigger): 0 for result in ("succeeded", "failed") for trigger in ("SIGHUP", "control")}


_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)


class ServiceCollector(Collector):
    """All metrics of one service.  Times are in seconds, sizes in bytes.

    Consecutive families of one name are parts of one family: see ``Exposition``.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, with their current values."""
        yield from self._process()
        yield from self._sessions()
        yield from self._events()
        yield from self._actions()
        yield from self._upstream()
        yield from self._tls()
        yield from self._reloads()
        yield from self._limits()

    def _process(self) -> Iterator[Metric]:
        service = self._service
        build = InfoMetricFamily("amiproxy_build", "Versions of the proxy, Python and OpenSSL")
        build.add_metric(
            (), {"version": __version__, "python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION}
        )
        yield build
        yield GaugeMetricFamily(
            "amiproxy_start_time_seconds", "Start time of the service, since the epoch", service.started
        )
        yield GaugeMetricFamily(
            "amiproxy_draining", "1 while the service is shutting down", float(service.draining)
        )
        late = service.lag.histogram
        lag = HistogramMetricFamily(
            "amiproxy_loop_lag_seconds", "Delay of the event loop's once-a-second work"
        )
        lag.add_metric((), _buckets(late), late.total)
        yield lag

    def _sessions(self) -> Iterator[Metric]:
        hub, pool = self._service.hub, self._service.pool
        states = GaugeMetricFamily("amiproxy_connections", "Client connections, by state", labels=["state"])
        for state, number in (
            ("handshaking", pool.handshaking),
            ("unauthenticated", hub.unauthenticated),
            ("authenticated", hub.authenticated),
            ("closing", len(hub.closing)),
        ):
            states.add_metric([state], number)
        yield states
        users = list(hub.users)  # a reload may replace the table between two parts
        yield from _parts(
            lambda: GaugeMetricFamily("amiproxy_sessions", "Logged-in sessions, by user", labels=["user"]),
            (((user.name,), len(hub.sessions_of(user))) for user in users),
        )
        yield GaugeMetricFamily(
            "amiproxy_outbox_bytes", "Bytes waiting to be sent to clients", hub.bounds.backlog.size
        )
        waiting = (session.outbox.waiting for session in (*hub.sessions, *hub.closing))
        yield GaugeMetricFamily(
            "amiproxy_outbox_largest_bytes", "Bytes waiting for the slowest client", max(waiting, default=0)
        )
        stats = hub.stats
        slow = Counter({user.name: 0 for user in users})
        for name, count in stats.slow_consumers.items():
            slow[name if name in slow or not name else "removed"] += count
        yield from _counters(
            "amiproxy_slow_consumers", "Sessions closed as slow consumers, by user", ["user"], slow
        )
        yield _counter("amiproxy_logins", "Successful logins", stats.logins)
        yield from _counters(
            "amiproxy_login_failures", "Failed logins, by reason", ["reason"], _bounded(stats.refusals)
        )
        yield from _counters(
            "amiproxy_session_closes",
            "Ended sessions, by reason",
            ["reason"],
            _bounded({reason or "close timeout": count for reason, count in stats.closes.items()}),
        )

    def _events(self) -> Iterator[Metric]:
        hub = self._service.hub
        hub.audiences.count()
        stats = hub.stats
        yield from _counters(
            "amiproxy_events",
            "Events of Asterisk and of the proxy, by privilege classes",
            ["class"],
            _by_class(stats.classes),
        )
        yield from _counters(
            "amiproxy_events_unread",
            "Events that no session's classes allowed, by privilege classes",
            ["class"],
            _by_class({mask: stats.unread[mask] for mask in stats.classes}),
        )
        yield from _counters(
            "amiproxy_events_filtered",
            "Events kept from the sessions of one view by event filters, by privilege classes",
            ["class"],
            _by_class({mask: stats.filtered[mask] for mask in stats.classes}),
        )
        yield from _counters(
            "amiproxy_deliveries",
            "Events delivered, counted for each session, by privilege classes",
            ["class"],
            _by_class(stats.delivered),
        )
        yield _counter("amiproxy_flushes", "Flushes, in which pending events were sent", stats.flushes)
        # Only dropped events of slow consumers have a class; the others have no readable Privilege.
        dropped: dict[tuple[str, ...], int] = {
            ("unusable", ""): stats.events_dropped,
            ("orphan response", ""): stats.orphans,
            ("stray message", ""): stats.strays,
            ("answer lost", ""): stats.answers_lost,
        }
        for classes, count in _by_class({mask: stats.missed.classes[mask] for mask in stats.classes}).items():
            dropped["slow consumer", classes] = count
        yield from _counters(
            "amiproxy_dropped",
            "Messages of Asterisk that were not delivered, by reason and privilege classes",
            ["reason", "class"],
            dropped,
        )
        yield _counter(
            "amiproxy_events_repaired",
            "Events rebuilt because a header could not be passed on unchanged",
            stats.events_repaired,
        )

    def _actions(self) -> Iterator[Metric]:
        stats = self._service.hub.stats
        known = {user.name for user in self._service.hub.users}
        yield from _parts(
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
            latencies.add_metric([key.decode("ascii", "replace")], _buckets(latency), latency.total)
        yield latencies
        yield _counter(
            "amiproxy_action_timeouts", "Actions that Asterisk did not answer in time", stats.action_timeouts
        )

    def _upstream(self) -> Iterator[Metric]:
        hub, link = self._service.hub, self._service.link
        server = hub.server
        yield GaugeMetricFamily(
            "amiproxy_link_up", "1 while clients' actions can be sent to Asterisk", float(link.serves)
        )
        states = GaugeMetricFamily("amiproxy_link_state", "1 for the current state", labels=["state"])
        for state in LinkState:
            states.add_metric([state.value], float(link.state is state))
        yield states
        yield _counter("amiproxy_link_connects", "Number of times the link came up", server.ups)
        yield _counter("amiproxy_link_losses", "Number of times the link went down", server.downs)
        yield from _counters(
            "amiproxy_link_loss_sessions",
            "Logged-in sessions at the loss of the link, by outcome",
            ["outcome"],
            {outcome: hub.stats.link_losses[outcome] for outcome in OUTCOMES},
        )
        yield GaugeMetricFamily(
            "amiproxy_actions_in_flight",
            "Actions without a response yet: read, waiting for the link, or sent to Asterisk",
            hub.pressure.in_flight,
        )
        spent: Counter[tuple[str, str]] = Counter()
        known = {user.name for user in hub.users}
        for name, exchange in (
            ("main", server.exchange),
            *((side.name, side.exchange) for side in server.sides),
        ):
            for user, seconds in exchange.accounts.seconds().items():
                spent[user if user in known else "removed", name] += seconds  # type: ignore[assignment]
        yield from _parts(
            lambda: CounterMetricFamily(
                "amiproxy_asterisk_seconds",
                "Time Asterisk took for actions, by user and link",
                labels=["user", "link"],
            ),
            spent.items(),
        )
        processor = dict.fromkeys(known, 0.0)
        for user, seconds in hub.shares.seconds().items():
            name = user if user in known else "removed"
            processor[name] = processor.get(name, 0.0) + seconds
        yield from _parts(
            lambda: CounterMetricFamily(
                "amiproxy_processor_seconds", "Processor time of the proxy, by user", labels=["user"]
            ),
            (((name,), seconds) for name, seconds in processor.items()),
        )
        up = GaugeMetricFamily("amiproxy_side_link_up", "1 while this side link is open", labels=["link"])
        for side in server.sides:
            up.add_metric([side.name], float(side.exchange.linked))
        yield up
        yield from _counters(
            "amiproxy_side_link_losses",
            "Number of times this side link went down while in use",
            ["link"],
            {side.name: side.downs for side in server.sides},
        )
        yield GaugeMetricFamily(
            "amiproxy_actions_waiting", "Actions waiting to be sent on the link", server.exchange.waiting
        )

    def _tls(self) -> Iterator[Metric]:
        service = self._service
        yield from _counters(
            "amiproxy_handshakes",
            "Completed TLS handshakes, by version",
            ["version"],
            service.pool.handshakes,
        )
        yield from _counters(
            "amiproxy_handshake_failures",
            "Failed TLS handshakes, by reason",
            ["reason"],
            _bounded(service.pool.handshake_failures),
        )
        ends: dict[tuple[str, str], float] = {}
        authorities = GaugeMetricFamily(
            "amiproxy_client_ca_not_after_seconds",
            "Expiry time of a client CA, since the epoch",
            labels=["listener", "name"],
        )
        lists = GaugeMetricFamily(
            "amiproxy_crl_next_update_seconds",
            "Expiry time of the revocation list of a client CA, since the epoch",
            labels=["listener", "name"],
        )
        generations = GaugeMetricFamily(
            "amiproxy_certificate_generation", "Incremented at each swap of certificates", labels=["listener"]
        )
        for settings, store in zip(service.config.listeners, service.stores, strict=True):
            listener = str(settings.address)
            generations.add_metric([listener], store.generation)
            for pair in store.current.pairs:
                end = pair.ending.at.timestamp()
                for name in pair.facts.names or (pair.facts.subject,):
                    # An RSA and an ECDSA certificate may share a name: the first to expire counts.
                    ends[listener, name] = min(end, ends.get((listener, name), end))
            for family, kind in ((authorities, "client-ca"), (lists, "revocation-list")):
                found = [(one.name, one.at) for one in store.current.endings if one.kind == kind]
                # Report one sample per name: duplicates would make Prometheus reject the whole page.
                for name, first in dict(sorted(found, reverse=True)).items():
                    family.add_metric([listener, name], first.timestamp())
        yield from _parts(
            lambda: GaugeMetricFamily(
                "amiproxy_certificate_not_after_seconds",
                "Expiry time of a served certificate and its chain, since the epoch",
                labels=["listener", "name"],
            ),
            ends.items(),
        )
        yield authorities
        yield lists
        yield generations

    def _reloads(self) -> Iterator[Metric]:
        reloads = self._service.reloads
        counts: dict[tuple[str, str], int] = {**_RELOADS, **reloads.results}
        yield from _counters(
            "amiproxy_reloads",
            "Reloads of the whole configuration, by result and trigger",
            ["result", "trigger"],
            counts,
        )
        yield from _counters(
            "amiproxy_certificate_reloads",
            "Certificate reload attempts that were logged, by outcome and trigger",
            ["outcome", "trigger"],
            self._service.certificate_reloads,
        )
        refused = GaugeMetricFamily(
            "amiproxy_certificate_files_refused",
            "1 while certificate files on disk are not served because they were refused",
            labels=["listener"],
        )
        looked = GaugeMetricFamily(
            "amiproxy_certificate_last_success_seconds",
            "Time of the last check that found the certificate files on disk served, since the epoch",
            labels=["listener"],
        )
        for settings, store in zip(self._service.config.listeners, self._service.stores, strict=True):
            refused.add_metric([str(settings.address)], float(not store.last_result.succeeded))
            looked.add_metric([str(settings.address)], store.last_success)
        yield refused
        yield looked
        yield GaugeMetricFamily(
            "amiproxy_config_ok",
            "0 while configuration or users on disk are refused, as of the last reload",
            float(not reloads.failed),
        )
        yield GaugeMetricFamily(
            "amiproxy_reload_last_success_seconds",
            "Time when configuration or certificates were last applied, since the epoch",
            max(reloads.last_success, *(store.current.since for store in self._service.stores)),
        )

    def _limits(self) -> Iterator[Metric]:
        hub = self._service.hub
        values = msgspec.structs.asdict(hub.limits)
        limits = GaugeMetricFamily("amiproxy_limit", "The limits in force", labels=["limit"])
        for name, value in values.items():
            if isinstance(value, int | float):
                limits.add_metric([name], value)
        yield limits
        hits = {name: hub.stats.limits.get(name, 0) for name in values}
        hits.update(hub.stats.limits)
        yield from _counters("amiproxy_limit_hits", "Number of times a limit was reached", ["limit"], hits)


def _parts(make: Callable[[], _Family], rows: Iterable[tuple[Sequence[str], float]]) -> Iterator[_Family]:
    """A family with one sample for each row, in parts; a family without samples if there are no rows."""
    family = make()
    for number, (labels, value) in enumerate(rows, 1):
        family.add_metric(list(labels), value)
        if number % _PART == 0:
            yield family
            family = make()
    yield family


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


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value)


def _counters(
    name: str,
    text: str,
    labels: Sequence[str],
    values: Mapping[str, int] | Mapping[tuple[str, str], int] | Mapping[tuple[str, ...], int],
) -> Iterator[CounterMetricFamily]:
    return _parts(
        lambda: CounterMetricFamily(name, text, labels=labels),
        (((key,) if isinstance(key, str) else key, value) for key, value in values.items()),
    )


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    sum_so_far = 0
    for bound, count in zip([*map(str, histogram.bounds), "+Inf"], histogram.counts, strict=True):
        sum_so_far += count
        buckets.append((bound, sum_so_far))
    return buckets


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """The first ``_REASONS`` reasons seen, and all others together.

    By order and not by frequency, because the set of distinguished reasons must not change.
    """
    bounded: Counter[str] = Counter()
    for number, (reason, count) in enumerate(counts.items()):
        bounded[reason if number < _REASONS else "other"] += count
    return dict(bounded)


def _by_class(counts: Mapping[int, int]) -> dict[str, int]:
    by_name: Counter[str] = Counter()
    for mask, count in counts.items():
        # A class that is not in the table has no name; only users with class "all" receive such events.
        by_name["unknown" if mask & privilege.UNKNOWN else privilege.class_names(mask)] += count
    return dict(by_name)
