"""Places in the dialplan: where a call goes."""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.verdict import Deny, Judged, refuse

#: Length to which Asterisk cuts the name of a context or an extension.
LONGEST_NAME: Final = 79
#: Stands for a context that the action does not name.  No context has this name, so every list refuses it.
ELSEWHERE: Final = b""

#: Names that are harmless even if a dialplan passes them on to Dial, Goto or a shell unchecked.
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_*#+.-]{0,79}\Z")
_PRIORITY: Final = re.compile(rb"[A-Za-z0-9_+.-]*\Z")

#: ``[[context,]extension,]priority``, as in Goto.
_JUMP: Final = re.compile(rb"(?:(?:([A-Za-z0-9_*#+.-]*),)?([A-Za-z0-9_*#+.-]*),)?[A-Za-z0-9_+.-]*\Z")

CONTEXT: Final = refuse("contexts", "it leads to a context that is not among the user's contexts")
_CHARACTERS: Final = refuse("characters", "letters, digits and _ * # + . - only, 79 at most")
_CHANNELS: Final = refuse("channels", "it reaches calls to which the user's channels cannot be applied")
_GOSUB: Final = refuse(
    "predial-gosub", "it runs only in a synchronous Originate, which is never sent; leave it out"
)


def context(user: Judged, value: bytes) -> Deny | None:
    """A context to which a call goes."""
    if not user.write & SYSTEM and not _PLAIN.match(value):
        return _CHARACTERS
    return leads_to(user, value) if value else None


def leads_to(user: Judged, value: bytes) -> Deny | None:
    """Check whether the user's calls may go to this context; ELSEWHERE if Asterisk chooses it."""
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
    """A subroutine before dialling: refused, since dropping it silently would mislead the client."""
    return _GOSUB if value else None


def parking_lot(user: Judged, value: bytes) -> Deny | None:
    """A parking lot, which has contexts of its own."""
    if not user.write & SYSTEM and not _PLAIN.match(value):
        return _CHARACTERS
    return leads_to(user, ELSEWHERE) if value else None


def place(user: Judged, value: bytes) -> Deny | None:
    """``[[context,]extension,]priority``; without a context, Asterisk chooses one."""
    found = _JUMP.match(value)
    if found is None:
        return _CHARACTERS
    return leads_to(user, found[1] or ELSEWHERE)


def subroutine(user: Judged, value: bytes) -> Deny | None:
    """A place, followed by the arguments of the subroutine there, in parentheses."""
    where, parenthesis, arguments = value.partition(b"(")
    if parenthesis and not arguments.endswith(b")"):
        return _CHARACTERS
    return place(user, where)


def bounded(user: Judged) -> bool:
    """Whether the user has a list of contexts or of channels."""
    rules = user.rules
    return rules is not None and (rules.contexts is not None or rules.channels is not None)


def beyond_lists(user: Judged) -> Deny:
    """The refusal, to a ``bounded`` user, of something to which no list can be applied."""
    return CONTEXT if user.rules is not None and user.rules.contexts is not None else _CHANNELS
