"""The actions that the simulator knows, grouped by subject.

An action is an async function of the session and the request; it responds through the
session's methods.  Its classes are those of Asterisk (``amiproxy.ami.actions``), so the
tables here have only names, synopses and functions.
"""

from amiproxy.ami.actions import SHIPPED
from amiproxy.tools.simulator.actions import (
    account,
    calls,
    channels,
    database,
    gatherings,
    lines,
    queues,
    system,
)
from amiproxy.tools.simulator.session import Offered

_TABLES = (account.ACTIONS, calls.ACTIONS, channels.ACTIONS, database.ACTIONS, queues.ACTIONS, system.ACTIONS)


#: Actions of modules that only a call centre has loaded.
_OF_LINES = (gatherings.ACTIONS, lines.ACTIONS)


def offered_actions(*, of_lines: bool = False) -> dict[bytes, Offered]:
    """Name in lower case -> action, in ListCommands' alphabetical order.

    ``of_lines``: also the lists of phones, trunks, parked calls and conferences.
    """
    found: dict[bytes, Offered] = {}
    for table in (*_TABLES, *(_OF_LINES if of_lines else ())):
        for name, (synopsis, run) in table.items():
            listed = SHIPPED.find(name.lower().encode())
            assert listed is not None, f"{name} is not an action of Asterisk"
            found[name.lower().encode()] = Offered(name, listed.classes, synopsis, run)
    return dict(sorted(found.items()))
