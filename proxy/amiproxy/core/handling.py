"""Handling: which function answers each action that the proxy answers itself."""

# mypyc: compiled

from collections.abc import Callable

from amiproxy.core.clients import localactions
from amiproxy.core.clients.history.cursor import Cursors, when_caught_up
from amiproxy.core.clients.history.resume import Resume
from amiproxy.core.clients.history.snapshot import Snapshots
from amiproxy.core.clients.login import Login
from amiproxy.core.clients.proxyactions import ProxyActions
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.routing import Routing
from amiproxy.core.clients.session import Handlers, Session
from amiproxy.core.context import Context
from amiproxy.core.ports import Sealer


def handlers_of(
    ctx: Context,
    registry: SessionRegistry,
    routing: Routing,
    cursors: Cursors,
    snapshots: Snapshots,
    sealer: Sealer,
    admitted: Callable[[Session], None],
) -> Handlers:
    """The handlers of all sessions of one hub; ``admitted`` is called for each that has logged in."""
    login = Login(ctx, registry, routing, admitted)
    return Handlers(
        before_login={
            b"challenge": login.challenge,
            b"login": login.begin,
            b"logoff": localactions.logoff,
        },
        after_login={
            **localactions.TABLE,
            b"challenge": login.challenge,
            b"proxyresume": Resume(cursors, sealer).answer,
            b"proxysnapshot": when_caught_up(snapshots.answer),
        },
        proxy_action=ProxyActions(registry).answer,
    )
