"""``ami-proxy users show NAME``: shows what one user may see and do."""

import argparse
from collections.abc import Iterator

from msgspec import structs

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED, Listed
from amiproxy.ami.catalogue.functions import OpenTo, open_to
from amiproxy.cli.configured import add_users_options, servers_of, users_of
from amiproxy.config import ConfigErrors, UserEntry
from amiproxy.config.editing.entries import find
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.usertable import user_of
from amiproxy.core.model.rules import Require, Rule, Rules
from amiproxy.core.model.users import LONE_SERVER, User
from amiproxy.core.policy import may_run
from amiproxy.core.policy.classes import classes_of
from amiproxy.core.policy.kinds.dialling import TELEPHONES
from amiproxy.tools import terminal

#: The ways in, as people are shown them.
_DOORS = {
    "ami": "AMI",
    "ajam": "AJAM",
    "api": "REST and event streams (api)",
    "page": "the page in a browser (page)",
    "ws": "WebSocket (ws)",
}
_EXAMPLE = "example:\n  ami-proxy users show wallboard"


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb ``show`` to ``ami-proxy users``."""
    parser = verbs.add_parser(
        "show",
        help="show what a user may see and do",
        description="Show the effective rights of one user: classes, actions, rules, and what is different\n"
        "at single servers. No secret is shown.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME")
    add_users_options(parser)
    parser.set_defaults(run=run_show)


def run_show(arguments: argparse.Namespace) -> int:
    """Print the table of one user's rights; return the exit status: 0, or 1 if there is no such user."""
    try:
        users = users_of(arguments).users
    except ConfigErrors as error:
        terminal.error(error)
        return 1
    name = find(users, arguments.name)
    if name is None:
        terminal.error(f"unknown user {arguments.name}; known users: {', '.join(users)}")
        return 1
    terminal.show(terminal.Facts(rights_of(name, users[name], servers_of(arguments))))
    return 0


def rights_of(name: str, entry: UserEntry, servers: ServerNames | None = None) -> Iterator[tuple[str, str]]:
    """The effective rights as rows of (label, value).  The entry has been checked by loading it.

    ``servers`` are those of proxy.yaml; None: they are not known, and the user's patterns stand for them.
    """
    if servers is None:
        names = ", ".join(entry.servers or ())
        default = entry.default_server or ""
        alike = structs.replace(entry, servers=("*",)) if entry.on else structs.replace(entry, servers=None)
        user = user_of(name, alike, ServerNames(tuple(entry.on) or (LONE_SERVER,), named=True))
    else:
        user = user_of(name, entry, servers)
        names = ", ".join(user.servers) if servers.named else ""
        default = user.default_server
    yield "user", f"{name} (disabled)" if user.disabled else name
    yield "logs in", _ways_in(entry)
    yield "doors", ", ".join(_DOORS[door] for door in entry.doors)
    yield "from", "; ".join(entry.acl) or "any address"
    yield "sessions", "any number" if user.allowmultiplelogin else "one at a time"
    yield "history", "snapshots, resume, numbered events" if user.history else "none"
    if names:
        yield "servers", names
    if default:
        yield "default server", default
    own = dict(_rights(user))
    yield from own.items()
    for variable in entry.setvar:
        yield "sets variable", variable
    for server in user.narrowed:
        there = dict(_rights(user.at(server)))
        for label in dict.fromkeys((*own, *there)):
            if own.get(label) != there.get(label):
                yield f"at {server}: {label}", there.get(label, "none")


def _rights(user: User) -> Iterator[tuple[str, str]]:
    """The rows that may differ between servers."""
    rules = user.rules or Rules()
    yield "reads events of", privilege.class_names(user.read)
    yield "event filters", "; ".join(map(str, user.filters.filters)) or "none"
    yield "sees calls", _scope(rules)
    yield "writes", privilege.class_names(user.write)
    yield from _actions(user)
    yield "functions", _functions(user, rules)
    yield (
        "sets variables",
        _listed(rules.variables, "harmless ones, and any that Asterisk itself does not read"),
    )
    yield "applications", _listed(rules.applications, "harmless ones")
    yield "technologies", _listed(rules.technologies, f"telephones: {', '.join(TELEPHONES)}")
    yield "hosts", _listed(rules.hosts, "none")
    yield "contexts", _list(rules.contexts)
    yield "channels", _list(rules.channels)
    yield "CLI commands", _commands(user, rules)
    for number, rule in enumerate(rules.rules):
        yield f"rules[{number}]", _rule(rule)


def _ways_in(entry: UserEntry) -> str:
    if not entry.has_login:
        return "not here: it has no secret, and comes by edges of the fleet"
    certificates = ", ".join(map(str, entry.certificate))
    if entry.login == "certificate":
        return f"by certificate alone: {certificates}"
    ways = ["by secret (hashed)"] if entry.secret is not None else []
    if entry.md5_secret is not None:
        ways.append("by secret or Challenge (md5_secret)")
    by_secret = " and ".join(ways)
    return f"{by_secret}, and with a certificate: {certificates}" if entry.login == "both" else by_secret


def _scope(rules: Rules) -> str:
    if rules.scope is None:
        return "all"
    parts = [
        f"{key} {', '.join(values)}"
        for key in ("channels", "contexts", "accountcodes")
        if (values := getattr(rules.scope, key))
    ]
    events = "and events outside calls" if rules.scope.more_events else "but no events outside calls"
    return (
        f"with {' or '.join(parts)}, all their legs; {events}" if parts else "none; only events outside calls"
    )


def _actions(user: User) -> Iterator[tuple[str, str]]:
    by_class: dict[str, list[str]] = {}
    for listed in _shipped():
        if may_run(user, listed):
            needed = classes_of(listed)
            by = privilege.class_names(needed & user.write) if needed else "open to all"
            by_class.setdefault(by, []).append(listed.name.decode())
    for by, names in sorted(by_class.items(), key=lambda item: (item[0] == "open to all", item[0])):
        yield f"may run ({by})", ", ".join(sorted(names))


def _shipped() -> list[Listed]:
    return list(SHIPPED)


def _functions(user: User, rules: Rules) -> str:
    if rules.functions is not None:
        return _list(rules.functions)
    if user.write & privilege.SYSTEM:
        return "all but those that disclose secrets or contact other hosts (AST_CONFIG, CURL, ENV, ODBC_* …)"
    read = ", ".join(open_to(OpenTo.ALL, written=False))
    write = ", ".join(open_to(OpenTo.ALL, written=True))
    return f"reads {read}; sets {write}"


def _commands(user: User, rules: Rules) -> str:
    if not user.write & privilege.COMMAND:
        return "none: class command is not in write"
    listed = "all" if rules.commands is None else ", ".join(rules.commands) or "none"
    return f"{listed}; never those that would end the link"


def _listed(values: tuple[str, ...] | None, otherwise: str) -> str:
    return otherwise if values is None else ", ".join(values) or "none"


def _list(values: tuple[str, ...] | None) -> str:
    return "any" if values is None else ", ".join(values) or "none"


def _rule(rule: Rule) -> str:
    parts = [f"{rule.action}, {rule.header}:"]
    if rule.require is not None:
        parts.append(f"must be {_require(rule.require)};")
    if rule.set is not None:
        parts.append(f"set to {rule.set}")
    if rule.remove:
        parts.append("removed")
    return " ".join(parts).removesuffix(";")


def _require(require: Require) -> str:
    if require.exact is not None:
        return require.exact
    if require.prefix is not None:
        return f"{require.prefix}…"
    if require.one_of is not None:
        return " or ".join(require.one_of)
    return f"like {require.pattern}"
