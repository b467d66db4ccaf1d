"""Verdicts: what a judgement says, and what it needs to know of a user.

``rule`` is a short stable name for the audit line and for ``explain``: the
check that decided, as the guide's page "What a user can do" calls it.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from proxy.ami.message import Action
from proxy.config.rules import Rules

#: Asterisk's answer where a class is missing; also ours where Asterisk has no check and so no text.
PERMISSION_DENIED: Final = b"Permission denied"


class Judged(Protocol):
    """The part of a user that judgements read."""

    @property
    def write(self) -> int:
        """Privilege classes of the user's actions, as a mask."""

    @property
    def rules(self) -> Rules | None:
        """The user's own rules; None if there are none."""


class Allow(NamedTuple):
    """The action may run, as ``action`` says it: the user's rules may have rewritten it.

    ``privileged`` marks what the audit log records even when allowed: whatever
    changes something, or reads what only the classes system and config may.
    """

    action: Action
    rule: str
    privileged: bool


@dataclass(frozen=True, slots=True)
class Deny:
    """The action may not run; ``text`` is the Message of the Error, Asterisk's own where it has one.

    ``hint`` says which argument it was and what would have to be set, for the client, the audit line
    and ``explain``; it never holds a value.
    """

    text: bytes
    rule: str
    hint: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One check on the way to a verdict: its name, the action as it left it, its refusal if it made one."""

    check: str
    action: Action
    deny: Deny | None = None


def refuse(rule: str, hint: str = "", text: bytes = PERMISSION_DENIED) -> Deny:
    """A refusal of ours, where Asterisk would have allowed it."""
    return Deny(text, rule, hint)
