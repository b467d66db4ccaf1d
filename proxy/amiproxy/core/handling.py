"""Handling: which function answers each action that the proxy answers itself."""

# mypyc: compiled

from collections.abc import Callable

from amiproxy.core.clients.history.cursor import Cursors, when_caught_up
from amiproxy.core.clients.history.resume import Resume
from amiproxy.core.clients.history.snapshot import Snapshots
from amiproxy.core.clients.local import localactions
from amiproxy.core.clients.login import Login
from amiproxy.core.clients.proxyactions import ProxyActions
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.session import Handlers
from amiproxy.core.ports import Sealer


def handlers_of(
    registry: SessionRegistry,
    login: Login,
    cursors: Cursors,
    snapshots: Snapshots,
    sealer: Callable[[], Sealer],
) -> Handlers:
    """The handlers of all sessions of one hub.  ``sealer`` returns the one in use now."""
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
