"""Granting and taking away rights: which keys of a user's entry change, and how.

Granting never takes anything away, and taking away never grants.  Where an entry has no list, because
everything or the harmless part is allowed, a list would narrow the rights: that has to be asked for.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from amiproxy.ami.privilege import ALL, CLASS_NAMES, parse_classes
from amiproxy.config.users.classes import mask_of
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.networks import AccessRule, parse_rules

#: By the name of a right, the values that are granted or taken away.
Asked = Mapping[str, Sequence[str]]
#: Keys of an entry with their new values; None: the key goes.
Changes = dict[str, Any]


class Right(NamedTuple):
    """One list of rights that can be granted and taken away."""

    name: str
    #: The keys under which it is in the entry.
    path: tuple[str, ...]
    help: str
    #: What a user without the list may do; empty if nothing.
    without: str = ""
    #: Whether several values may be given at once, with commas between them.
    commas: bool = True


_ALL_CALLS: Final = "all calls are seen"
#: Those of a user without the key.
_DEFAULT_DOORS: Final = ["ami"]
RIGHTS: Final = (
    Right("read", ("read",), "classes whose events the user sees, such as call,agent"),
    Right("write", ("write",), "classes whose actions the user may run"),
    Right("actions", ("actions",), "actions by name, such as Originate or Queue*"),
    Right("acl", ("acl",), "addresses and networks that the user may log in from, such as 10.0.0.0/8"),
    Right("contexts", ("contexts",), "dialplan contexts that its calls may go to", "any context is allowed"),
    Right("channels", ("channels",), "devices that its actions may touch", "any device is allowed"),
    Right("commands", ("commands",), "CLI commands, by their first words", "class command allows all"),
    Right("functions", ("functions",), "dialplan functions", "those of the default list are allowed"),
    Right("variables", ("variables",), "channel variables", "all that are harmless are allowed"),
    Right("applications", ("applications",), "dialplan applications", "all that are harmless are allowed"),
    Right("technologies", ("technologies",), "channel technologies", "those of telephones are allowed"),
    Right("hosts", ("hosts",), "hosts in dial strings and addresses of messages"),
    Right(
        "servers",
        ("servers",),
        "servers that the user may use, such as pbx1 or eu-*",
        "it may use the only one",
    ),
    Right("doors", ("doors",), "ways in: ami, ajam, api, page, ws", "it may log in by AMI only"),
    Right("certificate", ("certificate",), "a client certificate, such as dns:HOST", commas=False),
    Right("scope-channels", ("scope", "channels"), "devices whose calls the user sees", _ALL_CALLS),
    Right("scope-contexts", ("scope", "contexts"), "contexts whose calls the user sees", _ALL_CALLS),
    Right(
        "scope-accountcodes",
        ("scope", "accountcodes"),
        "an account code whose calls the user sees",
        _ALL_CALLS,
        commas=False,
    ),
)


def granted(entry: Mapping[str, Any], asked: Asked, *, only: bool = False) -> Changes:
    """The changes that grant these rights; with ``only``, each list that is named has nothing else after it.

    Raises Unfit if the entry has a shape in which one cannot be granted.
    """
    return _changes(entry, asked, _Granting(only))


def withdrawn(entry: Mapping[str, Any], asked: Asked) -> Changes:
    """The changes that take these rights away.  Raises Unfit if users.yaml cannot express it."""
    return _changes(entry, asked, _Withdrawing())


class _Granting:
    def __init__(self, only: bool) -> None:
        self._only = only

    def classes(self, old: Any, words: Sequence[str]) -> Any:
        if self._only:
            return _like(old, list(words))
        before = _words(old)
        added = [word for word in words if mask_of((word,)) & ~mask_of(tuple(before))]
        if mask_of(tuple(added)) == ALL:
            return _like(old, ["all"])
        return _like(old, [*(one for one in before if one != "none"), *added]) if added else old

    def acl(self, old: Sequence[str], values: Sequence[str]) -> list[str]:
        lines = [_line("permit", value) for value in values]
        if self._only:
            return ["deny 0.0.0.0/0", *lines]
        if not old:
            return []  # Every address is allowed.
        return _with_lines(old, lines)

    def actions(self, old: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        allow, deny = old.get("allow"), list(old.get("deny") or ())
        deny = [one for one in deny if not _is_among(one, names)]
        for name in names:
            if pattern := _covering(deny, name, _as_pattern):
                raise Unfit(f"actions.deny has {pattern}, which includes {name}", "change that entry first")
        if self._only:
            allow = list(names)
        elif allow is not None:
            allow = [*allow, *(name for name in names if not _covering(allow, name, _as_pattern))]
        return {"allow": allow, "deny": deny or None}

    def items(self, right: Right, old: Any, values: Sequence[str]) -> Any:
        if self._only:
            return list(values)
        if old is None and right.without:
            text = f"the user has no list {'.'.join(right.path)}: {right.without}"
            raise Unfit(f"{text}, and a list would allow nothing else", "add --only if that is what you mean")
        return [*(old or ()), *(value for value in values if value not in (old or ()))]


class _Withdrawing:
    def classes(self, old: Any, words: Sequence[str]) -> Any:
        before = _words(old)
        have = mask_of(tuple(before))
        left = have & ~mask_of(tuple(words))
        if left == have:
            return old
        kept = [word for word in before if not mask_of((word,)) & ~left]
        if mask_of(tuple(kept)) != left:  # Part of ``all`` stays.
            kept = [name for name in CLASS_NAMES if parse_classes(name) & left]
        return _like(old, kept)

    def acl(self, old: Sequence[str], values: Sequence[str]) -> list[str]:
        return _with_lines(old, [_line("deny", value) for value in values])

    def actions(self, old: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        allow, deny = old.get("allow"), list(old.get("deny") or ())
        if allow is not None:
            allow = [one for one in allow if not _is_among(one, names)]
        for name in names:
            is_allowed = allow is None or _covering(allow, name, _as_pattern)
            if is_allowed and not _covering(deny, name, _as_pattern):
                deny.append(name)
        return {"allow": allow, "deny": deny or None}

    def items(self, right: Right, old: Any, values: Sequence[str]) -> Any:
        key = ".".join(right.path)
        if old is None:
            if not right.without:
                return None
            text = f"the user has no list {key}: {right.without}, and users.yaml cannot name exceptions"
            raise Unfit(text, f"list what stays allowed: users allow NAME --only --{right.name} …")
        left = [one for one in old if not _is_among(one, values)]
        cover = _as_words if right.name == "commands" else _as_pattern
        for value in values:
            if one := _covering(left, value, cover):
                raise Unfit(f"{key} has {one}, which includes {value}", "replace that entry: deny it first")
        # A scope that has lost its last list would mean all calls; an empty one is an error.
        return left or ([] if right.without or len(right.path) > 1 else None)


def _changes(entry: Mapping[str, Any], asked: Asked, verb: _Granting | _Withdrawing) -> Changes:
    after = dict(entry)
    for right in RIGHTS:
        values = asked.get(right.name)
        if not values:
            continue
        top = right.path[0]
        old = after.get(top)
        if right.name in ("read", "write"):
            mask_of(tuple(values))  # raises Unfit for a misspelt class
            after[top] = verb.classes(old, values)
        elif right.name == "acl":
            after[top] = verb.acl(old or (), values) or None
        elif right.name == "actions":
            after[top] = _without_none({**(old or {}), **verb.actions(old or {}, values)})
        elif right.name == "doors":
            after[top] = verb.items(right, old or _DEFAULT_DOORS, values)
            if old is None and after[top] == _DEFAULT_DOORS:
                del after[top]
        elif top == "scope":
            # A scope without this list admits no call by it, so that the list only adds to it.
            part = right if old is None else right._replace(without="")
            inside = verb.items(part, None if old is None else old.get(right.path[1]), values)
            after[top] = _without_none({**(old or {}), right.path[1]: inside})
        else:
            after[top] = verb.items(right, old, values)
    return {key: value for key, value in after.items() if value != entry.get(key)}


def _without_none(mapping: Mapping[str, Any]) -> dict[str, Any] | None:
    return {key: value for key, value in mapping.items() if value is not None} or None


def _words(classes: Any) -> list[str]:
    """A list of classes, or its text, as words; None counts as no classes."""
    if isinstance(classes, str):
        return [word.strip() for word in classes.split(",")] if classes.strip() else []
    return list(classes or ())


def _like(old: Any, words: list[str]) -> Any:
    return (",".join(words) or "none") if isinstance(old, str) else words


def _is_among(one: str, values: Iterable[str]) -> bool:
    return one.lower() in {value.lower() for value in values}


def _covering(patterns: Iterable[str], value: str, cover: Callable[[str], str]) -> str | None:
    """The first pattern that includes a value, which may be a pattern too."""
    for pattern in patterns:
        if re.fullmatch(cover(pattern), value, re.IGNORECASE):
            return pattern
    return None


def _as_pattern(pattern: str) -> str:
    return ".*".join(map(re.escape, pattern.split("*")))


def _as_words(command: str) -> str:
    return rf"{re.escape(command)}( .*)?"


def _line(word: str, value: str) -> str:
    """A line of the acl that permits or denies; ``value`` may begin with the word already."""
    given = value.strip()
    line = given if given.lower().startswith(("permit", "deny")) else f"{word} {given}"
    rules = parse_rules(line)
    if any(rule.permits != (word == "permit") for rule in rules):
        other = "allow" if word == "deny" else "deny"
        raise Unfit(f"{value!r} says the opposite", f"write the network alone, or use: users {other}")
    return line


def _with_lines(old: Sequence[str], lines: Iterable[str]) -> list[str]:
    """The acl with these lines in force: the last line that matches an address decides."""
    after = list(old)
    for line in lines:
        (rule,) = parse_rules(line)
        opposite = [rule._replace(permits=not rule.permits)]
        after = [one for one in after if list(parse_rules(one)) != opposite]
        if not _decides(after, rule):
            after = [*(one for one in after if parse_rules(one) != (rule,)), line]
    return after


def _decides(lines: Sequence[str], wanted: AccessRule) -> bool:
    """Whether the acl says this already for every address of the network."""
    rules = [rule for line in lines for rule in parse_rules(line)]
    closed = any(not rule.permits and rule.network.prefixlen == 0 for rule in rules)
    said = wanted.permits != closed
    for rule in rules:
        if rule.network.version == wanted.network.version and rule.network.overlaps(wanted.network):
            if rule.permits != wanted.permits:
                said = False
            elif wanted.network.subnet_of(rule.network):  # type: ignore[arg-type]  # equal versions
                said = True
    return said
