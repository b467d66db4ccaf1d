"""Reloads: only class system may reload the manager, by whatever action or command.

Manager accounts are not ordinary configuration, and a reload that names nothing
reloads the manager with everything else.  It can be done with the actions Reload and
UpdateConfig, and the CLI commands ``manager reload``, ``module reload``,
``core reload`` and ``config reload``, including their aliases in cli_aliases.conf.
"""

from collections.abc import Sequence
from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_MANAGER: Final = Deny(PERMISSION_DENIED, "reload-manager")

#: users.conf may define manager accounts, with ``hasmanager``.
_OF_MANAGER: Final = (b"manager", b"users.conf")


def reload(user: Judged, named: Sequence[bytes]) -> Deny | None:
    """Check a reload of these modules or files; of everything if none is named."""
    if user.write & SYSTEM or (named and not any(map(_names_manager, named))):
        return None
    return _MANAGER


def _names_manager(name: bytes) -> bool:
    # It is a module's name, or the full path of a file.
    return name.rpartition(b"/")[2].strip(b" \t").lower().startswith(_OF_MANAGER)
