"""Targets: the contexts and channels a user's actions may touch.

Judged only for users whose rules have ``contexts`` or ``channels``.  The same
place in the dialplan can be named in many ways (Context, ``Local/x@ctx``, an
application's data), so each is read; what cannot be read is refused, and a
context that is left out, so that Asterisk would choose one, is refused too.
"""

import re
from types import MappingProxyType
from typing import Final, NamedTuple

from proxy.ami.message import Action
from proxy.ami.privilege import SYSTEM
from proxy.config.rules import Rules
from proxy.core.policy import agi, applications, functions, plainvariables, wildcard
from proxy.core.policy.commands import starts, words
from proxy.core.policy.kinds import calls, dialling, places
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny


class _Bounded(NamedTuple):
    """These rules alone."""

    rules: Rules
    write: int = 0


_CONTEXT: Final = Deny(PERMISSION_DENIED, "contexts")
_CHANNEL: Final = Deny(PERMISSION_DENIED, "channels")

#: Stands for a place that cannot be read from the action: no context is called that, so a list refuses it.
_ELSEWHERE: Final = b""

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

#: Applications that take a call nowhere: free under any list.
_HARMLESS: Final = frozenset(
    b"""answer busy confbridge congestion echo hangup milliwatt musiconhold noop playback playtones
    proceeding progress read ringing sayalpha saydigits saynumber sayphonetic senddtmf stopmusiconhold
    stopplaytones verbose wait""".split()
)
_ASSIGNS: Final = frozenset({b"set", b"mset"})
_JUMPS: Final = frozenset({b"goto", b"gosub"})
_TIMEOUT: Final = re.compile(rb"[0-9.^]*\Z")
#: What may stand behind the channels to dial: a timeout, and options that name no place in the dialplan
#: and run nothing.
_DIALS: Final = MappingProxyType(
    {
        b"dial": (
            _TIMEOUT,
            re.compile(rb"(?:[cCEgHhiIjkKNoRtTwWxXz]|[AD]\([^()]*\)|[LmSr](?:\([^()]*\))?)*\Z"),
        ),
        b"page": (re.compile(rb"(?:[dinqrs]|A\([^()]*\))*\Z"), _TIMEOUT),
    }
)
_QUEUE_OPTIONS: Final = re.compile(rb"(?:[cCdhHiIkKnrRtTwWxX]|m(?:\([^()]*\))?)*\Z")


def within_targets(rules: Rules, action: Action) -> Deny | None:
    """Refuse an action that reaches beyond the user's contexts and channels."""
    if rules.contexts is None and rules.channels is None:
        return None
    if action.key == b"command":
        said = [word.lower() for word in words(action.get(b"command"))]
        return _either(rules) if starts(said, _REACHING_COMMANDS) else None
    if action.key == b"originate" and action.get(b"application"):
        return _application(rules, action.get(b"application"), action.get(b"data"))
    return _agi(rules, action) if action.key == b"agi" else None


def _live(rules: Rules, channel: bytes) -> Deny | None:
    return calls.channel(_Bounded(rules), channel)


def _destination(rules: Rules, channel: bytes) -> Deny | None:
    return dialling.within(_Bounded(rules), channel)


def _is_listed(contexts: tuple[str, ...], context: bytes) -> bool:
    return len(context) <= places.LONGEST_NAME and wildcard.matches(contexts, context)


def _either(rules: Rules) -> Deny:
    return _CONTEXT if rules.contexts is not None else _CHANNEL


def _agi(rules: Rules, action: Action) -> Deny | None:
    said = words(action.get(b"command"))
    for channel in agi.other_channels(said, action.get(b"channel")):
        if (refused := _live(rules, channel)) is not None:
            return refused
    match [word.lower() for word in said[:2]]:
        case [b"exec", _] if said[3:]:
            return _either(rules)  # Asterisk would give the first alone to the application
        case [b"exec", application]:
            return _application(rules, application, b"".join(said[2:3]))
        case [b"gosub", _]:
            return _jump(rules, said[1:4])
        case [b"set", b"context"]:
            return _jump(rules, [*said[2:3], b"", b""])
        case [b"set", b"variable"]:
            return _assignment(rules, b"".join(said[2:3]), b"".join(said[3:4]))
        case _:
            return None


def _assignment(rules: Rules, name: bytes, value: bytes | None) -> Deny | None:
    refused = plainvariables.refusal(_Bounded(rules, SYSTEM), name, value)
    return refused if refused is not None and refused.rule == "contexts" else None


def _application(rules: Rules, application: bytes, data: bytes) -> Deny | None:
    name = application.strip(b" \t").lower()
    items = functions.arguments(data)
    if name in _ASSIGNS:
        # For a channel that goes on afterwards: under AGI.
        texts = [data] if name == b"set" else items
        pairs = [text.strip(b' \t"').partition(b"=") for text in texts]
        refusals = (_assignment(rules, key, value) for key, _, value in pairs)
        return next(filter(None, refusals), None)
    if name == b"senddtmf" and any(items[3:4]):
        return _either(rules)  # the fourth is somebody else's channel
    if name in _HARMLESS:
        # Read is among them: what is typed must not choose a context.
        texts = applications.assigned_by(name, data, items)
        return next(filter(None, (_assignment(rules, text, None) for text in texts)), None)
    if name in _DIALS and items:
        return _dial(rules, items, _DIALS[name])
    if name == b"queue" and not any(items[5:8]) and all(map(_QUEUE_OPTIONS.match, items[1:2])):
        return None  # its agents are the queue's own; AGI, macro and subroutine are not given
    if name in _JUMPS:
        return _jump(rules, items)
    return _either(rules)


def _dial(rules: Rules, items: list[bytes], harmless: tuple[re.Pattern[bytes], ...]) -> Deny | None:
    destinations, second, third, *rest = [*items, b"", b""]
    if not harmless[0].match(second) or not harmless[1].match(third) or any(rest):
        return _CONTEXT
    for destination in destinations.split(b"&"):
        refused = _destination(rules, destination.strip(b" \t"))
        if refused is not None:
            return refused
    return None


def _jump(rules: Rules, items: list[bytes]) -> Deny | None:
    if rules.contexts is None:
        return None
    # context,exten,priority: with fewer the context would be the channel's own.
    return None if len(items) == 3 and _is_listed(rules.contexts, items[0]) else _CONTEXT
