"""Checks of a user's rules beyond their shape: names that exist, patterns that can match."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import re2

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.catalogue.applications import APPLICATIONS
from amiproxy.config.reading.problems import KeyPath
from amiproxy.core.model.rules import ActionNames, Require, Rule, Rules, Scope

#: Characters of a pattern.  It is matched in linear time, but the automaton built for it must stay small.
MAX_PATTERN = 256
#: Bytes of a value; leaves room for the header's name in Asterisk's line of 1022 bytes.
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


class RuleProblem(NamedTuple):
    """A problem in the rules of a user: key path, description, remedy."""

    path: str
    text: str
    remedy: str

    @property
    def steps(self) -> KeyPath:
        """The key path in steps: ``rules[0].set`` is ``("rules", 0, "set")``."""
        return tuple(int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", self.path))


def problems(rules: Rules) -> list[RuleProblem]:
    """All problems of well-formed rules; key paths are relative to the user's entry."""
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
        *_of_list("technologies", rules.technologies, _TECHNOLOGY, "write the part before the slash: PJSIP"),
        *_of_list("hosts", rules.hosts, _HOST, "write a host name or address, * for any characters"),
        *_of_scope(rules.scope),
    ]


_CONTEXT_REMEDY = "write the name of a dialplan context, with * for any run of characters"
_CHANNEL_REMEDY = "write technology and device, as PJSIP/100 or PJSIP/1*"


def _of_actions(actions: ActionNames | None) -> Iterator[RuleProblem]:
    if actions is None:
        return
    for key, names in (("allow", actions.allow or ()), ("deny", actions.deny)):
        for number, name in enumerate(names):
            yield from _of_action_name(f"actions.{key}[{number}]", name)


def _of_action_name(path: str, name: str) -> Iterator[RuleProblem]:
    if not name or not _ACTION.fullmatch(name):
        yield RuleProblem(path, f"{name!r} is not an action name", "write a name, with at most one *: Queue*")
    elif "*" not in name and SHIPPED.find(name.lower().encode()) is None:
        # A misspelt deny would protect nothing, and the mistake would go unnoticed.
        yield RuleProblem(
            path, f"unknown action {name!r}", f"check the spelling, or write {name}* if it is intended"
        )


def _of_rule(path: str, rule: Rule) -> Iterator[RuleProblem]:
    yield from _of_action_name(f"{path}.action", rule.action)
    header = rule.header.lower()
    if not _HEADER.fullmatch(rule.header):
        yield RuleProblem(
            f"{path}.header", f"{rule.header!r} is not a header name", "write it without the colon"
        )
    elif header in {"action", "actionid"}:
        yield RuleProblem(
            f"{path}.header",
            "rules cannot apply to Action and ActionID",
            "use actions.allow and actions.deny",
        )
    if rule.require is None and rule.set is None and not rule.remove:
        yield RuleProblem(path, "the rule does nothing", "give it require, set or remove")
    if rule.set is not None and rule.remove:
        yield RuleProblem(path, "set and remove exclude each other", "keep one of them")
    if rule.set is not None:
        yield from _of_forced_value(f"{path}.set", header, rule.set)
    if rule.require is not None:
        yield from _of_require(f"{path}.require", rule.require)


def _of_forced_value(path: str, header: str, value: str) -> Iterator[RuleProblem]:
    if _CONTROL.search(value):
        yield RuleProblem(path, "the value contains a control character", "write one line of plain text")
    if len(value.encode()) > MAX_VALUE:
        yield RuleProblem(path, f"the value is over {MAX_VALUE} bytes", "Asterisk reads lines of 1022 bytes")
    if header == "variable" and not _ASSIGNMENT.fullmatch(value):
        yield RuleProblem(path, f"{value!r} is not an assignment", "write NAME=value")


def _of_require(path: str, require: Require) -> Iterator[RuleProblem]:
    given = [name for name in require.__struct_fields__ if getattr(require, name) is not None]
    if len(given) != 1:
        yield RuleProblem(
            path, "exactly one condition is needed", "write one of exact, prefix, one_of, pattern"
        )
    if require.one_of == ():
        yield RuleProblem(f"{path}.one_of", "nothing fits an empty list", "name a value, or deny the action")
    if require.pattern is not None:
        if len(require.pattern) > MAX_PATTERN:
            yield RuleProblem(
                f"{path}.pattern", f"the pattern is over {MAX_PATTERN} characters", "use one_of or shorten it"
            )
        elif (fault := pattern_fault(require.pattern)) is not None:
            yield RuleProblem(
                f"{path}.pattern", fault, "use RE2 syntax, without back-references and look-around"
            )


def pattern_fault(pattern: str) -> str | None:
    """RE2's error message for a pattern; None if it is valid."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern.encode(), options)
    except re2.error as fault:
        text = fault.args[0] if fault.args else fault
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return None


def fits(pattern: str, value: str, star: str = ".*") -> bool:
    """Whether the value matches the pattern, in linear time; ``star`` is what each ``*`` matches."""
    return re2.fullmatch(star.join(map(re2.escape, pattern.split("*"))), value) is not None


def _of_list(
    path: str, values: tuple[str, ...] | None, shape: re.Pattern[str], remedy: str
) -> Iterator[RuleProblem]:
    for number, value in enumerate(values or ()):
        if not value or not shape.fullmatch(value):
            yield RuleProblem(f"{path}[{number}]", f"{value!r} cannot match anything", remedy)


def _of_applications(names: tuple[str, ...]) -> Iterator[RuleProblem]:
    for number, name in enumerate(names):
        path = f"applications[{number}]"
        if not _APPLICATION.fullmatch(name):
            yield RuleProblem(
                path, f"{name!r} cannot match anything", "write the application's name: ChanSpy"
            )
        elif not name.endswith("*") and name.lower().encode() not in APPLICATIONS:
            # A misspelt application would stay closed, and the reason would not be shown.
            yield RuleProblem(
                path,
                f"Asterisk has no application {name!r}",
                f"check the spelling, or write {name}* if it is a third-party module's",
            )


def _of_scope(scope: Scope | None) -> Iterator[RuleProblem]:
    if scope is None:
        return
    if not (scope.channels or scope.contexts or scope.accountcodes or scope.more_events):
        yield RuleProblem(
            "scope",
            "the scope is empty: the user would see nothing",
            "name channels, contexts or accountcodes",
        )
    yield from _of_list("scope.channels", scope.channels, _CHANNEL, _CHANNEL_REMEDY)
    yield from _of_list("scope.contexts", scope.contexts, _CONTEXT, _CONTEXT_REMEDY)
    for number, code in enumerate(scope.accountcodes):
        if not code or _CONTROL.search(code):
            yield RuleProblem(
                f"scope.accountcodes[{number}]",
                f"{code!r} is not an account code",
                "write the code as Asterisk shows it",
            )
