"""Classes: which users may run an action at all, before its arguments are checked.

Asterisk's own rule is in the action table: any one of the action's classes is
enough.  But Asterisk gives some actions no class at all, so that an account with
``write = none`` can destroy bridges and reset queues; actions that change state get
a fitting class here.  Actions that only read stay open, as in manager.conf:
wallboards without a write class send QueueStatus.
"""

# mypyc: compiled

from types import MappingProxyType
from typing import Final

from amiproxy.ami.actions import ANSWERED_HERE, SHIPPED, Listed
from amiproxy.ami.privilege import AGENT, SYSTEM, may_write

#: Classes for actions that change state and that Asterisk opens to every user.
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

#: Classes that replace Asterisk's own.  LoggerRotate runs the commands that logger.conf configures for it.
NARROWED: Final = MappingProxyType({b"loggerrotate": SYSTEM})

#: Refused to all: a failing restart of DAHDI ends the AMI session it came from, which all clients share.
BLOCKED: Final = frozenset({b"dahdirestart"})

#: Actions that every session needs; an ``actions`` list cannot take them away.
INDISPENSABLE: Final = frozenset({b"challenge", b"login", b"logoff"})

#: Actions open to every session even under ``actions.allow``: they only affect the session, in the proxy.
SESSION: Final = ANSWERED_HERE - {b"filter"}


def classes_of(listed: Listed) -> int:
    """The classes of which a user needs one; NONE for an action that is open to all."""
    key = listed.name.lower()
    narrowed = NARROWED.get(key)
    if narrowed is not None:
        return narrowed
    if listed.classes:
        return listed.classes
    given = GIVEN.get(key)
    if given is not None:
        return given
    # An action of an unknown module, whose author opened it to all: it may do anything.
    return 0 if SHIPPED.find(key) is not None else SYSTEM


def has_class(write: int, listed: Listed) -> bool:
    """Whether these write classes are enough for the action."""
    return may_write(write, classes_of(listed))
