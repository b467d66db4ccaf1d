"""Says which smallest change of users.yaml would allow a denied action, and what else it would open."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from amiproxy.ami.actions import ActionTable
from amiproxy.ami.message import Action
from amiproxy.ami.privilege import CLASS_NAMES, class_names, parse_classes
from amiproxy.config.reading.document import dump
from amiproxy.config.users.rules import problems
from amiproxy.core.denials.opening import Opening, least_opening
from amiproxy.core.denials.ways import Rights
from amiproxy.core.model.rules import Rules
from amiproxy.core.model.users import User
from amiproxy.counted import count
from amiproxy.steps import Steps

#: Other actions that are named at most.
_MOST_NAMED: Final = 8
#: Characters of a line of YAML.
_WIDTH: Final = 84
_NO_HIDDEN: Final[frozenset[bytes]] = frozenset()
_LISTS: Final = ("commands", "functions", "variables", "applications", "technologies", "hosts")
#: What classes stand for that open much more than one action.
_CLASSES: Final = {
    "system": "Class system is equivalent to a shell on the Asterisk host.",
    "command": "Class command opens the commands of Asterisk's CLI; a list commands can restrict them.",
    "config": "Class config opens the configuration files of Asterisk.",
    "agi": "Class agi controls every call that is under asynchronous AGI.",
}
#: What is open when a list or a scope has gone.
_GONE: Final = {
    "contexts": "Without contexts the user's calls may go to every context; an action that names a context of"
    " the list would not need this.",
    "channels": "Without channels the user's actions may touch every device.",
    "scope": "Without a scope the user sees all calls.",
}
_FIRST: Final = "A list allows nothing else, so this one also names what the user may use without it."
_FIRST_COMMANDS: Final = (
    "Without a list every command of class command is allowed; with this one no other is: add those that the"
    " user needs."
)

NOTHING: Final = "Nothing in users.yaml allows this action."


class Change(NamedTuple):
    """A change of users.yaml: ``yaml`` has the keys that change, with null for those that go.

    ``text`` says what it opens besides the action; it may be empty.
    """

    yaml: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The change, line by line, as ``ami-proxy explain`` prints it."""
        return ["in users.yaml this would allow it:", *self.yaml.splitlines(), *self.text.splitlines()]


def change_of(
    user: User,
    action: Action,
    table: ActionTable,
    server: str | None = None,
    hidden: frozenset[bytes] = _NO_HIDDEN,
) -> Steps[Change | None]:
    """The smallest change that would allow a denied action of this user; None if there is none.

    ``server`` is the server at which it was denied; None if that makes no difference.  ``hidden`` are the
    names, in lower case, of headers whose values are masked.
    """
    rights = user if server is None else user.at(server)
    opening = yield from least_opening(rights, action, table, _can_be_written, hidden)
    if opening is None:
        return None
    entry = _entry(user, opening, server if server is not None and server in user.narrowed else "")
    yaml = dump({"users": {user.name: entry}}, width=_WIDTH).rstrip("\n")
    return Change(yaml, "\n".join(_texts(opening, action)))


def _can_be_written(rules: Rules) -> bool:
    return not problems(rules)


def _entry(user: User, opening: Opening, narrowed_at: str) -> dict[str, Any]:
    """The keys of the user's entry that change; ``narrowed_at``: the server with rights of its own, or ""."""
    before, after = opening.before, opening.after
    changed = _changed_rules(before, after)
    entry: dict[str, Any] = {}
    there: dict[str, Any] = {}
    added = after.write & ~before.write
    if added & ~user.write:
        entry["write"] = _classes(user.write | added)
    if added and narrowed_at:
        there["write"] = _classes(after.write)
    if after.history != before.history:
        entry["history"] = True
    if narrowed_at:
        _divide(user.rules or Rules(), before.rules or Rules(), changed, there)
    entry.update(changed)
    if there:
        entry["on"] = {narrowed_at: there}
    return entry


def _divide(own: Rules, before: Rules, changed: dict[str, Any], there: dict[str, Any]) -> None:
    """Move what changes in the rights at one server from the user's own keys to those of the server.

    The rules there are the user's own, then those of the server; its scope replaces the user's.
    """
    rules = changed.pop("rules", None)
    if rules is not None:
        mine, others = _plain(own.rules), _plain(before.rules[len(own.rules) :])
        # A rule that goes is one of the user's own, unless all of these are still there.
        own_left = (
            len(mine) if len(rules) == len(before.rules) or rules[: len(mine)] == mine else -len(others)
        )
        if rules[:own_left] != mine:
            changed["rules"] = rules[:own_left]
        if rules[own_left:] != others:
            there["rules"] = rules[own_left:]
    if "scope" in changed and before.scope != own.scope:
        there["scope"] = None
        if own.scope is None:
            del changed["scope"]


def _changed_rules(before: Rights, after: Rights) -> dict[str, Any]:
    old, new = before.rules or Rules(), after.rules or Rules()
    changed = {}
    for key in new.__struct_fields__:
        value = getattr(new, key)
        if value != getattr(old, key):
            changed[key] = _plain(value)
    return changed


def _plain(value: object) -> Any:
    """The value as users.yaml has it, without what is not given."""
    found = msgspec.to_builtins(value)
    return _pruned(found)


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item not in (None, False, [], ())}
    return [_pruned(item) for item in value] if isinstance(value, list | tuple) else value


def _classes(mask: int) -> list[str]:
    return class_names(mask).split(",")


def _texts(opening: Opening, action: Action) -> Iterator[str]:
    before, after = opening.before, opening.after
    old, new = before.rules or Rules(), after.rules or Rules()
    added = [name for name in CLASS_NAMES if parse_classes(name) & after.write & ~before.write]
    yield from (_CLASSES[name] for name in added if name in _CLASSES)
    if added and new.actions != old.actions:
        names = " and ".join(added)
        yield (
            f"Class {names} would open the actions in actions.deny as well; remove those that the user needs."
        )
    if opening.also:
        named = ", ".join(opening.also[:_MOST_NAMED])
        end = ", …" if len(opening.also) > _MOST_NAMED else "."
        yield f"It opens {count(len(opening.also), 'other action')} as well: {named}{end}"
    yield from (
        text for key, text in _GONE.items() if getattr(old, key) is not None and getattr(new, key) is None
    )
    if old.scope is not None and new.scope is not None and old.actions != new.actions:
        yield f"The answer to {action.name.decode('latin-1')} may reveal calls outside the user's scope."
    if len(new.rules) < len(old.rules):
        gone = [rule for rule in old.rules if rule not in new.rules]
        yield from (f"No rule applies to {rule.header} of {rule.action} in its place." for rule in gone)
    for key in _LISTS:
        if getattr(old, key) is None and getattr(new, key) is not None and key != "hosts":
            yield _FIRST_COMMANDS if key == "commands" else _FIRST
