"""Api: gives each request under ``/api/v1`` to its route, if its client, its parameters and its body fit."""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from amiproxy.ami.encodings.jsonactions import UnfitAction, object_in
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.hub import Hub
from amiproxy.net.doors.http.api import models
from amiproxy.net.doors.http.api.call import Call, Place
from amiproxy.net.doors.http.api.credentials import identify
from amiproxy.net.doors.http.api.operator import Operator
from amiproxy.net.doors.http.api.problems import Refused, problem
from amiproxy.net.doors.http.api.rights import may_operate, may_see_status
from amiproxy.net.doors.http.api.route import BASE, Access, Parameter, Route
from amiproxy.net.doors.http.api.scraping import metrics
from amiproxy.net.doors.http.api.table import ROUTES
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response
from amiproxy.net.doors.http.site import Route as SiteRoute
from amiproxy.net.doors.http.site import Site

_JSON: Final = re.compile(rb"application/json(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?[ \t]*", re.IGNORECASE)
_JSON_MEDIA: Final = "application/json"
#: Those of all routes together.
METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Api:
    """These routes of the JSON interface, below one path of a listener."""

    def __init__(self, place: Place, base: str, routes: Iterable[Route]) -> None:
        """``base`` is what the paths of all routes begin with, without a slash at its end."""
        self._place = place
        self._base = base.encode()
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in routes:
            parts = tuple(route.path.split("/"))
            self._by_length.setdefault(len(parts), []).append((parts, route))

    def handle(self, exchange: Exchange) -> None:
        """See Handler; for paths below the base."""
        try:
            self._begin(exchange)
        except Refused as refused:
            exchange.respond(refused.response)

    def _begin(self, exchange: Exchange) -> None:
        request = exchange.request
        route, parts = self._route(request)
        query = _query(request.query, route.query)
        body = _body(request, route.body)

        def found(session: WebSession | Response | None) -> None:
            if isinstance(session, Response):
                exchange.respond(session)
                return
            try:
                if session is not None:
                    exchange.authenticated()
                    exchange.charge(session.principal.share)
                    self._check(session, route)
                route.handle(Call(self._place, exchange, session, parts, query, body))
            except Refused as refused:
                exchange.respond(refused.response)

        if route.access is Access.OPEN:
            found(None)
        else:
            identify(self._place, exchange, found)

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The route of a request, and the parts of its path by name."""
        wanted = [_text(part) for part in request.path.removeprefix(self._base).split(b"/")]
        methods: list[str] = []
        for pattern, route in self._by_length.get(len(wanted), ()):
            parts = _match(pattern, wanted, route.parts)
            if parts is None:
                continue
            is_head = request.method == "HEAD" and route.media == _JSON_MEDIA
            if route.method == request.method or (is_head and route.method == "GET"):
                return route, parts
            methods.append(route.method)
        if not methods:
            raise Refused(404, f"There is no such path; those of {BASE} are in {BASE}/openapi.json.")
        raise Refused(405, headers=((b"Allow", ", ".join(methods).encode()),))

    def _check(self, session: WebSession, route: Route) -> None:
        permitted = {Access.SYSTEM: may_see_status, Access.COMMAND: may_operate}.get(route.access)
        if permitted is not None and not permitted(session.user, self._place.hub):
            raise Refused(403, f"This is for {route.access.value}.")


def _match(
    pattern: tuple[str, ...], wanted: list[str], named: tuple[Parameter, ...]
) -> dict[str, str] | None:
    parts = {}
    names = iter(named)
    for one, part in zip(pattern, wanted, strict=True):
        if one.startswith("{"):
            parameter = next(names)
            if not part or (parameter.pattern and not re.fullmatch(parameter.pattern, part)):
                return None
            parts[parameter.name] = part
        elif one != part:
            return None
    return parts


def _query(query: bytes, known: tuple[Parameter, ...]) -> dict[str, str]:
    """The parameters of the query, each at most once."""
    parameters = {parameter.name: parameter for parameter in known}
    found: dict[str, str] = {}
    for pair in query.split(b"&") if query else ():
        name, _, value = pair.partition(b"=")
        parameter = parameters.get(_text(name))
        if parameter is None:
            raise Refused(400, f"The parameters of this path: {', '.join(parameters) or 'none'}.")
        if parameter.name in found:
            raise Refused(400, f"{parameter.name} occurs twice.")
        text = _text(value.replace(b"+", b" "))
        if parameter.pattern and not re.fullmatch(parameter.pattern, text):
            raise Refused(400, f"{parameter.name} is malformed: it is {parameter.text}.")
        found[parameter.name] = text
    return found


def _text(raw: bytes) -> str:
    """A part of the target, decoded."""
    if _BAD_ESCAPE.search(raw):
        raise Refused(400, "A percent sign in the target is not followed by two digits.")
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Refused(400, "The target is not UTF-8.") from None
    if _CONTROL.search(text):
        raise Refused(400, "The target has a control character.")
    return text


def _body(request: Request, kind: Any) -> Any:
    """The JSON of a request as this type; None for a route without a body."""
    if kind is None:
        if request.body:
            raise Refused(400, "This request has no body.")
        return None
    if not _JSON.fullmatch(request.header(b"content-type")):
        raise Refused(
            415, "The body must be application/json, in UTF-8.", headers=((b"Accept", b"application/json"),)
        )
    try:
        if kind is models.Headers:
            return object_in(request.body)
        return msgspec.json.decode(request.body, type=kind)
    except UnfitAction as error:
        raise Refused(400, str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(400, f"The body does not fit: {error}") from error
    except RecursionError:
        raise Refused(400, "The body is nested too deeply.") from None


def routes(site: Site, hub: Hub, entrance: Entrance, operator: Operator) -> None:
    """Add the JSON interface to a site, and the metrics."""
    place = Place(hub, site, entrance, operator)
    api = Api(place, BASE, ROUTES)
    site.add_below(f"{BASE}/", SiteRoute(api.handle, METHODS, errors=problem, asked="api"))
    site.add("/metrics", metrics(place))
