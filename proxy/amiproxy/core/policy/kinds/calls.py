"""Existing calls, named by a channel or by another handle.

A user with ``channels`` may only name what can be checked against that list: a
channel by its full name.  Other handles to calls (a bridge, a conference, an agent)
cannot be checked, and are refused to such a user.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.kinds import dialling, names, patterns
from amiproxy.core.policy.verdict import Deny, Judged, refuse

#: The suffix that channel drivers add to a device's name.
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
#: Names that are certainly complete: no other channel's name begins with them.
_WHOLE: Final = re.compile(rb"(?:(?:IAX2|DAHDI)/.*-[0-9]{1,5}|.*-[0-9a-f]{8,16}(?:;[12])?)\Z", re.IGNORECASE)
_CHARACTERS: Final = re.compile(rb"[ -~\x80-\xff]*\Z")

_PREFIX: Final = refuse(
    "channels", "Asterisk takes it for the beginning of a name: write the full name of a channel"
)
_HANDLE: Final = refuse(
    "channels", "it names calls other than by their channel, so the user's channels cannot be applied"
)
_SYSTEM: Final = refuse("system", "it needs class system")
_PATTERN: Final = refuse("channel-pattern", "it ends every call that matches, so it needs class system")


def channel(user: Judged, value: bytes) -> Deny | None:
    """One channel, by its name or Uniqueid.  A Uniqueid does not name a device, so no list matches it."""
    if user.rules is None or not value:
        return None
    return dialling.within(user, _SUFFIX.sub(b"", value), live=True)


def prefix(user: Judged, value: bytes) -> Deny | None:
    """A channel that Asterisk looks up by the beginning of its name."""
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
    """A value that amounts to shell access: it needs class system."""
    return None if user.write & SYSTEM else _SYSTEM
