"""Reaching: what the words of a command reach, for users with ``contexts`` or ``channels``.

An argument in a header of its own is checked against these lists by its kind.  This module checks what
is named inside a CLI or AGI command.
"""

# mypyc: compiled

from amiproxy.ami.message import Action
from amiproxy.core.policy.console import agi, commands
from amiproxy.core.policy.dialplan import applications, functions
from amiproxy.core.policy.kinds import calls, places
from amiproxy.core.policy.verdict import Deny, Judged


def within_lists(user: Judged, action: Action) -> Deny | None:
    """Refuse an action that reaches beyond the user's contexts and channels."""
    if not places.bounded(user):
        return None
    if action.key == b"command":
        return places.beyond_lists(user) if commands.acts(action) else None
    return _agi(user, action) if action.key == b"agi" else None


def _agi(user: Judged, action: Action) -> Deny | None:
    said = commands.words(action.get(b"command"))
    for channel in agi.other_channels(said, action.get(b"channel")):
        refused = calls.channel(user, channel)
        if refused is not None:
            return refused
    match [word.lower() for word in said[:2]]:
        case [b"exec", _] if said[3:]:
            return places.beyond_lists(user)  # Asterisk would pass only the first to the application.
        case [b"exec", application]:
            return applications.run(user, application, b"".join(said[2:3]))
        case [b"gosub", _]:
            return places.subroutine(user, b",".join(said[1:4]))
        case [b"set", b"context"]:
            return places.context(user, said[2]) if said[2:] else None
        case [b"set", b"variable"]:
            return functions.refusal_to_assign(user, said[2], b"".join(said[3:4])) if said[2:] else None
        case _:
            return None
