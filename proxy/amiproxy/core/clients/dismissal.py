"""Dismissal: ends a session that has done nothing wrong, and tells its client the reason."""

from typing import Final

from amiproxy.ami.message import event
from amiproxy.core.clients.session import Session

#: The last event of a session.  It is sent whatever classes the client may read.
EVENT: Final = b"ProxySessionEnd"


def dismiss(session: Session, reason: str) -> None:
    """Tell the client the reason, if it has logged in, and close the session.

    ``reason`` is ASCII, and one of a few fixed texts: the statistics count by it.
    """
    if session.user is not None:
        session.reply(event(EVENT, (b"Reason", reason.encode("ascii"))))
    session.close(reason)
