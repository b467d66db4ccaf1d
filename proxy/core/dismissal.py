"""Dismissal: ending a session that has done nothing wrong, with a word on why."""

from typing import TYPE_CHECKING, Final

from proxy.ami.message import event

if TYPE_CHECKING:
    from proxy.core.session import Session

#: The last event of a session; its client need not be a reader of any class.
EVENT: Final = b"ProxySessionEnd"


def dismiss(session: "Session", reason: str) -> None:
    """Tell the client, if it has logged in, and close.  ``reason`` is ASCII, one of few: it is counted by."""
    if session.user is not None:
        session.reply(event(EVENT, (b"Reason", reason.encode("ascii"))))
    session.close(reason)
