"""Proposal: the narrowest rights under which everything that was recorded would still be allowed.

This is found by trial, not by reasoning: the policy judges all shapes under each narrowing,
which is kept if it denies no shape that the user's current rights allow.  A list in
users.yaml can also open something, and the client decides what is recorded, so a list is only
given names that the current rights open already.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from amiproxy.ami import privilege
from amiproxy.ami.actions import LOCAL, ActionTable
from amiproxy.ami.arguments import Described, Kind
from amiproxy.ami.catalogue.functions import FUNCTIONS, OpenTo
from amiproxy.ami.message import Action
from amiproxy.core.learning.recorder import Shape
from amiproxy.core.model.rules import ActionNames, Require, Rule, Rules
from amiproxy.core.policy import Allow, Judged, decide, wildcard
from amiproxy.core.policy.console.commands import starts, words
from amiproxy.core.policy.dialplan import functions
from amiproxy.core.policy.kinds.dialling import TELEPHONES

#: Privilege classes in the order in which it is tried to do without them.
_WORST_FIRST: Final = (
    *("system", "command", "config", "agi", "originate", "message", "call", "agent", "user", "aoc"),
    *("reporting", "security", "dialplan", "cdr", "dtmf", "cc", "test", "log", "verbose"),
)
#: Most names in a proposed list: people cannot maintain longer ones.
_MOST_NAMES: Final = 60
_SUFFIX: Final = re.compile(rb"-[0-9a-fA-F]{1,16}(?:;[12])?\Z")
_NUMBER: Final = re.compile(rb"\+?[0-9]+\Z")
#: Kinds of argument that leave a choice, with the key of the list that restricts it.
_OPEN: Final = {
    Kind.APPLICATION: "applications",
    Kind.ASSIGNMENTS: "variables",
    Kind.VARIABLE_SET: "variables",
    Kind.VARIABLE_READ: "functions",
    Kind.VARIABLES_READ: "functions",
}
#: Uses of a function that a user without a list does not have.
_OPENED: Final = frozenset({OpenTo.NAMED, OpenTo.SPELLED, OpenTo.CLOSED})
_LOCAL: Final = re.compile(rb"Local/[^@]*@([^@/]+)", re.IGNORECASE)
_HOST: Final = re.compile(rb"[@:]([A-Za-z0-9_.-]+\.[A-Za-z0-9_.-]+)")


class Proposal(NamedTuple):
    """What to write into users.yaml; ``given_up`` lists the privilege classes that are given up."""

    read: int
    write: int
    rules: Rules
    given_up: tuple[str, ...]
    #: Shapes that the current rights deny, and that no proposal can allow.
    refused: tuple[Shape, ...]


#: Words of a command that a proposed list has, unless the current list has more.
_COMMAND_WORDS: Final = 3


#: For an action that is not in the action table, which class ``system`` may run nevertheless.
_UNDESCRIBED: Final = Described(b"", ())


class _Trial(NamedTuple):
    """The rights of a user in the form in which the policy judges them."""

    write: int
    rules: Rules | None
    history: bool = False


def propose(
    write: int,
    read: int,
    rules: Rules | None,
    shapes: Iterable[Shape],
    seen: int,
    table: ActionTable,
    can_be_written: Callable[[Rules], bool],
) -> Proposal:
    """The proposal for one user.

    ``seen`` is the mask of the classes of all events that the user was sent; ``can_be_written``
    returns whether users.yaml may contain such rules.
    """
    today = _Trial(write, rules)
    asked = list(shapes)
    refused = tuple(shape for shape in asked if not _allowed(today, shape, table))
    used = [shape for shape in asked if shape not in refused]

    def still(trial: Judged) -> bool:
        return all(_allowed(trial, shape, table) for shape in used)

    least = _least_classes(write, lambda mask: still(_Trial(mask, rules)))
    narrowed = rules if rules is not None else Rules()
    for key, value in _narrowings(used, table, narrowed):
        candidate = msgspec.structs.replace(narrowed, **{key: value})
        if can_be_written(candidate) and still(_Trial(least, candidate)):
            narrowed = candidate
    return Proposal(seen & read, least, narrowed, _given_up(write, read, least, seen), refused)


def _allowed(user: Judged, shape: Shape, table: ActionTable) -> bool:
    return isinstance(decide(user, shape.as_action(), table), Allow)


def _least_classes(write: int, fits: Callable[[int], bool]) -> int:
    mask = privilege.parse_classes(",".join(privilege.CLASS_NAMES)) & write
    for name in _WORST_FIRST:
        without = mask & ~privilege.parse_classes(name)
        if without != mask and fits(without):
            mask = without
    return mask


def _given_up(write: int, read: int, least: int, seen: int) -> tuple[str, ...]:
    lost = []
    for what, before, after in (("write", write, least), ("read", read, seen & read)):
        names = privilege.class_names(
            before & ~after & privilege.parse_classes(",".join(privilege.CLASS_NAMES))
        )
        if names != "none":
            lost.append(f"{what}: {names}")
    return tuple(lost)


def _narrowings(used: list[Shape], table: ActionTable, rules: Rules) -> Iterator[tuple[str, object]]:
    """Keys of a user's entry, each with a value that allows only what was used; the most effective first."""
    names = sorted({shape.action.decode("latin-1") for shape in used if shape.action.lower() not in LOCAL})
    if names and len(names) <= _MOST_NAMES:
        names = [_unspelled(name, rules) for name in names]
        deny = rules.actions.deny if rules.actions is not None else ()
        yield "actions", ActionNames(allow=tuple(names), deny=deny)
    found = _Found()
    for shape in used:
        action = shape.as_action()
        found.look(action, table.described(action.key) or _UNDESCRIBED)
    for key, values in found.lists(rules):
        if len(values) <= _MOST_NAMES:
            yield key, tuple(sorted(values))
    lengths = found.dialled
    if lengths:
        plus = r"\+?" if found.with_plus else ""
        pattern = f"{plus}[0-9]{{{min(lengths)},{max(lengths)}}}"
        rule = Rule(action="Originate", header="Exten", require=Require(pattern=pattern))
        yield "rules", (*rules.rules, rule)


class _Found:
    """Collects from the arguments of actions the names that rules can be made of."""

    def __init__(self) -> None:
        self.contexts: set[str] = set()
        self.channels: set[str] = set()
        self.technologies: set[str] = set()
        self.hosts: set[str] = set()
        self.applications: set[str] = set()
        self.variables: set[str] = set()
        self.functions: set[str] = set()
        self.commands: list[list[bytes]] = []
        #: Lengths of the numbers in the Exten header of Originate.
        self.dialled: set[int] = set()
        self.with_plus = False
        self._asked: set[str] = set()

    def lists(self, today: Rules) -> Iterator[tuple[str, set[str]]]:
        """Keys of users.yaml with the names for each, none of which opens more than ``today`` does.

        An empty list, which allows nothing, is only proposed if one of the recorded actions has an
        argument that the list would restrict.
        """
        technologies = TELEPHONES if today.technologies is None else today.technologies
        for key, names in (
            ("commands", {_prefix(said, today.commands or ()) for said in self.commands}),
            ("applications", self.applications),
            ("variables", self.variables),
            ("technologies", _listed(self.technologies, technologies)),
            ("hosts", _listed(self.hosts, today.hosts or ())),
            *(
                []
                if any(_opens(name, today.functions) for name in self.functions)
                else [("functions", self.functions)]
            ),
            ("contexts", self.contexts),
            ("channels", self.channels),
        ):
            if names or key in self._asked:
                yield key, names

    def look(self, action: Action, described: Described) -> None:
        self._asked.update(key for argument in described.arguments if (key := _OPEN.get(argument.kind)))
        for header, value in action.headers:
            argument = described.find(header.lower())
            if argument is not None and value:
                self._look_at(argument.kind, value, action)

    def _look_at(self, kind: Kind, value: bytes, action: Action) -> None:
        match kind:
            case Kind.CONTEXT:
                self.contexts.add(value.decode("latin-1"))
            case Kind.DIAL_STRING | Kind.COMEBACK | Kind.INTERFACE | Kind.MEMBER_KEY | Kind.STATE_INTERFACE:
                self._device(value)
            case Kind.CHANNEL | Kind.CHANNEL_PREFIX | Kind.CHANNEL_PATTERN | Kind.CHANNEL_OR_ALL:
                self._place(_SUFFIX.sub(b"", value))
            case Kind.APPLICATION:
                self.applications.add(value.strip(b" \t").decode("latin-1"))
            case Kind.URI:
                self.hosts.update(host.decode("latin-1") for host in _HOST.findall(value))
            case Kind.ASSIGNMENTS:
                for name, _ in functions.assignments([value]):
                    self._variable(name)
            case Kind.VARIABLE_SET:
                self._variable(value)
            case Kind.VARIABLE_READ:
                self._function(value)
            case Kind.VARIABLES_READ:
                for name in functions.arguments(value):
                    self._function(name)
            case Kind.CLI_COMMAND:
                self.commands.append([word.lower() for word in words(value)])
            case Kind.EXTENSION if action.key == b"originate" and _NUMBER.match(value):
                self.dialled.add(len(value.lstrip(b"+")))
                self.with_plus = self.with_plus or value.startswith(b"+")
            case _:
                pass

    def _device(self, value: bytes) -> None:
        self.technologies.add(value.partition(b"/")[0].decode("latin-1"))
        self.hosts.update(host.decode("latin-1") for host in _HOST.findall(value.partition(b"/")[2]))
        self._place(value)

    def _place(self, value: bytes) -> None:
        local = _LOCAL.match(value)
        if local is not None:
            self.contexts.add(local[1].decode("latin-1"))
        else:
            self.channels.add(value.decode("latin-1"))

    def _variable(self, name: bytes) -> None:
        plain, parenthesis, _ = name.lstrip(b"_").partition(b"(")
        (self.functions if parenthesis else self.variables).add(plain.decode("latin-1"))

    def _function(self, name: bytes) -> None:
        plain, parenthesis, _ = name.partition(b"(")
        if parenthesis:
            self.functions.add(plain.decode("latin-1"))


def _unspelled(name: str, today: Rules) -> str:
    """The action's name, or a wildcard for it if its full name would open all calls despite a scope."""
    spelled = today.actions is not None and name.lower() in map(str.lower, today.actions.allow or ())
    return name if today.scope is None or spelled or name.lower() != "status" else f"{name}*"


def _prefix(said: list[bytes], today: tuple[str, ...]) -> str:
    """The first words of a command, at least as many as in the entry that allows it today."""
    lengths = [name.count(" ") + 1 for name in today if starts(said, (name.lower().encode(),))]
    return b" ".join(said[: max(_COMMAND_WORDS, *lengths, 0)]).decode("latin-1")


def _listed(names: set[str], today: tuple[str, ...]) -> set[str]:
    return {name for name in names if wildcard.matches_any_case(today, name.encode("latin-1"))}


def _opens(name: str, today: tuple[str, ...] | None) -> bool:
    """Whether a list with this function's name opens a use of it that the current list does not."""
    function = FUNCTIONS.get(name.encode("latin-1"))
    if today is not None and name in today:
        return False
    uses = (
        {form.who for form in function.reads + function.writes} if function is not None else {OpenTo.SPELLED}
    )
    return bool(uses & ({OpenTo.SPELLED, OpenTo.CLOSED} if today is not None else _OPENED))
