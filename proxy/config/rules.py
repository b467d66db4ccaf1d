"""Rules: what one user may do beyond (mostly: less than) what its classes grant.

The shape of the keys ``actions``, ``rules``, ``contexts``, ``channels``, ``commands``,
``functions``, ``variables``, ``applications``, ``technologies``, ``hosts`` and ``scope`` of a
user's entry.  All of them narrow, with exceptions that open what is closed by default:
``functions`` and ``applications`` may name single ones, ``technologies`` takes the place of the
list of telephones, ``hosts`` grants hosts inside dial strings.  A key that is absent changes
nothing; an empty list allows nothing.

msgspec checks the shape, ``problems`` the meaning.  What a rule does to an
action is the core's business (``proxy.core.policy``).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import re2

from proxy.ami.actions import SHIPPED
from proxy.ami.applications import APPLICATIONS

#: A pattern is matched in linear time, but its automaton is built once: keep that small.
MAX_PATTERN = 256
#: Leaves room for the header's name in Asterisk's line of 1022 bytes.
MAX_VALUE = 900

_ACTION = re.compile(r"[A-Za-z0-9_]*\*?[A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9_.()/-]{1,64}")
_CONTEXT = re.compile(r"[A-Za-z0-9_.*-]+")
_CHANNEL = re.compile(r"[A-Za-z0-9]+/[^\s,&|]+")
_FUNCTION = re.compile(r"[A-Za-z0-9_]*\*?")
_VARIABLE = re.compile(r"[A-Za-z0-9_]*\*?")
_APPLICATION = re.compile(r"[A-Za-z0-9_]+\*?")
_TECHNOLOGY = re.compile(r"[A-Za-z0-9_]+|\*")
_HOST = re.compile(r"[A-Za-z0-9_.:*\[\]-]+")
_COMMAND = re.compile(r"[^\s\"\\]+( [^\s\"\\]+)*")
_ASSIGNMENT = re.compile(r"[A-Za-z0-9_]+(\([^()]*\))?=.*", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f]")


class Problem(NamedTuple):
    """Something wrong in the rules of a user: where, what, and what to do about it."""

    path: str
    text: str
    remedy: str


class ActionNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Actions by name, any case, ``*`` for any run of characters; ``deny`` wins over ``allow``.

    Without ``allow`` every action is allowed that nothing else refuses.
    """

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class Require(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the value of a header must be; exactly one of the four.  All compare bytes, case included."""

    exact: str | None = None
    prefix: str | None = None
    one_of: tuple[str, ...] | None = None
    pattern: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule on one header of an action (or of all that ``action`` matches).

    ``require`` refuses the action unless the header is there and fits; then
    ``remove`` takes the header out, or ``set`` forces it to a value.  ``set`` on
    ``Variable`` is ``NAME=value`` and wins over the client's own.
    """

    action: str
    header: str
    require: Require | None = None
    set: str | None = None
    remove: bool = False


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose calls the user sees: a call with any of these, all its legs, and no other call.

    ``more_events`` adds the events that tell of no call (FullyBooted, PeerStatus …).
    """

    channels: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    accountcodes: tuple[str, ...] = ()
    more_events: bool = False


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules of one user.  The schema of a user's entry may inherit these fields.

    ``contexts`` and ``channels`` bound what the user's actions may touch.  A
    channel is written as its device, ``PJSIP/100``; ``*`` stands for any run of
    characters but ``/``, ``@`` and ``&``.
    """

    actions: ActionNames | None = None
    rules: tuple[Rule, ...] = ()
    contexts: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    commands: tuple[str, ...] | None = None
    functions: tuple[str, ...] | None = None
    #: Channel variables the user may set; without it all that Asterisk itself does not read.
    variables: tuple[str, ...] | None = None
    #: Dialplan applications the user may have run; without it those that are known to be harmless.  ``*`` at
    #: the end stands for other modules' applications and for those that are harmless.
    applications: tuple[str, ...] | None = None
    #: Channel technologies of dial strings; without it those of telephones.
    technologies: tuple[str, ...] | None = None
    #: Hosts that dial strings and message addresses may name; without it none.
    hosts: tuple[str, ...] | None = None
    scope: Scope | None = None


_NO_RULES = Rules()


def rules_of(entry: Rules) -> Rules | None:
    """The rules in a user's entry (a class that inherits Rules); None if it has none."""
    rules = Rules(**{name: getattr(entry, name) for name in Rules.__struct_fields__})
    return None if rules == _NO_RULES else rules


def problems(rules: Rules) -> list[Problem]:
    """Everything wrong with well-formed rules; key paths are relative to the user's entry."""
    return [
        *_of_actions(rules.actions),
        *(
            problem
            for number, rule in enumerate(rules.rules)
            for problem in _of_rule(f"rules[{number}]", rule)
        ),
        *_of_list("contexts", rules.contexts, _CONTEXT, _CONTEXT_REMEDY),
        *_of_list("channels", rules.channels, _CHANNEL, _CHANNEL_REMEDY),
        *_of_list(
            "commands", rules.commands, _COMMAND, "write whole words with single blanks: core show channels"
        ),
        *_of_list("functions", rules.functions, _FUNCTION, "write the function's name: CALLERID, or QUEUE_*"),
        *_of_list("variables", rules.variables, _VARIABLE, "write the variable's name: CAMPAIGN, or CRM_*"),
        *_of_applications(rules.applications or ()),
        *_of_list(
            "technologies", rules.technologies, _TECHNOLOGY, "write what stands before the slash: PJSIP"
        ),
        *_of_list("hosts", rules.hosts, _HOST, "write a host name or address, * for any characters"),
        *_of_scope(rules.scope),
    ]


_CONTEXT_REMEDY = "write the name of a dialplan context, with * for any run of characters"
_CHANNEL_REMEDY = "write technology and device, as PJSIP/100 or PJSIP/1*"


def _of_actions(actions: ActionNames | None) -> Iterator[Problem]:
    if actions is None:
        return
    for key, names in (("allow", actions.allow or ()), ("deny", actions.deny)):
        for number, name in enumerate(names):
            yield from _of_action_name(f"actions.{key}[{number}]", name)


def _of_action_name(path: str, name: str) -> Iterator[Problem]:
    if not name or not _ACTION.fullmatch(name):
        yield Problem(path, f"{name!r} is no action name", "write a name, with at most one *: Queue*")
    elif "*" not in name and SHIPPED.find(name.lower().encode()) is None:
        # A misspelt deny would protect nothing, and nobody would see it.
        yield Problem(
            path, f"no action is called {name!r}", f"check the spelling, or write {name}* if you mean it"
        )


def _of_rule(path: str, rule: Rule) -> Iterator[Problem]:
    yield from _of_action_name(f"{path}.action", rule.action)
    header = rule.header.lower()
    if not _HEADER.fullmatch(rule.header):
        yield Problem(f"{path}.header", f"{rule.header!r} is no header name", "write it without the colon")
    elif header in {"action", "actionid"}:
        yield Problem(
            f"{path}.header", "Action and ActionID are not for rules", "use actions.allow and actions.deny"
        )
    if rule.require is None and rule.set is None and not rule.remove:
        yield Problem(path, "the rule does nothing", "give it require, set or remove")
    if rule.set is not None and rule.remove:
        yield Problem(path, "set and remove exclude each other", "keep one of them")
    if rule.set is not None:
        yield from _of_forced_value(f"{path}.set", header, rule.set)
    if rule.require is not None:
        yield from _of_require(f"{path}.require", rule.require)


def _of_forced_value(path: str, header: str, value: str) -> Iterator[Problem]:
    if _CONTROL.search(value):
        yield Problem(path, "the value has a control character in it", "a header is one line of plain text")
    if len(value.encode()) > MAX_VALUE:
        yield Problem(path, f"the value is over {MAX_VALUE} bytes", "Asterisk reads lines of 1022 bytes")
    if header == "variable" and not _ASSIGNMENT.fullmatch(value):
        yield Problem(path, f"{value!r} is no assignment", "write NAME=value")


def _of_require(path: str, require: Require) -> Iterator[Problem]:
    given = [name for name in require.__struct_fields__ if getattr(require, name) is not None]
    if len(given) != 1:
        yield Problem(path, "it needs exactly one condition", "write one of exact, prefix, one_of, pattern")
    if require.one_of == ():
        yield Problem(f"{path}.one_of", "nothing fits an empty list", "name a value, or deny the action")
    if require.pattern is not None:
        if len(require.pattern) > MAX_PATTERN:
            yield Problem(
                f"{path}.pattern", f"the pattern is over {MAX_PATTERN} characters", "use one_of or shorten it"
            )
        elif (fault := pattern_fault(require.pattern)) is not None:
            yield Problem(
                f"{path}.pattern", fault, "RE2 syntax, matched in full; no back-references, no look-around"
            )


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern, in RE2's words; None if nothing is."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern.encode(), options)
    except re2.error as fault:
        text = fault.args[0] if fault.args else fault
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return None


def _of_list(
    path: str, values: tuple[str, ...] | None, shape: re.Pattern[str], remedy: str
) -> Iterator[Problem]:
    for number, value in enumerate(values or ()):
        if not value or not shape.fullmatch(value):
            yield Problem(f"{path}[{number}]", f"{value!r} will not match anything", remedy)


def _of_applications(names: tuple[str, ...]) -> Iterator[Problem]:
    for number, name in enumerate(names):
        path = f"applications[{number}]"
        if not _APPLICATION.fullmatch(name):
            yield Problem(path, f"{name!r} will not match anything", "write the application's name: ChanSpy")
        elif not name.endswith("*") and name.lower().encode() not in APPLICATIONS:
            # A misspelt one would stay closed, and nobody would see why.
            yield Problem(
                path,
                f"no application of Asterisk is called {name!r}",
                f"check the spelling, or write {name}* if it is one of another module",
            )


def _of_scope(scope: Scope | None) -> Iterator[Problem]:
    if scope is None:
        return
    if not (scope.channels or scope.contexts or scope.accountcodes or scope.more_events):
        yield Problem(
            "scope",
            "the scope is empty: the user would see nothing",
            "name channels, contexts or accountcodes",
        )
    yield from _of_list("scope.channels", scope.channels, _CHANNEL, _CHANNEL_REMEDY)
    yield from _of_list("scope.contexts", scope.contexts, _CONTEXT, _CONTEXT_REMEDY)
    for number, code in enumerate(scope.accountcodes):
        if not code or _CONTROL.search(code):
            yield Problem(
                f"scope.accountcodes[{number}]",
                f"{code!r} is no account code",
                "write the code as Asterisk shows it",
            )
