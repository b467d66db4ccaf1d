"""The sites of listeners with ``door: http``.  Imported only if there is one: it needs the extra [http]."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from amiproxy.config import ListenerSettings
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.hub import Hub
from amiproxy.net.doors.connection import ConnectionFactory
from amiproxy.net.doors.http import probes
from amiproxy.net.doors.http.ajam import routes as ajam
from amiproxy.net.doors.http.api import api
from amiproxy.net.doors.http.api.operator import Operator
from amiproxy.net.doors.http.connection import HttpConnection
from amiproxy.net.doors.http.page import routes as page
from amiproxy.net.doors.http.site import Site
from amiproxy.net.doors.http.websocket import door as websocket
from amiproxy.net.doors.tlsconnection import TlsAcceptor


def opened_site(
    settings: ListenerSettings,
    certificates: Callable[[], Iterable[str]],
    entrances: Mapping[str, Entrance],
    is_ready: Callable[[], bool],
    hub: Hub,
    operator: Callable[[], Operator],
) -> Site:
    """The site of one listener with all its routes; ``entrances`` has one for each of its doors.

    ``operator`` makes what operators may do over HTTP, if the site offers that.
    """
    site = Site(settings, certificates)
    probes.routes(site, is_ready)
    if "ajam" in entrances:
        ajam.routes(site, hub.web, entrances["ajam"], hub.limit_state)
    if "ws" in entrances:
        websocket.routes(site, hub, entrances["ws"])
    if "api" in entrances:
        api.routes(site, hub, entrances["api"], operator())
    if "page" in entrances:
        # Behind AJAM, which has a pointer to its own pages at "/".
        page.routes(site, hub, entrances["page"], operator())
    return site


def accepting(site: Site, acceptor: TlsAcceptor) -> ConnectionFactory:
    """Makes the connections of a site."""
    return partial(HttpConnection, site, acceptor)
