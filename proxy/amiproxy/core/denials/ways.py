"""Ways: what could be added to a user's rights to overcome one refusal, each with its cost."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable
from amiproxy.ami.catalogue.applications import APPLICATIONS
from amiproxy.ami.catalogue.clicommands import find
from amiproxy.ami.catalogue.functions import FUNCTIONS, OpenTo
from amiproxy.ami.message import Action
from amiproxy.core.model.rules import ActionNames, Require, Rule, Rules
from amiproxy.core.policy import Deny, wildcard
from amiproxy.core.policy.console.commands import readings
from amiproxy.core.policy.kinds.dialling import TELEPHONES

#: What each privilege class costs: the more it opens, the more.
_CLASS_COSTS: Final = {
    **dict.fromkeys(privilege.CLASS_NAMES, 50),
    **dict.fromkeys(("agent", "call", "message"), 60),
    "originate": 100,
    "agi": 200,
    "config": 300,
    "command": 300,
    "system": 2000,
}
_NAME: Final = 1
_RULE_GONE: Final = 150
_LIST_GONE: Final = 400
_SCOPE_GONE: Final = 600
#: Words of a command that a proposed prefix has at most, unless the command itself has more.
_COMMAND_WORDS: Final = 4
#: Names in an action that are tried for a list.
_MOST_TOKENS: Final = 40

_WORD: Final = re.compile(r"[A-Za-z0-9_]+")
_NUMBERED: Final = re.compile(r"rules\[([0-9]+)\]")
_SUFFIX: Final = re.compile(r"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
_PLAIN_WORD: Final = re.compile(rb'[^\s"\\*]+')

#: Lists that names in the action may be added to: what a name in a value looks like.
_TOKENS: Final = {
    "contexts": re.compile(r"[A-Za-z0-9_.-]+"),
    "channels": re.compile(r"[A-Za-z0-9]+/[^\s,&|*]+"),
    "technologies": re.compile(r"[A-Za-z0-9_]+(?=/)"),
    "hosts": re.compile(r"(?<=[@/:])[A-Za-z0-9_.\[\]-]+"),
    "functions": re.compile(r"[A-Za-z0-9_]+(?=[ \t]*\()"),
    "variables": _WORD,
    "applications": _WORD,
}
#: The lists that can overcome a refusal, by its rule.
_LISTS: Final = {
    "contexts": ("contexts",),
    "channels": ("channels",),
    "technology": ("technologies",),
    "host": ("hosts",),
    "functions": ("functions",),
    "variables": ("variables",),
    "application": ("applications", "variables", "functions"),
    "agi-command": ("applications", "functions", "variables"),
    "scope": ("functions",),
}


class Rights(NamedTuple):
    """A user's rights in the form in which the policy judges them."""

    write: int
    rules: Rules | None
    history: bool


class Way(NamedTuple):
    """What is known when ways are looked for; ``judge`` returns the refusal that rights would leave."""

    rights: Rights
    action: Action
    refused: Deny
    table: ActionTable
    hidden: frozenset[bytes]
    judge: Callable[[Rights], Deny | None]


class Candidate(NamedTuple):
    """Rights to try, and how much more they cost."""

    cost: int
    rights: Rights


def is_same(one: Deny | None, other: Deny | None) -> bool:
    """Whether both are the same refusal, of the same argument; or neither is one."""
    if one is None or other is None:
        return one is other
    return (one.rule, one.text, one.hint) == (other.rule, other.text, other.hint)


def ways(way: Way) -> Iterator[Candidate | None]:
    """Rights that may overcome the refusal; the caller finds out which of them do.

    None comes after each judgement that was needed to find the next one.
    """
    rule, rights = way.refused.rule, way.rights
    if rule == "history":
        yield Candidate(_NAME, rights._replace(history=True))
    if rule == "actions":
        yield from _named(way)
    if rule == "scope":
        yield from _spelled(way)
    if rule in ("commands", "command-unknown"):
        yield from _commanded(way)
    for key in _LISTS.get(rule, ()):
        yield from _listed(way, key, rights)
        if key == "functions":
            # Some need the class and the name, and neither alone changes the refusal.
            system = rights._replace(write=rights.write | privilege.SYSTEM)
            for found in _listed(way, key, system):
                yield found and Candidate(found.cost + _CLASS_COSTS["system"], found.rights)
    yield from _without(way)
    for name in privilege.CLASS_NAMES:
        bit = privilege.parse_classes(name)
        if not rights.write & bit:
            yield Candidate(_CLASS_COSTS[name], rights._replace(write=rights.write | bit))


def _with(rights: Rights, **changes: object) -> Rights:
    rules = rights.rules if rights.rules is not None else Rules()
    return rights._replace(rules=msgspec.structs.replace(rules, **changes))


def _names(way: Way) -> tuple[str, str]:
    """The action's name, and a pattern for it, which users.yaml accepts for unknown actions as well."""
    listed = way.table.find(way.action.key)
    name = (way.action.name if listed is None else listed.name).decode("latin-1")
    return name, f"{name}*"


def _named(way: Way) -> Iterator[Candidate]:
    """The name in ``actions.allow``, and no entry of ``actions.deny`` that includes it."""
    rules = way.rights.rules
    names = rules.actions if rules is not None and rules.actions is not None else ActionNames()
    key = way.action.key
    deny = tuple(one for one in names.deny if not wildcard.matches_any_case((one,), key))
    widest = 20 * sum("*" in one for one in names.deny if one not in deny)
    missing = names.allow is not None and not wildcard.matches_any_case(names.allow, key)
    for cost, name in enumerate(_names(way), 1):
        allow = (*(names.allow or ()), name) if missing else names.allow
        actions = ActionNames(allow=allow, deny=deny) if deny or allow is not None else None
        yield Candidate(cost + widest, _with(way.rights, actions=actions))


def _spelled(way: Way) -> Iterator[Candidate]:
    """The full name in ``actions.allow``, which opens an action that reveals calls outside a scope."""
    rules = way.rights.rules
    names = rules.actions if rules is not None and rules.actions is not None else ActionNames()
    # Without a list all actions are allowed, and stay so.
    before = ("*",) if names.allow is None else names.allow
    spelled = ActionNames(allow=(*before, _names(way)[0]), deny=names.deny)
    yield Candidate(_NAME, _with(way.rights, actions=spelled))


def _commanded(way: Way) -> Iterator[Candidate]:
    listed = way.rights.rules.commands if way.rights.rules is not None else None
    for typed in readings(way.action.get(b"command")):
        said = [word.lower() for word in typed]
        most = max(_COMMAND_WORDS, len(find(said) or ()))
        words = []
        for word in said[:most]:
            if not _PLAIN_WORD.fullmatch(word):
                break
            words.append(word.decode("latin-1"))
        if words:
            # A first list takes other commands away, which counts as much as a class.
            cost = _NAME if listed is not None else _LIST_GONE
            yield Candidate(cost, _with(way.rights, commands=(*(listed or ()), " ".join(words))))


def _listed(way: Way, key: str, rights: Rights) -> Iterator[Candidate | None]:
    """The list with as few names more as overcome the refusal; None after each judgement."""
    today: tuple[str, ...] | None = getattr(rights.rules, key) if rights.rules is not None else None
    base = _by_default(key, rights) if today is None else today
    if base is None:
        return
    found = [name for name in _tokens(way, key) if name not in base]
    # With all of them at first: each single one could change the refusal without overcoming it.
    left = way.judge(_with(rights, **{key: (*base, *found)}))
    for name in tuple(found):
        yield None
        fewer = [one for one in found if one != name]
        if is_same(way.judge(_with(rights, **{key: (*base, *fewer)})), left):
            found = fewer
    if not found:
        return
    yield Candidate(_NAME * len(found), _with(rights, **{key: (*base, *found)}))


def _by_default(key: str, rights: Rights) -> tuple[str, ...] | None:
    """What a user without the list may use, so that a list takes nothing away; None: everything."""
    if key == "technologies":
        return TELEPHONES
    if key == "hosts":
        return ()
    if key == "functions":
        if rights.write & privilege.SYSTEM:
            return ("*",)  # Those that reveal secrets must be listed by their full names all the same.
        return tuple(
            name.decode("ascii")
            for name, function in FUNCTIONS.items()
            if any(form.who is OpenTo.ALL for form in function.reads + function.writes)
        )
    if key == "applications":
        return tuple(
            one.name
            for one in APPLICATIONS.values()
            if not one.closed and one.described and rights.write & (one.write | privilege.SYSTEM)
        )
    return None


def _tokens(way: Way, key: str) -> list[str]:
    """Names in the values of the action that could be in this list."""
    found: dict[str, None] = {}
    for header, value in way.action.headers:
        # The names in a masked command or assignment are its own; what is masked has no name's form.
        if header.lower() in way.hidden and key in ("contexts", "channels", "hosts"):
            continue
        for token in _TOKENS[key].findall(value.decode("latin-1")):
            name = _SUFFIX.sub("", token) if key == "channels" else token
            found.setdefault(name.lstrip("_") if key == "variables" else name)
    return list(found)[:_MOST_TOKENS]


def _without(way: Way) -> Iterator[Candidate]:
    """Without a rule, a list or the scope that refuses and in which no name can be added."""
    rights, rule = way.rights, way.refused.rule
    rules = rights.rules
    if rules is None:
        return
    numbered = _NUMBERED.fullmatch(rule)
    for number, one in enumerate(rules.rules):
        is_meant = numbered is not None and int(numbered[1]) == number
        if is_meant and (wider := _wider(way, one)) is not None:
            changed = (*rules.rules[:number], wider, *rules.rules[number + 1 :])
            yield Candidate(_NAME, _with(rights, rules=changed))
        if is_meant or (rule == "rules.set" and one.set is not None):
            left = (*rules.rules[:number], *rules.rules[number + 1 :])
            yield Candidate(_RULE_GONE, _with(rights, rules=left))
    for key in ("contexts", "channels"):
        if rule in ("contexts", "channels") and getattr(rules, key) is not None:
            yield Candidate(_LIST_GONE, _with(rights, **{key: None}))
    if rule == "scope":
        yield Candidate(_SCOPE_GONE, _with(rights, scope=None))


def _wider(way: Way, rule: Rule) -> Rule | None:
    """The rule that also lets the action's value through; None if that cannot be written."""
    described = way.table.described(way.action.key)
    header = rule.header.lower().encode()
    proper = header if described is None else described.proper_name(header)
    values = way.action.get_all(proper)
    require = rule.require
    if require is None or not values or proper in way.hidden or not all(map(bytes.isascii, values)):
        return None
    texts = tuple(value.decode("ascii") for value in values)
    if require.prefix is not None or require.pattern is not None:
        now = f"{re.escape(require.prefix)}.*" if require.prefix is not None else require.pattern
        pattern = "|".join([f"(?:{now})", *map(re.escape, texts)])
        return msgspec.structs.replace(rule, require=Require(pattern=pattern))
    choices = (*(require.one_of or ()), *(() if require.exact is None else (require.exact,)), *texts)
    return msgspec.structs.replace(rule, require=Require(one_of=tuple(dict.fromkeys(choices))))
