"""Originate without blocking the link.

A synchronous Originate blocks the session that sent it until the call is answered,
and on a shared link that is every client's session.  So the proxy sends it with
``Async: true`` and makes the response from the OriginateResponse event.  Both forms
were compared on Asterisk 16 and 22: they agree for answer, busy, congestion, hangup,
no answer, bad technology, unreachable PJSIP device and early media.
"""

# mypyc: compiled

from amiproxy.ami.message import Action
from amiproxy.ami.values import ast_true, c_int

#: Asterisk's default when the action has no Timeout, in milliseconds.
_DEFAULT_TIMEOUT = 30000


def is_synchronous(action: Action) -> bool:
    """Whether Asterisk would respond only once the call is answered or has failed."""
    return not ast_true(action.get(b"async"))


def fails_at_once(action: Action) -> bool:
    """Whether Asterisk refuses the synchronous form although the asynchronous one would place the call.

    That is so without Application and priority: Asterisk answers ``Originate with 'Exten'
    requires 'Context' and 'Priority'``, so such an action is sent unchanged.
    """
    if action.get(b"application"):
        return False
    priority = action.get(b"priority")
    return not priority or c_int(priority) == 0


def timeout_of(action: Action) -> int | None:
    """The Timeout in milliseconds; None if Asterisk will refuse it because it is not a number."""
    text = action.get(b"timeout")
    if not text:
        return _DEFAULT_TIMEOUT
    return c_int(text)


def clamped(action: Action, longest: float) -> Action:
    """The action with a Timeout of at most ``longest`` seconds.

    A Timeout of 0 or less becomes ``longest`` too, since Asterisk would wait for ever.
    """
    timeout = timeout_of(action)
    ceiling = int(longest * 1000)
    if timeout is None or 0 < timeout <= ceiling:
        return action
    return action.with_header(b"Timeout", str(ceiling).encode())


def seconds_of(action: Action) -> float:
    """Seconds that the call may take, for an action from ``clamped``."""
    return (timeout_of(action) or _DEFAULT_TIMEOUT) / 1000


def as_asynchronous(action: Action) -> Action:
    """The same call in asynchronous form: its outcome comes as an OriginateResponse event."""
    return action.without(b"async").with_added([(b"Async", b"true")])


def with_variables(action: Action, setvar: tuple[tuple[bytes, bytes], ...]) -> Action:
    """Add the manager user's ``setvar`` after the client's own variables.

    Asterisk keeps the first occurrence of a name, so the client's variables win, as a
    client's variables win over manager.conf's ``setvar`` (seen on Asterisk 22).
    """
    if not setvar:
        return action
    return action.with_added((b"Variable", name + b"=" + value) for name, value in setvar)
