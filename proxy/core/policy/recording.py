"""Recordings: where Monitor and ChangeMonitor (Asterisk up to 20) may write.

Asterisk takes any path, and hands the name to a shell when it mixes the two
halves.  So without class system a name is one below the recordings' folder,
of characters that mean nothing to a shell.
"""

import re
from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import SYSTEM
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_REFUSED: Final = Deny(PERMISSION_DENIED, "recording-file")
_PLAIN: Final = re.compile(rb"(?!-)[A-Za-z0-9_.@+=-]+(?:/[A-Za-z0-9_.@+=-]+)*\Z")


def monitor(user: Judged, action: Action) -> Deny | None:
    """The ``File`` to record to; absent, Asterisk makes one up."""
    name = action.get(b"file")
    if not name or user.write & SYSTEM or (_PLAIN.match(name) and b".." not in name):
        return None
    return _REFUSED
