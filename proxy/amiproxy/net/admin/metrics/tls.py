"""Handshakes, and when certificates and revocation lists expire."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from amiproxy.net.admin.metrics.families import bounded, counters, parts
from amiproxy.net.admin.metrics.known import HANDSHAKE_FAILURES, TLS_VERSIONS
from amiproxy.net.admin.service import Service


def collect(service: Service) -> Iterator[Metric]:
    """Handshakes, and the expiry of certificates."""
    yield from counters(
        "amiproxy_handshakes",
        "Completed TLS handshakes, by version",
        ["version"],
        {**dict.fromkeys(TLS_VERSIONS, 0), **service.pool.handshakes},
    )
    yield from counters(
        "amiproxy_handshake_failures",
        "Failed TLS handshakes, by reason",
        ["reason"],
        bounded(service.pool.handshake_failures, HANDSHAKE_FAILURES),
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
    yield from parts(
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
