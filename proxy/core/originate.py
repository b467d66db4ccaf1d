"""Originate without blocking the link.

A synchronous Originate holds up the session that sent it until the call is
answered; on a shared link that is everybody.  So it is sent with ``Async:
true`` and the answer is made from the OriginateResponse event: ami.md §6.1
measured both and lists where they differ.
"""

from proxy.ami.message import Action
from proxy.ami.values import ast_true, c_int

#: What Asterisk uses when the client names no Timeout, in milliseconds.
_DEFAULT_TIMEOUT = 30000


def is_synchronous(action: Action) -> bool:
    """Whether Asterisk would answer only once the call is."""
    return not ast_true(action.get(b"async"))


def fails_at_once(action: Action) -> bool:
    """Whether the synchronous form is refused where the asynchronous one would place the call.

    Neither Application nor a priority: Asterisk answers ``Originate with
    'Exten' requires 'Context' and 'Priority'``, so such a request goes as it is.
    """
    if action.get(b"application"):
        return False
    priority = action.get(b"priority")
    return not priority or c_int(priority) == 0


def timeout_of(action: Action) -> int | None:
    """The Timeout in milliseconds; None if Asterisk will refuse it as not a number."""
    text = action.get(b"timeout")
    if not text:
        return _DEFAULT_TIMEOUT
    return c_int(text)


def clamped(action: Action, longest: float) -> Action:
    """The action with a Timeout that ends: 0, less, or more than ``longest`` seconds becomes that.

    Asterisk takes 0 and less for "wait for ever".
    """
    timeout = timeout_of(action)
    ceiling = int(longest * 1000)
    if timeout is None or 0 < timeout <= ceiling:
        return action
    return action.with_header(b"Timeout", str(ceiling).encode())


def seconds_of(action: Action) -> float:
    """How long the call may take, of an action that was clamped."""
    return (timeout_of(action) or _DEFAULT_TIMEOUT) / 1000


def as_asynchronous(action: Action) -> Action:
    """The same call, answered by event."""
    return action.without(b"async").with_added([(b"Async", b"true")])


def with_variables(action: Action, setvar: tuple[tuple[bytes, bytes], ...]) -> Action:
    """The manager user's ``setvar`` behind the client's own variables.

    Asterisk keeps the first occurrence of a name, so the client's win, as its
    own do over manager.conf's (ami.md §7.4).
    """
    if not setvar:
        return action
    return action.with_added((b"Variable", name + b"=" + value) for name, value in setvar)
