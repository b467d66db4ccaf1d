"""The actions that the simulator knows, grouped by subject.

An action is an async function of the session and the request; it responds through the
session's methods.  Its classes are those of Asterisk (``amiproxy.ami.actions``), so the
tables here have only names, synopses and functions.
"""

from amiproxy.ami.actions import SHIPPED
from amiproxy.tools.simulator.actions import account, calls, channels, database, queues, system
from amiproxy.tools.simulator.session import Offered

_TABLES = (account.ACTIONS, calls.ACTIONS, channels.ACTIONS, database.ACTIONS, queues.ACTIONS, system.ACTIONS)


def offered_actions() -> dict[bytes, Offered]:
    """Name in lower case -> action, in ListCommands' alphabetical order."""
    found: dict[bytes, Offered] = {}
    for table in _TABLES:
        for name, (synopsis, run) in table.items():
            listed = SHIPPED.find(name.lower().encode())
            assert listed is not None, f"{name} is not an action of Asterisk"
            found[name.lower().encode()] = Offered(name, listed.classes, synopsis, run)
    return dict(sorted(found.items()))
