"""Handshakes, and when certificates and revocation lists expire."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from amiproxy.net.admin.metrics.families import bounded, counters, parts
from amiproxy.net.admin.metrics.known import HANDSHAKE_FAILURES, TLS_VERSIONS
from amiproxy.net.admin.service import Service
from amiproxy.x509.ending import Ending


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
    endings: dict[tuple[str, str], Ending] = {}
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
    updates = GaugeMetricFamily(
        "amiproxy_crl_last_update_seconds",
        "Issue time of the revocation list of a client CA, since the epoch",
        labels=["listener", "name"],
    )
    generations = GaugeMetricFamily(
        "amiproxy_certificate_generation", "Incremented at each swap of certificates", labels=["listener"]
    )
    for settings, store in zip(service.config.tls_listeners, service.stores, strict=True):
        listener = str(settings.address)
        generations.add_metric([listener], store.generation)
        for pair in store.current.pairs:
            for name in pair.facts.names or (pair.facts.subject,):
                # An RSA and an ECDSA certificate may share a name: the first to expire counts.
                first = endings.get((listener, name), pair.ending)
                endings[listener, name] = min(first, pair.ending, key=lambda ending: ending.at)
        for kind, family, since in (("client-ca", authorities, None), ("revocation-list", lists, updates)):
            found = [one for one in store.current.endings if one.kind == kind]
            # Report one sample per name: duplicates would make Prometheus reject the whole page.
            firsts = {one.name: one for one in sorted(found, key=lambda one: one.at, reverse=True)}
            for name, one in firsts.items():
                family.add_metric([listener, name], one.at.timestamp())
                if since is not None:
                    since.add_metric([listener, name], one.since.timestamp())
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_certificate_not_after_seconds",
            "Expiry time of a served certificate and its chain, since the epoch",
            labels=["listener", "name"],
        ),
        ((labels, ending.at.timestamp()) for labels, ending in endings.items()),
    )
    yield from parts(
        lambda: GaugeMetricFamily(
            "amiproxy_certificate_not_before_seconds",
            "Start of the validity of the certificate that expires first, since the epoch",
            labels=["listener", "name"],
        ),
        ((labels, ending.since.timestamp()) for labels, ending in endings.items()),
    )
    yield authorities
    yield lists
    yield updates
    yield generations
