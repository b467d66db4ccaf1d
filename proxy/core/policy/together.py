"""Arguments that mean something only together: a variable and its value, an application and its data.

By action; each argument by itself has passed the check of its kind before.
"""

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


def _redirect(user: Judged, action: Action) -> Deny | None:
    second = any(map(action.get, (b"extraexten", b"extrapriority"))) and not action.get(b"extracontext")
    refused = places.leads_to(user, places.ELSEWHERE) if second else None
    return refused or _leaves_choice(user, action)


def _originate(user: Judged, action: Action) -> Deny | None:
    if not action.get(b"application"):
        return _leaves_choice(user, action)
    return applications.run(user, action.get(b"application"), action.get(b"data"))


CHECKS: Final[Mapping[bytes, _Check]] = MappingProxyType(
    {
        b"agi": agi.agi,
        b"atxfer": _leaves_choice,
        b"blindtransfer": _leaves_choice,
        b"command": commands.command,
        b"getvar": variables.getvar,
        b"moduleload": configfiles.module_load,
        b"originate": _originate,
        b"redirect": _redirect,
        b"reload": configfiles.reload,
        b"setvar": variables.setvar,
        b"status": variables.status,
        b"updateconfig": configfiles.update_config,
        b"userevent": userevents.userevent,
    }
)
