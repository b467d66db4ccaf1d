"""Local actions: those that the proxy answers itself, because on the link they would affect all clients.

Texts, header order and quirks are Asterisk's own.  What belongs to the login is in ``login``.
"""

# mypyc: compiled

from typing import Final

from amiproxy.ami import message, privilege
from amiproxy.ami.actions import PROXY_RESUME, PROXY_SERVERS, PROXY_SNAPSHOT, Listed
from amiproxy.ami.errors import FilterSyntaxError
from amiproxy.ami.message import Action
from amiproxy.core.clients.history.numbering import follow
from amiproxy.core.clients.local.narrowing import narrow, with_added
from amiproxy.core.clients.local.waitevent import WaitEvent
from amiproxy.core.clients.routes.leg import not_connected
from amiproxy.core.clients.session import Handler, Session
from amiproxy.core.servers.answers.failures import NOT_CONNECTED


def _events(session: Session, action: Action) -> None:
    mask = privilege.parse_event_mask(action.get(b"eventmask"))
    if mask is None:
        session.answer(message.error(action.action_id, b"Invalid event mask"))
        return
    numbering = follow(session, action)
    if numbering is None:
        return
    state = (b"Events", b"On" if mask else b"Off")
    session.answer(message.response(b"Success", action.action_id, state, *numbering))
    session.principal.mask = mask
    session.ctx.subscribe(session.member)


def _filter(session: Session, action: Action) -> None:
    if action.get(b"operation").lower() != b"add":
        session.answer(message.error(action.action_id, b"Unknown operation"))
        return
    try:
        filters = with_added(session, [(action.get(b"matchcriteria"), action.get(b"filter"))])
    except FilterSyntaxError as error:
        session.answer(message.error(action.action_id, str(error).encode()))
        return
    session.answer(message.success(action.action_id, b"Success"))
    narrow(session, filters)


def _list_commands(session: Session, action: Action) -> None:
    ctx, place = session.ctx, session.place
    assert place is not None
    tables = session.route.tables(place)
    rows: dict[bytes, Listed] = {}
    for rights, table in tables:
        for row in table.live:
            if row.name not in rows and ctx.may_run(rights, row):
                rows[row.name] = row
    if session.bound is None and place.leg is None:
        rows[PROXY_SERVERS.name] = PROXY_SERVERS
    own = (PROXY_SNAPSHOT, PROXY_RESUME) if place.leg is None else (PROXY_SNAPSHOT,)
    rows.update((row.name, row) for row in own if ctx.may_run(place.rights, row))
    if any(table.live for _, table in tables):
        listed = [(row.name, row.synopsis + b"(Priv: " + row.privilege_text + b")") for row in rows.values()]
        session.answer_there(message.response(b"Success", action.action_id, *listed))
    else:
        text = NOT_CONNECTED if place.leg is None else not_connected(place.leg.name)
        session.answer_there(message.error(action.action_id, text))


def logoff(session: Session, action: Action) -> None:
    """Answer a Logoff, before or after login, and close the session."""
    goodbye = (b"Message", b"Thanks for all the fish.")
    session.answer(message.response(b"Goodbye", action.action_id, goodbye))
    session.close("logoff")


def _ping(session: Session, action: Action) -> None:
    # A session of several servers asks the proxy itself; for one of them the action is sent there.
    if session.bound is not None and not session.server.exchange.connected:
        session.answer(message.error(action.action_id, NOT_CONNECTED))
        return
    stamp = (b"Timestamp", b"%.6f" % session.ctx.scheduler.wall())
    session.answer(message.response(b"Success", action.action_id, (b"Ping", b"Pong"), stamp))


def _relogin(session: Session, action: Action) -> None:
    session.answer(message.success(action.action_id, b"Already authenticated"))


def _wait_event(session: Session, action: Action) -> None:
    waiting = WaitEvent(session, action)
    session.wait(waiting)
    waiting.begin()


#: Those of clients that have logged in, except Challenge, which is a part of the login.
TABLE: Final[dict[bytes, Handler]] = {
    b"events": _events,
    b"filter": _filter,
    b"listcommands": _list_commands,
    b"login": _relogin,
    b"logoff": logoff,
    b"ping": _ping,
    b"waitevent": _wait_event,
}
