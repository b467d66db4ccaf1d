"""Checks of arguments that belong together: a variable and its value, an application and its data.

One check per action; each single argument has already passed the check of its kind.
"""

# mypyc: compiled

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from amiproxy.ami.message import Action
from amiproxy.core.policy import userevents
from amiproxy.core.policy.console import agi, commands, configfiles
from amiproxy.core.policy.dialplan import applications, variables
from amiproxy.core.policy.kinds import places
from amiproxy.core.policy.verdict import Deny, Judged

_Check = Callable[[Judged, Action], Deny | None]


def _leaves_choice(user: Judged, action: Action) -> Deny | None:
    """Refuse a missing context, so that Asterisk would choose one, to a user with ``contexts``."""
    return None if action.get(b"context") else places.leads_to(user, places.ELSEWHERE)


def _park(user: Judged, action: Action) -> Deny | None:
    """A parking lot has a context to which calls return; if it is left out, Asterisk chooses one."""
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
    """Digits or a flash that count as typed by the channel may be a feature code.

    It could have the channel transferred to a context that the dialplan chooses.  Digits with ``Receive``
    count as typed, and so do digits played to one half of a Local channel: the other half receives them.
    """
    played = action.get(b"receive").lower() in _FALSE
    return (
        None
        if played and _TO_A_DEVICE.match(action.get(b"channel"))
        else places.leads_to(user, places.ELSEWHERE)
    )


def _add_extension(user: Judged, action: Action) -> Deny | None:
    """The application that a new dialplan extension will run for every caller."""
    application = action.get(b"application")
    return applications.run(user, application, action.get(b"applicationdata")) if application else None


def _dials_for(user: Judged, action: Action) -> Deny | None:
    """An attended transfer: Asterisk sends the feature code and the extension as if the channel typed them.

    If the channel itself may not transfer, the other side receives them, and its dialplan then chooses the
    context.
    """
    return places.leads_to(user, places.ELSEWHERE)


#: Words that Asterisk takes for false (ast_false), and the empty value.
_FALSE: Final = frozenset({b"", b"0", b"f", b"false", b"n", b"no", b"off"})
#: A channel of any technology except Local.  A Uniqueid does not match: it may be any channel's.
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
