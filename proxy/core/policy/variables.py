"""Variables: the actions that read or set them, judged name by name (see functions)."""

from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import SYSTEM
from proxy.core.policy import functions
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_GETVAR: Final = Deny(b"GetVar Access Forbidden: Variable", "functions")
_STATUS: Final = Deny(b"Status Access Forbidden: Variables", "functions")
_ASSIGNED: Final = Deny(PERMISSION_DENIED, "functions")
_GLOBAL: Final = Deny(PERMISSION_DENIED, "global-variable")

#: ``Variable`` means something else here: headers of a SIP message, the payload of an event.
_OTHER_MEANING: Final = frozenset(
    {b"getvar", b"pjsipnotify", b"setvar", b"sipnotify", b"status", b"userevent"}
)


def getvar(user: Judged, action: Action) -> Deny | None:
    """Asterisk's check on SHELL and EVAL, and ours on functions."""
    # Asterisk reads the first; whatever reads another one must not find more there.
    return None if all(functions.may_read(user, name) for name in action.get_all(b"variable")) else _GETVAR


def status(user: Judged, action: Action) -> Deny | None:
    """The same for each item of ``Variables``."""
    names = functions.arguments(action.get(b"variables"))
    return None if all(functions.may_read(user, name) for name in names) else _STATUS


def setvar(user: Judged, action: Action) -> Deny | None:
    """Functions need to be open for writing; without a channel the variable is everybody's: class system."""
    if not all(functions.may_assign(user, name) for name in action.get_all(b"variable")):
        return _ASSIGNED
    if not action.get(b"channel") and not user.write & SYSTEM:
        return _GLOBAL
    return None


def assigned(user: Judged, action: Action) -> Deny | None:
    """Each name in each ``Variable`` header of any other action that carries some."""
    if action.key in _OTHER_MEANING or not action.has(b"variable"):
        return None
    values = action.get_all(b"variable")
    if functions.too_many(values):
        return _ASSIGNED
    for name, _ in functions.assignments(values):
        if not functions.may_assign(user, name):
            return _ASSIGNED
    return None
