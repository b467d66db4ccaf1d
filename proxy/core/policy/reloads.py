"""Reloads: the manager is reloaded by class system only, whichever way is taken.

Its accounts are no ordinary configuration, and a reload that names nothing
reloads the manager with everything else.  The ways are the actions Reload and
UpdateConfig, and the CLI commands ``manager reload``, ``module reload``,
``core reload`` and ``config reload`` with what cli_aliases.conf calls them.
"""

from collections.abc import Sequence
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_MANAGER: Final = Deny(PERMISSION_DENIED, "reload-manager")

#: users.conf may make accounts of the manager, by ``hasmanager``.
_OF_MANAGER: Final = (b"manager", b"users.conf")


def reload(user: Judged, named: Sequence[bytes]) -> Deny | None:
    """A reload of these modules or files; of everything if none is named."""
    if user.write & SYSTEM or (named and not any(map(_names_manager, named))):
        return None
    return _MANAGER


def _names_manager(name: bytes) -> bool:
    # A module's name, or the whole path of a file.
    return name.rpartition(b"/")[2].strip(b" \t").lower().startswith(_OF_MANAGER)
