"""Local actions: those that the proxy answers itself, because on the link they would affect all clients.

Texts, header order and quirks are Asterisk's own.  The two tables at the end say which actions are
answered before and after login.
"""

# mypyc: compiled

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from amiproxy.ami import eventfilter, message, privilege
from amiproxy.ami.errors import FilterSyntaxError
from amiproxy.ami.message import Action
from amiproxy.core.clients.login import refusal_of_challenge, refuse
from amiproxy.core.clients.waitevent import WaitEvent
from amiproxy.core.servers.failures import NOT_CONNECTED

if TYPE_CHECKING:
    from amiproxy.core.clients.session import Session

#: Most filters that one session may add; each is evaluated for every event.
_FILTER_LIMIT: Final = 32
#: Most cost of them together, in characters of the regular expressions that run over each event.
_FILTER_COST: Final = 512

_Answer = Callable[["Session", Action], None]


def _challenge(session: "Session", action: Action) -> None:
    refusal = refusal_of_challenge(session, action) if session.user is None else None
    if refusal is not None:
        refuse(session, action, refusal)
    # A client that is given a challenge uses it for its login, and the user name is not known yet:
    # so none is given if no user could log in with it.
    elif action.get(b"authtype").lower() != b"md5" or not session.hub.users.any_md5:
        session.reply(message.error(action.action_id, b"Must specify AuthType"))
    else:
        session.challenge = session.challenge or str(secrets.randbits(128)).encode()
        session.reply(message.response(b"Success", action.action_id, (b"Challenge", session.challenge)))


def _events(session: "Session", action: Action) -> None:
    mask = privilege.parse_event_mask(action.get(b"eventmask"))
    if mask is None:
        session.reply(message.error(action.action_id, b"Invalid event mask"))
        return
    state = (b"Events", b"On" if mask else b"Off")
    session.reply(message.response(b"Success", action.action_id, state))
    session.mask = mask
    session.hub.subscribe(session)


def _filter(session: "Session", action: Action) -> None:
    if action.get(b"operation").lower() != b"add":
        session.reply(message.error(action.action_id, b"Unknown operation"))
        return
    pattern = action.get(b"filter")
    try:
        if action.get(b"matchcriteria"):
            added = eventfilter.compile_advanced(
                action.get(b"matchcriteria"), pattern, eventfilter.CLIENT_LIMIT
            )
        else:
            added = eventfilter.compile_legacy(pattern, eventfilter.CLIENT_LIMIT)
        cost = added.cost + sum(earlier.cost for earlier in session.filters)
        if len(session.filters) >= _FILTER_LIMIT or cost > _FILTER_COST:
            raise FilterSyntaxError("Too many filters in this session")
    except FilterSyntaxError as error:
        session.reply(message.error(action.action_id, str(error).encode()))
        return
    session.reply(message.success(action.action_id, b"Success"))
    session.filters = (*session.filters, added)
    session.hub.subscribe(session)


def _list_commands(session: "Session", action: Action) -> None:
    assert session.user is not None
    hub = session.hub
    table = hub.server.table
    if not table.live:
        session.reply(message.error(action.action_id, NOT_CONNECTED))
        return
    rows = [
        (row.name, row.synopsis + b"(Priv: " + row.privilege_text + b")")
        for row in table.live
        if hub.may_run(session.user, row)
    ]
    session.reply(message.response(b"Success", action.action_id, *rows))


def _logoff(session: "Session", action: Action) -> None:
    goodbye = (b"Message", b"Thanks for all the fish.")
    session.reply(message.response(b"Goodbye", action.action_id, goodbye))
    session.close("logoff")


def _ping(session: "Session", action: Action) -> None:
    if not session.hub.server.exchange.connected:
        session.reply(message.error(action.action_id, NOT_CONNECTED))
        return
    stamp = (b"Timestamp", b"%.6f" % session.hub.scheduler.wall())
    session.reply(message.response(b"Success", action.action_id, (b"Ping", b"Pong"), stamp))


def _relogin(session: "Session", action: Action) -> None:
    session.reply(message.success(action.action_id, b"Already authenticated"))


def _wait_event(session: "Session", action: Action) -> None:
    session.wait(WaitEvent(session, action))


#: Before login.  Login itself is handled by the session.
UNAUTHENTICATED: Final[dict[bytes, _Answer]] = {b"challenge": _challenge, b"logoff": _logoff}

AUTHENTICATED: Final[dict[bytes, _Answer]] = {
    b"challenge": _challenge,
    b"events": _events,
    b"filter": _filter,
    b"listcommands": _list_commands,
    b"login": _relogin,
    b"logoff": _logoff,
    b"ping": _ping,
    b"waitevent": _wait_event,
}
