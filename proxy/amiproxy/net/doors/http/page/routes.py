"""The routes of the page on a site.

It needs no other door: it has a WebSocket of its own, which takes no actions, and a part of the JSON
interface.  So what a user of the page may do does not grow with the doors of the listener.
"""

from functools import partial
from typing import Final

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.hub import Hub
from amiproxy.net.doors.http.api.api import METHODS, Api
from amiproxy.net.doors.http.api.call import Place
from amiproxy.net.doors.http.api.operator import Operator
from amiproxy.net.doors.http.api.problems import problem
from amiproxy.net.doors.http.api.table import ROUTES
from amiproxy.net.doors.http.exchange import Exchange, Handler
from amiproxy.net.doors.http.page.static import INDEX, StaticFile, read_files
from amiproxy.net.doors.http.responses import Headers, Response, is_known, plain
from amiproxy.net.doors.http.site import Route, Site
from amiproxy.net.doors.http.websocket import door as websocket

FOLDER: Final = "/page/"
API: Final = "/page/api"
#: Names, in the OpenAPI document, of the routes that the page uses: the session, and those of operators.
OFFERED: Final = frozenset(
    {
        "log_in",
        "log_out",
        "get_me",
        "get_status",
        "get_sessions",
        "get_upstream",
        "get_certificates",
        "get_limits",
        "get_history",
        "get_denials",
        "get_denial",
        "explain",
        "kick",
        "drain",
        "set_log_level",
    }
)
#: Sent with everything that the page serves.  Its scripts and styles are files of its own, and a browser
#: refuses to make an element, a script or a style of what a caller has written.
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final[Headers] = (
    (b"Content-Security-Policy", _POLICY),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Permissions-Policy", b"screen-wake-lock=(self)"),
)


def routes(site: Site, hub: Hub, entrance: Entrance, operator: Operator) -> None:
    """Serve the page on this site; ``entrance`` is that of its clients."""
    files = read_files()
    site.add("/", _route(partial(_give, files.pop(INDEX))))
    for name, file in files.items():
        site.add(FOLDER + name, _route(partial(_give, file)))
    site.add_below(FOLDER, _route(_nothing))
    site.add(websocket.LOOKING.path, websocket.route(site, hub, entrance, websocket.LOOKING, HEADERS))
    api = Api(Place(hub, site, entrance, operator), API, [route for route in ROUTES if route.name in OFFERED])
    site.add_below(f"{API}/", Route(api.handle, METHODS, errors=problem, asked="page", headers=HEADERS))


def _route(handler: Handler) -> Route:
    # Nothing of it belongs to a user, and people follow links to it from other sites.
    return Route(handler, checks_origin=False, asked="page", headers=HEADERS)


def _give(file: StaticFile, exchange: Exchange) -> None:
    # A browser asks each time whether it has the newest: a page and scripts of two versions do not fit.
    about = (b"ETag", file.etag), (b"Cache-Control", b"no-cache")
    if is_known(exchange.request, file.etag):
        exchange.respond(Response(304, about))
    else:
        exchange.respond(Response(200, ((b"Content-Type", file.media), *about), file.body))


def _nothing(exchange: Exchange) -> None:
    exchange.respond(plain(404, "there is nothing at this path"))
