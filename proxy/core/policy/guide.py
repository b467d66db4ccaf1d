"""Guide: the tables of variables and functions as the operator's guide shows them."""

from collections.abc import Iterable
from typing import Final

from proxy.ami import variables
from proxy.ami.functions import CLOSED_FAMILIES, FUNCTIONS, Tells, Who, open_to

_CLOSED: Final = {
    "closed code": "class system: they run code, or dial what they say",
    "closed dialplan": "class system: the call goes to another place in the dialplan",
    "closed file": "class system: a file that Asterisk writes or sends",
    "closed fetch": "class system: what Asterisk plays, fetches or connects to",
    "closed calls": "class system: other people's calls",
}
_WHO: Final = {
    Who.ALL: "all",
    Who.NAMED: "those whose `functions` name it",
    Who.SPELLED: "those whose `functions` spell it out, not by `*`",
    Who.SYSTEM: "class system",
    Who.CLOSED: "class system whose `functions` spell it out",
}


def variables_table() -> str:
    """Variables that Asterisk's own code reads: what the value may be, and which they are."""
    lines = ["| value | variables |", "| --- | --- |"]
    for what, names in variables.rows():
        value = _CLOSED.get(what, what.replace("!", " (says who is calling)"))
        lines.append(f"| {value} | {_listed(names)} |")
    return "\n".join(lines)


def functions_table() -> str:
    """Functions: who may read, and who may set which."""
    lines = ["| open to | to read | to set |", "| --- | --- | --- |"]
    for who, words in _WHO.items():
        families = [f"{family.decode()}*" for family in CLOSED_FAMILIES] if who is Who.CLOSED else []
        read, written = open_to(who, written=False), open_to(who, written=True)
        lines.append(f"| {words} | {_listed(read + families)} | {_listed(written + families)} |")
    return "\n".join(lines)


def about_others() -> str:
    """The functions that tell of other people's calls, which a user with a ``scope`` is refused."""
    return _listed(name.decode() for name, function in FUNCTIONS.items() if function.tells is Tells.ALL)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
