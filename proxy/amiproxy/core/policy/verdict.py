"""Verdicts: the result of a policy decision, and what a decision needs to know about a user.

``rule`` is a short stable name of the check that decided, for the audit line and
for ``explain``; the guide's page "What a user can do" uses the same names.
"""

# mypyc: compiled

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from amiproxy.ami.message import Action
from amiproxy.core.model.rules import Rules

#: Asterisk's answer if a class is missing; also ours where Asterisk has no such check and so no text.
PERMISSION_DENIED: Final = b"Permission denied"


class Judged(Protocol):
    """The part of a user that policy decisions read."""

    @property
    def write(self) -> int:
        """Privilege classes of the user's actions, as a mask."""

    @property
    def history(self) -> bool:
        """Whether the user may take snapshots, resume, and ask for numbered events."""

    @property
    def rules(self) -> Rules | None:
        """The user's own rules; None if the user has none."""


class Allow(NamedTuple):
    """The action may run in the form of ``action``, which the user's rules may have rewritten.

    ``privileged``: the audit log records the action even though it is allowed, because it changes
    something, or reads what only the classes system and config may read.
    """

    action: Action
    rule: str
    privileged: bool


@dataclass(frozen=True, slots=True)
class Deny:
    """The action may not run; ``text`` is the Message of the Error: Asterisk's own text if it has one.

    ``hint`` says which argument was refused and what would have to be set, for the client, the audit
    line and ``explain``; it never contains a value.
    """

    text: bytes
    rule: str
    hint: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One check on the way to a verdict: its name, the action after it, and its refusal, if any."""

    check: str
    action: Action
    deny: Deny | None = None


def refuse(rule: str, hint: str = "", text: bytes = PERMISSION_DENIED) -> Deny:
    """A refusal by the proxy of something that Asterisk would have allowed."""
    return Deny(text, rule, hint)
