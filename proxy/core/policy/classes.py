"""Classes: who may run an action at all, before its arguments are looked at.

Asterisk's own answer is the table's: any of the action's classes will do.  But
Asterisk gives some actions no class at all, so that an account with ``write =
none`` destroys bridges and resets queues; those that change state get the class
here that names what they do.  What only reads stays open, as in manager.conf:
wallboards with no write class ask for QueueStatus.
"""

from types import MappingProxyType
from typing import Final

from proxy.ami.actions import LOCAL, SHIPPED, Listed
from proxy.ami.privilege import AGENT, SYSTEM, may_write

#: Classes for what Asterisk opens to everybody and which changes state.
GIVEN: Final = MappingProxyType(
    {
        **dict.fromkeys(
            (
                b"bridgedestroy",
                b"bridgekick",
                b"bridgetechnologysuspend",
                b"bridgetechnologyunsuspend",
                b"dahdidialoffhook",
                b"dahdidndoff",
                b"dahdidndon",
                b"dahdihangup",
                b"dahdirestart",
                b"dahditransfer",
                b"pridebugfileunset",
                b"pridebugset",
            ),
            SYSTEM,
        ),
        **dict.fromkeys(
            (b"queuechangeprioritycaller", b"queuereload", b"queuereset", b"queuewithdrawcaller"), AGENT
        ),
    }
)

#: Classes in the place of Asterisk's own.  LoggerRotate runs the commands that logger.conf has for it.
NARROWED: Final = MappingProxyType({b"loggerrotate": SYSTEM})

#: Not for anybody: a failing restart of DAHDI ends the AMI session it came from, which all clients share.
BLOCKED: Final = frozenset({b"dahdirestart"})

#: What a session needs to be one; an ``actions`` list cannot take them away.
INDISPENSABLE: Final = frozenset({b"challenge", b"login", b"logoff"})

#: Open to every session even under ``actions.allow``: they act on the session alone, in the proxy.
SESSION: Final = LOCAL - {b"filter"}


def classes_of(listed: Listed) -> int:
    """The classes of which a user needs any, NONE for an action that is open to all."""
    key = listed.name.lower()
    narrowed = NARROWED.get(key)
    if narrowed is not None:
        return narrowed
    if listed.classes:
        return listed.classes
    given = GIVEN.get(key)
    if given is not None:
        return given
    # An action of a module nobody here has seen, which its author opened to all: it may do anything.
    return 0 if SHIPPED.find(key) is not None else SYSTEM


def has_class(write: int, listed: Listed) -> bool:
    """Whether these write classes are enough for the action."""
    return may_write(write, classes_of(listed))
