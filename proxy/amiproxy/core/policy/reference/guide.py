"""Guide: the tables of variables and functions for the operator's guide."""

from collections.abc import Iterable
from typing import Final

from amiproxy.ami.catalogue import variables
from amiproxy.ami.catalogue.functions import CLOSED_FAMILIES, FUNCTIONS, OpenTo, Tells, open_to

_CLOSED: Final = {
    "closed code": "class system: the value is run as code, or dialled",
    "closed dialplan": "class system: sends the call to another place in the dialplan",
    "closed file": "class system: names a file that Asterisk writes or sends",
    "closed fetch": "class system: names what Asterisk plays, fetches or connects to",
    "closed calls": "class system: affects other users' calls",
}
_WHO: Final = {
    OpenTo.ALL: "all users",
    OpenTo.NAMED: "users whose `functions` list it",
    OpenTo.SPELLED: "users whose `functions` list its full name, not a `*` pattern",
    OpenTo.SYSTEM: "class system",
    OpenTo.CLOSED: "class system with its full name in `functions`",
}


def variables_table() -> str:
    """Markdown table of the variables that Asterisk's own code reads: kind of value, names."""
    lines = ["| value | variables |", "| --- | --- |"]
    for what, names in variables.rows():
        value = _CLOSED.get(what, what.replace("!", " (identifies the caller)"))
        lines.append(f"| {value} | {_listed(names)} |")
    return "\n".join(lines)


def functions_table() -> str:
    """Markdown table of the functions: which users may read and set which."""
    lines = ["| open to | to read | to set |", "| --- | --- | --- |"]
    for who, words in _WHO.items():
        families = [f"{family.decode()}*" for family in CLOSED_FAMILIES] if who is OpenTo.CLOSED else []
        read, written = open_to(who, written=False), open_to(who, written=True)
        lines.append(f"| {words} | {_listed(read + families)} | {_listed(written + families)} |")
    return "\n".join(lines)


def about_others() -> str:
    """The functions that reveal other users' calls, which are refused to a user with a ``scope``."""
    return _listed(name.decode() for name, function in FUNCTIONS.items() if function.tells is Tells.ALL)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
