"""ProxyActions: the actions that AstManProxy answers itself, for software that still sends them.

AstManProxy lets any client send them, even before login, see every session and change the
servers.  Here only users with the write class ``system`` may send them, and those that would
change something are refused with a reason; only Logoff is open to every client.  The responses
keep AstManProxy's headers, and add the ActionID, which AstManProxy leaves out.
"""

from collections.abc import Callable
from typing import Final

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core.clients.local.localactions import logoff
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.session import Session

Headers = list[tuple[bytes, bytes]]

#: The only one of AstManProxy's formats that is supported.
_FORMAT: Final = b"Standard"


class NotHere(Exception):
    """The ProxyAction is refused; the text is the Message that the client gets."""


class ProxyActions:
    """Answers the ProxyActions of all clients."""

    def __init__(self, registry: SessionRegistry) -> None:
        self._registry = registry
        self._answers: dict[bytes, Callable[[Session, Action], Headers]] = {
            b"addserver": _fixed_server,
            b"dropserver": _fixed_server,
            b"listiohandlers": _list_handlers,
            b"listservers": _list_servers,
            b"listsessions": self._list_sessions,
            b"setautofilter": _set_auto_filter,
            b"setoutputformat": _set_output_format,
        }

    def answer(self, session: Session, action: Action) -> None:
        """Answer an action that has a ProxyAction header instead of an Action header."""
        user, ctx = session.principal.user, session.ctx
        wanted = action.get(b"proxyaction")
        if wanted.lower() == b"logoff":
            logoff(session, action)  # for every client, as in Asterisk
            return
        if user is not None and session.bound is None:
            text = b"Not with several servers: use Action: ProxyServers, and a Server header in each action"
            session.answer(_response(b"Error", action, (b"Message", text)))
            return
        if user is None or not privilege.may_write(session.route.rights.write, privilege.SYSTEM):
            ctx.stats.actions_denied += 1
            session.principal.denied += 1
            session.answer(_response(b"Error", action, (b"Message", b"Permission denied")))
            shown = action.with_header(b"Action", b"ProxyAction " + wanted[:40])
            ctx.audit_log.denied(session.who, shown, b"", b"", "proxy-action", "", ctx.generation)
            return
        ctx.stats.actions_local += 1
        ask = self._answers.get(wanted.lower())
        try:
            if ask is None:
                raise NotHere("Invalid Proxy Action")
            headers = ask(session, action)
        except NotHere as reason:
            session.answer(_response(b"Error", action, (b"Message", str(reason).encode())))
        else:
            session.answer(_response(b"Success", action, *headers))

    def _list_sessions(self, session: Session, _: Action) -> Headers:
        headers: Headers = []
        for other in filter(_seen_by(session), self._registry.sessions):
            headers += [
                (b"ProxyClientSession", other.transport.peer.address.encode()),
                (b"ProxyClientInputHandler", _FORMAT),
                (b"ProxyClientOutputHandler", _FORMAT),
            ]
        if session.server.exchange.connected:
            headers.append((b"ProxyServerSession", b"asterisk"))
        return headers


def _seen_by(session: Session) -> Callable[[Session], bool]:
    """Whether a session may know of another one: not if that is only about servers that it does not see."""
    here = session.server.name
    return lambda other: not other.principal.sees or here in other.principal.sees


def _list_servers(session: Session, _: Action) -> Headers:
    # Host and manager user are left out: only the operator may see them (ami-proxy ctl upstream).
    state = b"up" if session.server.exchange.connected else b"down"
    return [(b"ProxyListServer", b"I: - H: asterisk U: - P: - E: on"), (b"ProxyServerStatus", state)]


def _list_handlers(_session: Session, _: Action) -> Headers:
    return [(b"InputHandler", _FORMAT), (b"OutputHandler", _FORMAT)]


def _set_output_format(_session: Session, action: Action) -> Headers:
    if action.get(b"outputformat").lower() == _FORMAT.lower():
        return [(b"OutputFormat", _FORMAT)]
    raise NotHere("Standard is the only output format")


def _set_auto_filter(_session: Session, _: Action) -> Headers:
    raise NotHere("Responses only go to the client that sent the action; this cannot be changed")


def _fixed_server(_session: Session, _: Action) -> Headers:
    raise NotHere("The server is configured in proxy.yaml and cannot be changed by an action")


def _response(kind: bytes, action: Action, *headers: tuple[bytes, bytes]) -> bytes:
    parts = [b"ProxyResponse: " + kind]
    if action.action_id:
        parts.append(b"ActionID: " + action.action_id)
    parts.extend(name + b": " + value for name, value in headers)
    parts.append(b"\r\n")
    return b"\r\n".join(parts)
