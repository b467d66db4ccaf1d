"""Calls that are there: by the name of a channel, or by another handle.

A user with ``channels`` may name only what can be held to that list: a channel by
its whole name.  What reaches calls by another handle (a bridge, a conference, an
agent) cannot be, and is refused to it.
"""

import re
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.core.policy.kinds import dialling, names, patterns
from proxy.core.policy.verdict import Deny, Judged, refuse

#: What channel drivers add to a device's name.
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
#: The same where the name is whole for certain: what begins with it is this channel and no other.
_WHOLE: Final = re.compile(rb"(?:(?:IAX2|DAHDI)/.*-[0-9]{1,5}|.*-[0-9a-f]{8,16}(?:;[12])?)\Z", re.IGNORECASE)
_CHARACTERS: Final = re.compile(rb"[ -~\x80-\xff]*\Z")

_PREFIX: Final = refuse(
    "channels", "Asterisk takes it for the beginning of a name: write a whole channel name"
)
_HANDLE: Final = refuse(
    "channels", "it reaches calls by another handle than their channel, which no list can hold"
)
_SYSTEM: Final = refuse("system", "it needs class system")
_PATTERN: Final = refuse("channel-pattern", "a pattern ends every call that it matches: class system")


def channel(user: Judged, value: bytes) -> Deny | None:
    """One channel, by its name or its Uniqueid.  A Uniqueid names no device: no list can have it."""
    if user.rules is None or not value:
        return None
    return dialling.within(user, _SUFFIX.sub(b"", value), live=True)


def prefix(user: Judged, value: bytes) -> Deny | None:
    """A channel that Asterisk looks for by the beginning of its name."""
    if user.rules is not None and user.rules.channels is not None and not _WHOLE.match(value):
        return _PREFIX
    return channel(user, value)


def pattern(user: Judged, value: bytes) -> Deny | None:
    """A channel, or ``/pattern/`` for all that match."""
    if not value.startswith(b"/"):
        return channel(user, value)
    if user.rules is not None and user.rules.channels is not None:
        return _HANDLE
    return patterns.bounded(user, value) if user.write & SYSTEM else _PATTERN


def or_all(user: Judged, value: bytes) -> Deny | None:
    """A channel of a conference, or a word for all of them."""
    return prefix(user, value)


def whole_thing(user: Judged, value: bytes) -> Deny | None:
    """Another handle to calls: a conference, a bridge, an agent, a port, an endpoint."""
    if user.rules is not None and user.rules.channels is not None:
        return _HANDLE
    return names.name(user, value)


def with_system(user: Judged, _value: bytes) -> Deny | None:
    """What is worth a shell."""
    return None if user.write & SYSTEM else _SYSTEM
