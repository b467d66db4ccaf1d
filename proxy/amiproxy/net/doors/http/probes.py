"""/livez and /readyz on a listener for clients: what a load balancer asks, and nothing more.

The details behind ``not ready`` are for the operator: the metrics address and ``ctl`` have them.
"""

from collections.abc import Callable

from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.responses import plain
from amiproxy.net.doors.http.site import Route, Site


def routes(site: Site, is_ready: Callable[[], bool]) -> None:
    """Add both paths; ``is_ready`` says whether clients should be sent to this proxy now."""

    def live(exchange: Exchange) -> None:
        exchange.respond(plain(200, "alive"))

    def ready(exchange: Exchange) -> None:
        good = is_ready()
        exchange.respond(plain(200 if good else 503, "ready" if good else "not ready"))

    site.add("/livez", Route(live, asked="probe"))
    site.add("/readyz", Route(ready, asked="probe"))
