"""Routes about the session: login, logout, tickets for a WebSocket, and who one is."""

from typing import Final

from amiproxy.ami import privilege
from amiproxy.ami.encodings import jsonactions
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.hub import Hub
from amiproxy.core.model.users import User
from amiproxy.net.doors.http.api import models
from amiproxy.net.doors.http.api.call import Call
from amiproxy.net.doors.http.api.credentials import COOKIE, refused
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.doors.http.api.rights import may_operate, may_see_status
from amiproxy.net.doors.http.api.route import Access, Route

#: Seconds for which a ticket is good; see ``WebSessions.ticket``.
_TICKET_SECONDS: Final = 30


def _log_in(call: Call) -> None:
    body: models.Credentials = call.body
    action = _login(body)
    exchange, place = call.exchange, call.place

    def judged(session: WebSession | None, data: bytes) -> None:
        if session is None:
            exchange.respond(refused(exchange.request, data))
            return
        exchange.authenticated()
        call.tell(models.Session(session.user.name), (b"Set-Cookie", _cookie(session.key, call)))

    exchange.judged()
    exchange.on_gone(place.web.login(exchange.request.peer, place.entrance, action, judged))


def _login(body: models.Credentials) -> bytes:
    headers = {"Action": "Login", "Username": body.username, "Secret": body.secret}
    try:
        return jsonactions.action_of(headers)
    except jsonactions.UnfitAction as error:
        raise Refused(400, str(error)) from error


def _log_out(call: Call) -> None:
    call.session.end("logoff")
    call.nothing((b"Set-Cookie", _cookie(b"", call) + b"; Max-Age=0"))


def _cookie(key: bytes, call: Call) -> bytes:
    # Pages of other origins send it only with None; which of them may, is_foreign says for each request.
    site = b"None" if call.place.site.settings.allowed_origins else b"Strict"
    return b"%b=%b; Path=/; Secure; HttpOnly; SameSite=%b" % (COOKIE, key, site)


def _ticket(call: Call) -> None:
    ticket = call.place.web.ticket(call.session)
    call.tell(models.Ticket(ticket.decode("ascii"), _TICKET_SECONDS))


def _me(call: Call) -> None:
    user, hub = call.session.user, call.place.hub
    call.tell(
        models.Me(
            user=user.name,
            servers=_servers(user, hub),
            doors=sorted(user.doors),
            may_see_status=may_see_status(user, hub),
            may_operate=may_operate(user, hub),
        )
    )


def _servers(user: User, hub: Hub) -> list[models.ServerRights]:
    return [
        models.ServerRights(
            name=server.name,
            up=server.exchange.connected,
            read=_classes(user.at(server.name).read),
            write=_classes(user.at(server.name).write),
        )
        for server in hub.servers
        if server.name in user.servers
    ]


def _classes(mask: int) -> list[str]:
    names = privilege.class_names(mask)
    return [] if names == "none" else names.split(",")


ROUTES: Final = (
    Route(
        "POST",
        "/session",
        "log_in",
        "Log in, and get the cookie of a session",
        Access.OPEN,
        _log_in,
        answers=models.Session,
        tag="session",
        body=models.Credentials,
        errors=(401, 409),
        text="The answer sets the cookie `__Host-amiproxy_session`. A refusal takes a second.",
    ),
    Route(
        "DELETE",
        "/session",
        "log_out",
        "End the session",
        Access.SESSION,
        _log_out,
        tag="session",
        success=204,
    ),
    Route(
        "POST",
        "/tickets",
        "get_ticket",
        "Get a ticket with which one WebSocket can be opened",
        Access.SESSION,
        _ticket,
        answers=models.Ticket,
        tag="session",
    ),
    Route(
        "GET",
        "/me",
        "get_me",
        "Show the user of the session and its rights",
        Access.SESSION,
        _me,
        answers=models.Me,
        tag="session",
    ),
)
