"""``on``: the narrower rights that a user has at one of its servers.

Whatever it says, the user may do and see nothing there that it may not elsewhere.
"""

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from amiproxy.ami.privilege import class_names
from amiproxy.config.users.classes import mask_of
from amiproxy.config.users.rules import RuleProblem, fits
from amiproxy.config.users.rules import problems as problems_of
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.rules import Rule, Rules, Scope

#: Actions of which a header decides what they tell, and headers that choose the id of a new call: for a user
#: with a scope they are judged before rules change them (``core.policy.userrules.within_scope``).
_TELLING: Final = ("AGI", "Command", "Getvar", "Status")
_CHANNEL_IDS: Final = frozenset({"channelid", "otherchannelid"})


def _check_classes(classes: str | tuple[str, ...] | None) -> None:
    if classes is None:
        raise Unfit("names no classes", "write [] for none, or remove the key for those of the user")
    mask_of(classes)


FewerClasses = Annotated[str | tuple[str, ...] | None, _check_classes]


class Narrowing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The rights at one server, as far as they differ from the user's own; None: they do not."""

    read: FewerClasses = None
    write: FewerClasses = None
    #: In addition to the user's own.
    rules: tuple[Rule, ...] = ()
    scope: Scope | None = None

    def read_mask(self, own: int) -> int:
        """Mask of the classes whose events the user may see there; ``own`` is the user's."""
        return own if self.read is None else own & mask_of(self.read)

    def write_mask(self, own: int) -> int:
        """Mask of the classes whose actions the user may run there; ``own`` is the user's."""
        return own if self.write is None else own & mask_of(self.write)

    def rules_with(self, own: Rules | None) -> Rules | None:
        """The rules that apply there; ``own`` are the user's."""
        if not self.rules and self.scope is None:
            return own
        own = own or Rules()
        scope = own.scope if self.scope is None else self.scope
        return msgspec.structs.replace(own, rules=(*own.rules, *self.rules), scope=scope)


def problems_of_narrowing(narrowing: Narrowing, own: Rules) -> Iterator[RuleProblem]:
    """What is wrong with the rights at one server; ``own`` is the user's entry.

    Key paths are relative to the server's.
    """
    if narrowing == Narrowing():
        yield RuleProblem("", "changes nothing", "name read, write, rules or scope, or remove it")
    for key in ("read", "write"):
        given = getattr(narrowing, key)
        if given is not None and (more := mask_of(given) & ~mask_of(getattr(own, key))):
            text = f"the user does not have {class_names(more)}, and the rights at a server can only be fewer"
            yield RuleProblem(key, text, f"remove it here, or add it to the user's {key}")
    yield from problems_of(Rules(rules=narrowing.rules, scope=narrowing.scope))
    for number, rule in enumerate(narrowing.rules):
        yield from _of_rule(f"rules[{number}]", rule, own)
    if own.scope is not None and narrowing.scope is not None:
        yield from _of_scope(narrowing.scope, own.scope)


def _of_rule(path: str, rule: Rule, own: Rules) -> Iterator[RuleProblem]:
    """A rule that changes an action must not undo what the user's own rules or scope are for."""
    if rule.set is None and not rule.remove:
        return
    key = "remove" if rule.remove else "set"
    if any(_may_be_same_action(rule.action, one.action) for one in own.rules):
        text = f"the user has rules for {rule.action} already, which {key} could undo"
        yield RuleProblem(f"{path}.{key}", text, "use require, or change the user's own rules")
    elif own.scope is not None and (
        rule.header.lower() in _CHANNEL_IDS or any(_may_be_same_action(rule.action, one) for one in _TELLING)
    ):
        text = f"the user has a scope, and {key} could show it other calls"
        yield RuleProblem(f"{path}.{key}", text, "use require")


def _may_be_same_action(one: str, other: str) -> bool:
    """Whether both may match one action; each has at most one ``*``."""
    one, other = one.lower(), other.lower()
    if "*" not in one or "*" not in other:
        name, pattern = (one, other) if "*" not in one else (other, one)
        return fits(pattern, name)
    (start, _, end), (begin, _, rest) = one.partition("*"), other.partition("*")
    begins = start.startswith(begin) or begin.startswith(start)
    return begins and (end.endswith(rest) or rest.endswith(end))


def _of_scope(scope: Scope, own: Scope) -> Iterator[RuleProblem]:
    for key in _PARTS:
        for number, value in enumerate(getattr(scope, key)):
            if not _is_within(key, value, getattr(own, key)):
                yield RuleProblem(f"scope.{key}[{number}]", f"{value} {_BEYOND}", _SCOPE_REMEDY)
    if scope.more_events and not own.more_events:
        yield RuleProblem("scope.more_events", _BEYOND, _SCOPE_REMEDY)


_PARTS: Final = ("channels", "contexts", "accountcodes")
_BEYOND: Final = "is outside the user's scope, and the scope at a server can only be smaller"
_SCOPE_REMEDY: Final = "remove it here, or add it to the user's scope"


def _is_within(key: str, value: str, own: tuple[str, ...]) -> bool:
    """Whether whatever the value matches is matched by one of ``own``."""
    if key == "accountcodes":
        return value in own
    # A ``*`` in the value counts as an ordinary character, which only a ``*`` of the pattern matches.
    if key == "contexts":
        return any(fits(one, value) for one in own)
    return any(fits(_folded_device(one), _folded_device(value), _IN_CHANNEL) for one in own)


#: What ``*`` matches in a channel.
_IN_CHANNEL: Final = "[^/@&,|]*"


def _folded_device(device: str) -> str:
    """The device in the form in which devices are compared: the case of its technology is ignored."""
    technology, slash, name = device.partition("/")
    return technology.upper() + slash + name
