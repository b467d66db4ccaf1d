"""Actions of third-party modules, as the operator describes them in proxy.yaml.

An action that is not Asterisk's own is sent to Asterisk only with headers that are
described: their names, and the kind of each.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from amiproxy.ami.actions import SHIPPED, Listed, OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.arguments import ARGUMENTS, Argument, Described
from amiproxy.ami.arguments.kinds import DESCRIBABLE, Kind
from amiproxy.ami.privilege import class_names
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import KeyPath
from amiproxy.config.users.classes import Classes, mask_of

_ACTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER = re.compile(r"[A-Za-z0-9_.()/-]{1,64}")
_EVENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS = tuple(sorted(kind.value for kind in DESCRIBABLE))


class OneOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The only values that a header may have, ignoring case."""

    one_of: tuple[str, ...]


class ActionEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action: the write classes, any one of which is enough, and the kind of each header."""

    classes: Classes
    headers: dict[str, str | OneOf] = msgspec.field(default_factory=dict)
    #: Whether its answer may reveal calls that it does not name; if so, it is refused to users with a scope.
    tells_calls: bool = True
    #: The shape of its answer; if absent, all messages with its ActionID are part of the answer.
    answer: Literal["response", "list", "rows", "event"] | None = None
    #: The event that completes its event list.
    complete: str | None = None


def check_actions(actions: Mapping[str, ActionEntry], path: KeyPath, document: Document) -> None:
    """Report the problems of the descriptions to ``document``; keys are action names as written."""
    for name, entry in actions.items():
        here = (*path, name)
        if not _ACTION.fullmatch(name):
            document.report(here, f"{name!r} is not an action name", "write it as in the documentation")
        elif name.lower().encode() in ARGUMENTS or SHIPPED.find(name.lower().encode()) is not None:
            document.report(here, f"{name} is Asterisk's own action, and described already", "remove it")
        if not mask_of(entry.classes):
            remedy = "name the write classes of which a user needs one"
            document.report((*here, "classes"), "an action without a class is open to all users", remedy)
        if entry.complete is not None and entry.answer != "list":
            document.report((*here, "complete"), "only a list has an end", "set answer: list, or remove it")
        elif entry.complete is not None and not _EVENT.fullmatch(entry.complete):
            text = f"{entry.complete!r} is not an event name"
            document.report((*here, "complete"), text, "write the name that follows Event:")
        for header, kind in entry.headers.items():
            _check_header((*here, "headers", header), header, kind, document)


def _check_header(path: KeyPath, header: str, kind: str | OneOf, document: Document) -> None:
    if not _HEADER.fullmatch(header) or header.lower() in {"action", "actionid"}:
        document.report(
            path, f"{header!r} cannot be described", "write the name of a header, without the colon"
        )
    if isinstance(kind, OneOf):
        if not kind.one_of or not all(value and value.isprintable() for value in kind.one_of):
            document.report(
                (*path, "one_of"), "it allows nothing", "list the values that the header may have"
            )
    elif kind not in _KINDS:
        document.report(path, f"{kind!r} is not a kind of value", f"write one of: {', '.join(_KINDS)}")


def other_actions(actions: Mapping[str, ActionEntry], undescribed: str) -> OtherActions:
    """The descriptions in the form that the policy uses; ``undescribed`` is ``deny`` or ``system``.

    They must have passed ``check_actions``; otherwise it raises Unfit.
    """
    rows: dict[bytes, Listed] = {}
    described: dict[bytes, Described] = {}
    answers: dict[bytes, Answer] = {}
    for name, entry in actions.items():
        key, mask = name.lower().encode(), mask_of(entry.classes)
        rows[key] = Listed(name.encode(), mask, privilege_text=f"{class_names(mask)},all".encode())
        arguments = tuple(_argument(header, kind) for header, kind in entry.headers.items())
        described[key] = Described(name.encode(), arguments, tells_calls=entry.tells_calls)
        if entry.answer is not None:
            answers[key] = Answer(AnswerKind[entry.answer.upper()], (entry.complete or "").encode())
    return OtherActions(rows, described, answers, undescribed_for_system=undescribed == "system")


def _argument(header: str, kind: str | OneOf) -> Argument:
    if isinstance(kind, OneOf):
        return Argument(header.encode(), Kind.TEXT, one_of=tuple(v.lower().encode() for v in kind.one_of))
    return Argument(header.encode(), Kind(kind))
