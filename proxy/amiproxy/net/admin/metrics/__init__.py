"""Metrics: all counters of the service as Prometheus metrics, read when they are fetched.

The number of values of every label is bounded: users and actions come from their
tables, reasons from code and OpenSSL, and only ``families._REASONS`` of those are distinguished.
No label contains an address, a session or anything that a client chose.
"""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from amiproxy.net.admin.metrics import (
    actions,
    clients,
    configuration,
    events,
    fleet,
    history,
    process,
    tls,
    upstream,
)
from amiproxy.net.admin.service import Service

_SUBJECTS = (process, clients, events, actions, upstream, fleet, history, tls, configuration)


class ServiceCollector(Collector):
    """All metrics of one service.  Times are in seconds, sizes in bytes.

    Consecutive families of one name are parts of one family: see ``Exposition``.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, with their current values."""
        for subject in _SUBJECTS:
            yield from subject.collect(self._service)
