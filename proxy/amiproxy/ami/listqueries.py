"""List queries: actions that only read, answer with an event list, and may be asked of several Asterisks.

The facts are those of Asterisk 16 and 22 (ami-facts.md §7).
"""

# mypyc: compiled

from typing import Final

from amiproxy.ami.actions import LIST_COMPLETE
from amiproxy.ami.message import Action, Message

#: Lists about all that an Asterisk has of one kind, by action name in lower case, besides those whose name
#: contains ``List`` or ``Show``.
_ABOUT_ALL: Final = frozenset(
    {
        b"agents",
        b"iaxpeers",
        b"mwiget",
        b"parkedcalls",
        b"parkinglots",
        b"queuestatus",
        b"queuesummary",
        b"sippeers",
        b"status",
    }
)
#: The list queries, by action name in lower case.
LIST_QUERIES: Final = frozenset(
    key for key in LIST_COMPLETE if key in _ABOUT_ALL or b"list" in key or b"show" in key
)
#: Headers with which an action is about one channel, or reads variables and functions: then it is sent to
#: one Asterisk only.
_ABOUT_ONE: Final = {b"status": (b"channel", b"variables")}

#: Headers of a list's last event that count something, in lower case.  Those besides the first three are of
#: ShowDialPlan and PJSIPShowRegistrationsOutbound.
COUNTS: Final = frozenset(
    {
        b"listitems",
        b"items",
        b"total",
        b"listcontexts",
        b"listextensions",
        b"listpriorities",
        b"notregistered",
        b"registered",
    }
)
#: The Message of an error that only says that the list is empty, where Asterisk sends that instead of a list
#: without items.
_EMPTY: Final = frozenset(
    {
        b"No AORs found",
        b"No Auths found",
        b"No Conference by that name found.",
        b"No Contacts found",
        b"No active conferences.",
        b"No dialplan hints are available",
        b"No endpoints found",
        b"No resource lists found",
    }
)


def is_list_query(action: Action) -> bool:
    """Whether the action is a list query as it is written."""
    if action.key not in LIST_QUERIES:
        return False
    narrowing = _ABOUT_ONE.get(action.key)
    return narrowing is None or not any(action.get(header) for header in narrowing)


def says_empty(error: bytes) -> bool:
    """Whether this response to a list query, an error, means that the list is empty."""
    return Message(error).get(b"message").rstrip() in _EMPTY
