"""Numbering: the header ``ProxySequence``, by which a client asks for events that bear their positions."""

# mypyc: compiled

from typing import Final

from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.values import ast_false, ast_true
from amiproxy.core.clients.session import Session
from amiproxy.core.policy import history

_KEY: Final = b"proxysequence"
_ON: Final = ((b"ProxySequence", b"on"),)
_OFF: Final = ((b"ProxySequence", b"off"),)
#: The Message of the error for a value that is neither.
NEITHER: Final = b"ProxySequence must be on or off"


def follow(session: Session, action: Action) -> tuple[tuple[bytes, bytes], ...] | None:
    """Number the client's events from now on, or not, if the action says so.

    Returns headers for the response, which tell a client that asked; none for any other.  None: the action
    was answered with an error, because it says neither or the user may not ask for numbers.
    """
    value = action.get(_KEY)
    if not value:
        return ()
    principal = session.principal
    if not ast_true(value):
        if not ast_false(value):
            session.answer(message.error(action.action_id, NEITHER))
            return None
        principal.numbered = False
        return _OFF
    assert principal.user is not None
    refused = history.refusal(principal.user)
    if refused is not None:
        session.deny(action, refused.text, refused.rule, refused.hint)
        return None
    principal.numbered = True
    return _ON


def follow_login(session: Session, action: Action) -> tuple[tuple[bytes, bytes], ...]:
    """As ``follow``, for a Login, which was accepted in any case: the response says what the client gets."""
    value = action.get(_KEY)
    if not value:
        return ()
    principal = session.principal
    assert principal.user is not None
    if not ast_true(value):
        return _OFF
    refused = history.refusal(principal.user)
    if refused is not None:
        session.record_denied(action, refused.text, refused.rule, refused.hint)
        return _OFF
    principal.numbered = True
    return _ON
