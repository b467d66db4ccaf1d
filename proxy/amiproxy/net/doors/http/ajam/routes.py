"""The routes of AJAM on a site."""

from functools import partial
from typing import Final

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.limitstate import LimitState
from amiproxy.net.doors.http.ajam.answers import refusal
from amiproxy.net.doors.http.ajam.cookiedoor import CookieDoor
from amiproxy.net.doors.http.ajam.digestdoor import DigestDoor
from amiproxy.net.doors.http.ajam.pages import COOKIE_PAGES, DIGEST_PAGES
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.site import Route, Site

#: As in Asterisk: HEAD acts like GET, and all other methods are answered 501.
_METHODS: Final = ("GET", "HEAD", "POST")


def routes(site: Site, web: WebSessions, entrance: Entrance, limit_state: LimitState) -> None:
    """Serve AJAM's pages on this site; ``entrance`` is that of its clients."""
    by_cookie = CookieDoor(site, web, entrance, limit_state)
    by_digest = DigestDoor(site, web, entrance, limit_state)
    handlers = [(page, partial(by_cookie.serve, page)) for page in COOKIE_PAGES]
    handlers += [(page, partial(by_digest.serve, page)) for page in DIGEST_PAGES]
    for page, handler in handlers:
        site.add_ajam(page.name, Route(handler, _METHODS, wrong_method=501, errors=refusal, asked="ajam"))
    site.add("/", Route(partial(_point_to_the_pages, site), _METHODS, wrong_method=501, errors=refusal))


def _point_to_the_pages(site: Site, exchange: Exchange) -> None:
    """Answer what asks for actions at ``/``, as for AstManProxy, which served its own protocol there."""
    exchange.respond(refusal(404, f"Actions are at {site.settings.prefix}/rawman, /mxml and /manager."))
