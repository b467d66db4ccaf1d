"""Running an action in a session of AJAM: what both kinds of sessions have in common."""

from collections.abc import Callable
from typing import Final

from amiproxy.ami import message
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.net.doors.http.ajam.asked import Asked

#: A WaitEvent ends this many seconds before its session would, as in Asterisk, so that the client can go on.
_EARLIER: Final = 10.0
_NO_ACTION: Final = b"Missing action in request"
_ENDED: Final = b"Session ended"


def missing_action(asked: Asked) -> bytes:
    """Asterisk's answer to a request without an action, logged in or not."""
    return message.error(asked.action_id, _NO_ACTION)


def run(
    session: WebSession,
    asked: Asked,
    timeout: float,
    longest: int,
    over: Callable[[], None] = lambda: None,
) -> None:
    """Run the action of the request, whose ``action`` has been read, and answer it.

    ``timeout`` is that of the session, ``longest`` the bytes that an answer may have.  ``over`` is called
    before the answer if it is the last one of the session.
    """
    assert asked.action is not None

    def done(ami: bytes) -> None:
        if session.is_over:
            over()
        if ami or asked.name == b"waitevent":  # a WaitEvent that another one ended is answered with nothing
            asked.answer_long(ami, longest)
        else:
            asked.answer(message.error(asked.action_id, _ENDED))

    if not asked.name:
        asked.answer(missing_action(asked))
        return
    if asked.name == b"waitevent":
        cancel = session.wait(asked.action, max(0.0, timeout - _EARLIER), done)
    else:
        cancel = session.run(asked.action, done)
    asked.exchange.on_gone(cancel)
