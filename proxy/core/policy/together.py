"""Arguments that mean something only together: a variable and its value, an application and its data.

By action; each argument by itself has passed the check of its kind before.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from proxy.ami.message import Action
from proxy.core.policy import agi, applications, commands, configfiles, userevents, variables
from proxy.core.policy.kinds import places
from proxy.core.policy.verdict import Deny, Judged

_Check = Callable[[Judged, Action], Deny | None]


def _leaves_choice(user: Judged, action: Action) -> Deny | None:
    """A context that is left out, so that Asterisk chooses one, is refused to a user with ``contexts``."""
    return None if action.get(b"context") else places.leads_to(user, places.ELSEWHERE)


def _park(user: Judged, action: Action) -> Deny | None:
    """A parking lot has a context to come back to; left out it is the one of Asterisk's choice."""
    return None if action.get(b"parkinglot") else places.leads_to(user, places.ELSEWHERE)


def _redirect(user: Judged, action: Action) -> Deny | None:
    second = any(map(action.get, (b"extraexten", b"extrapriority"))) and not action.get(b"extracontext")
    refused = places.leads_to(user, places.ELSEWHERE) if second else None
    return refused or _leaves_choice(user, action)


def _originate(user: Judged, action: Action) -> Deny | None:
    if not action.get(b"application"):
        return _leaves_choice(user, action)
    return applications.run(user, action.get(b"application"), action.get(b"data"))


def _typed(user: Judged, action: Action) -> Deny | None:
    """Digits or a flash that the other side hears as its own may be a feature code.

    It has the channel transferred to a context that the dialplan chooses.  What is received counts as
    typed, and so does what is played to one half of a Local channel: the other half receives it.
    """
    played = action.get(b"receive").lower() in _FALSE
    return (
        None
        if played and _TO_A_DEVICE.match(action.get(b"channel"))
        else places.leads_to(user, places.ELSEWHERE)
    )


def _add_extension(user: Judged, action: Action) -> Deny | None:
    """What an extension of the dialplan will run, for whoever calls it."""
    application = action.get(b"application")
    return applications.run(user, application, action.get(b"applicationdata")) if application else None


def _dials_for(user: Judged, action: Action) -> Deny | None:
    """An attended transfer: Asterisk types the feature code and the extension as if the channel had.

    Where the channel itself may not transfer they pass on to the other side, whose dialplan then chooses.
    """
    return places.leads_to(user, places.ELSEWHERE)


#: Words that Asterisk takes for false (ast_false), and none.
_FALSE: Final = frozenset({b"", b"0", b"f", b"false", b"n", b"no", b"off"})
#: A channel of any technology but Local.  A Uniqueid may be anybody's.
_TO_A_DEVICE: Final = re.compile(rb"(?!local/)[a-z0-9]+/", re.IGNORECASE)

CHECKS: Final[Mapping[bytes, _Check]] = MappingProxyType(
    {
        b"agi": agi.agi,
        b"atxfer": _dials_for,
        b"blindtransfer": _leaves_choice,
        b"cancelatxfer": _dials_for,
        b"command": commands.command,
        b"dialplanextensionadd": _add_extension,
        b"getvar": variables.getvar,
        b"moduleload": configfiles.module_load,
        b"originate": _originate,
        b"park": _park,
        b"playdtmf": _typed,
        b"redirect": _redirect,
        b"reload": configfiles.reload,
        b"sendflash": _typed,
        b"setvar": variables.setvar,
        b"status": variables.status,
        b"updateconfig": configfiles.update_config,
        b"userevent": userevents.userevent,
    }
)
