"""Places in the dialplan: where a call goes."""

import re
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.core.policy import wildcard
from proxy.core.policy.verdict import Deny, Judged, refuse

#: Asterisk cuts the name of a context or an extension there.
LONGEST_NAME: Final = 79
#: Stands for a place that cannot be read from the action: no context is called that, so a list refuses it.
ELSEWHERE: Final = b""

#: What a dialplan may hand on to Dial, Goto or a shell without a thought.
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_*#+.-]{0,79}\Z")
_PRIORITY: Final = re.compile(rb"[A-Za-z0-9_+.-]*\Z")

#: ``[[context,]extension,]priority``, as Goto has it.
_JUMP: Final = re.compile(rb"(?:(?:([A-Za-z0-9_*#+.-]*),)?([A-Za-z0-9_*#+.-]*),)?[A-Za-z0-9_+.-]*\Z")

CONTEXT: Final = refuse("contexts", "it leads to a context that is not among the user's contexts")
_CHARACTERS: Final = refuse("characters", "letters, digits and _ * # + . - only, 79 at most")
_CHANNELS: Final = refuse("channels", "it reaches calls that no list of channels can hold")
_GOSUB: Final = refuse(
    "predial-gosub", "it runs only in a synchronous Originate, which never travels; leave it out"
)


def context(user: Judged, value: bytes) -> Deny | None:
    """A context to which a call goes."""
    if not user.write & SYSTEM and not _PLAIN.match(value):
        return _CHARACTERS
    return leads_to(user, value) if value else None


def leads_to(user: Judged, value: bytes) -> Deny | None:
    """Whether the user's calls may go to this context; ELSEWHERE for one that is Asterisk's choice."""
    contexts = None if user.rules is None else user.rules.contexts
    if contexts is None or (len(value) <= LONGEST_NAME and wildcard.matches(contexts, value)):
        return None
    return CONTEXT


def extension(user: Judged, value: bytes) -> Deny | None:
    """An extension."""
    return None if user.write & SYSTEM or _PLAIN.match(value) else _CHARACTERS


def priority(user: Judged, value: bytes) -> Deny | None:
    """A priority or its label."""
    return None if user.write & SYSTEM or _PRIORITY.match(value) else _CHARACTERS


def gosub(_user: Judged, value: bytes) -> Deny | None:
    """A subroutine before dialling: dropped in silence it would mislead."""
    return _GOSUB if value else None


def parking_lot(user: Judged, value: bytes) -> Deny | None:
    """A parking lot has contexts of its own."""
    if not user.write & SYSTEM and not _PLAIN.match(value):
        return _CHARACTERS
    return leads_to(user, ELSEWHERE) if value else None


def place(user: Judged, value: bytes) -> Deny | None:
    """``[[context,]extension,]priority``; without a context it is one of Asterisk's choice."""
    found = _JUMP.match(value)
    if found is None:
        return _CHARACTERS
    return leads_to(user, found[1] or ELSEWHERE)


def subroutine(user: Judged, value: bytes) -> Deny | None:
    """A place, and behind it the arguments of the subroutine there, in parentheses."""
    where, parenthesis, arguments = value.partition(b"(")
    if parenthesis and not arguments.endswith(b")"):
        return _CHARACTERS
    return place(user, where)


def bounded(user: Judged) -> bool:
    """Whether the user has a list of contexts or of channels."""
    rules = user.rules
    return rules is not None and (rules.contexts is not None or rules.channels is not None)


def beyond_lists(user: Judged) -> Deny:
    """What is said of something that no list can hold, to a user that is ``bounded``."""
    return CONTEXT if user.rules is not None and user.rules.contexts is not None else _CHANNELS
