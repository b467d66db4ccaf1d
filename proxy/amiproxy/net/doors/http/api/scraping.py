"""/metrics on a listener that serves the JSON interface, for users who may see the state of the service."""

from amiproxy.core.clients.web.websession import WebSession
from amiproxy.net.doors.http.api.call import Place
from amiproxy.net.doors.http.api.credentials import identify
from amiproxy.net.doors.http.api.problems import problem
from amiproxy.net.doors.http.api.rights import may_see_status
from amiproxy.net.doors.http.api.route import Access
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.responses import Response
from amiproxy.net.doors.http.site import Route


def metrics(place: Place) -> Route:
    """The route; Prometheus logs in by ``basic_auth`` or a client certificate."""

    def handle(exchange: Exchange) -> None:
        def found(session: WebSession | Response) -> None:
            if isinstance(session, Response):
                exchange.respond(session)
                return
            exchange.authenticated()
            if may_see_status(session.user, place.hub):
                place.begin(_answer(place, exchange))
            else:
                exchange.respond(problem(403, f"This is for {Access.SYSTEM.value}."))

        identify(place, exchange, found)

    return Route(handle, errors=problem, asked="probe")


async def _answer(place: Place, exchange: Exchange) -> None:
    body, media = await place.operator.metrics(exchange.request.header(b"accept").decode("latin-1"))
    headers = (b"Content-Type", media.encode()), (b"Cache-Control", b"no-store")
    exchange.respond(Response(200, headers, body))
