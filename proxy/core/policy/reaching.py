"""Reaching: what an action reaches by its words, for users with ``contexts`` or ``channels``.

An argument of its own is held to the lists by its kind.  Here is what stands inside a command: of the
command line, and of AGI.
"""

from typing import Final

from proxy.ami.message import Action
from proxy.core.policy import agi, applications, functions
from proxy.core.policy.commands import starts, words
from proxy.core.policy.kinds import calls, places
from proxy.core.policy.verdict import Deny, Judged

#: Reach calls or the dialplan from the command line, where no list can follow.
_REACHING_COMMANDS: Final = (
    b"add extension",
    b"add ignorepat",
    b"add queue member",
    b"agent logoff",
    b"agi exec",
    b"answer",
    b"autoanswer",
    b"bridge destroy",
    b"bridge kick",
    b"bridge technology",
    b"channel originate",
    b"channel redirect",
    b"channel request hangup",
    b"confbridge kick",
    b"confbridge lock",
    b"confbridge mute",
    b"confbridge record",
    b"confbridge unlock",
    b"confbridge unmute",
    b"console",
    b"core set chanvar",
    b"core set global",
    b"dahdi destroy",
    b"dahdi restart",
    b"dial",
    b"dialplan add",
    b"dialplan remove",
    b"dialplan set",
    b"dont include",
    b"flash",
    b"hangup",
    b"include context",
    b"meetme kick",
    b"meetme lock",
    b"meetme mute",
    b"meetme unlock",
    b"meetme unmute",
    b"mixmonitor",
    b"mute",
    b"originate",
    b"queue add",
    b"queue pause",
    b"queue priority",
    b"queue remove",
    b"queue set",
    b"queue unpause",
    b"queue withdraw",
    b"remove extension",
    b"remove ignorepat",
    b"remove queue member",
    b"send text",
    b"set global",
    b"soft hangup",
    b"transfer",
    b"unmute",
)


def within_lists(user: Judged, action: Action) -> Deny | None:
    """Refuse an action that reaches beyond the user's contexts and channels."""
    if not places.bounded(user):
        return None
    if action.key == b"command":
        said = [word.lower() for word in words(action.get(b"command"))]
        return places.beyond_lists(user) if starts(said, _REACHING_COMMANDS) else None
    return _agi(user, action) if action.key == b"agi" else None


def _agi(user: Judged, action: Action) -> Deny | None:
    said = words(action.get(b"command"))
    for channel in agi.other_channels(said, action.get(b"channel")):
        refused = calls.channel(user, channel)
        if refused is not None:
            return refused
    match [word.lower() for word in said[:2]]:
        case [b"exec", _] if said[3:]:
            return places.beyond_lists(user)  # Asterisk would give the first alone to the application
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
