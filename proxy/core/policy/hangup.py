"""Hangup by pattern: ``/regex/`` as Channel ends every call it matches, so it needs class system."""

from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import SYSTEM
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_REFUSED: Final = Deny(PERMISSION_DENIED, "hangup-pattern")


def hangup(user: Judged, action: Action) -> Deny | None:
    """Asterisk takes a Channel that begins with a slash for a pattern."""
    if action.get(b"channel").startswith(b"/") and not user.write & SYSTEM:
        return _REFUSED
    return None
