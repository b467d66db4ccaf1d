"""The configuration in force: its reloads, and the limits."""

from collections.abc import Iterator

import msgspec
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from amiproxy.core.model.limits import FIXED, ServerLimits
from amiproxy.net.admin.metrics.families import counters, parts
from amiproxy.net.admin.metrics.known import CERTIFICATE_RELOADS, RELOADS
from amiproxy.net.admin.service import Service


def collect(service: Service) -> Iterator[Metric]:
    """Reloads of the configuration and of certificates; the limits in force."""
    yield from _reloads(service)
    yield from _limits(service)


def _reloads(service: Service) -> Iterator[Metric]:
    """Reloads of the configuration and of certificates."""
    reloads = service.reloads
    yield from counters(
        "amiproxy_reloads",
        "Reloads of the whole configuration, by result and trigger",
        ["result", "trigger"],
        {**dict.fromkeys(RELOADS, 0), **reloads.results},
    )
    yield from counters(
        "amiproxy_certificate_reloads",
        "Certificate reload attempts that were logged, by outcome and trigger",
        ["outcome", "trigger"],
        {**dict.fromkeys(CERTIFICATE_RELOADS, 0), **service.certificate_reloads},
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
    for settings, store in zip(service.config.tls_listeners, service.stores, strict=True):
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
        max((reloads.last_success, *(store.current.since for store in service.stores))),
    )


def _limits(service: Service) -> Iterator[Metric]:
    """The limits in force, and how often each was reached."""
    hub = service.hub
    values = msgspec.structs.asdict(hub.limits)
    limits = GaugeMetricFamily("amiproxy_limit", "The limits in force", labels=["limit"])
    for name, value in values.items():
        if isinstance(value, int | float):
            limits.add_metric([name], value)
    yield limits
    hits = dict.fromkeys((*values, *FIXED), 0)
    hits.update(hub.stats.limits)
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_server_limit", "The limits in force for each server", labels=["server", "limit"]
        ),
        (
            ((server.name, name), getattr(server.limits, name))
            for server in hub.servers
            for name in ServerLimits.__struct_fields__
        ),
    )
    yield from counters("amiproxy_limit_hits", "Number of times a limit was reached", ["limit"], hits)
