"""The process itself: versions, start, lag of the event loop."""

import platform
import ssl
from collections.abc import Iterator

from prometheus_client.metrics_core import (
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from amiproxy import __version__
from amiproxy.net.admin.metrics.families import (
    buckets,
)
from amiproxy.net.admin.service import Service


def collect(service: Service) -> Iterator[Metric]:
    """Versions, start and the lag of the event loop."""
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
    lag = HistogramMetricFamily("amiproxy_loop_lag_seconds", "Delay of the event loop's once-a-second work")
    lag.add_metric((), buckets(late), late.total)
    yield lag
