"""Warnings about settings that are allowed but risky, shown at start and by ``ami-proxy check``."""

from collections.abc import Iterator

from amiproxy.ami.catalogue.applications import APPLICATIONS, RUNS_CODE
from amiproxy.ami.privilege import AGI, ALL, COMMAND, CONFIG, SYSTEM, class_names
from amiproxy.config.fleet.warnings import warnings_of_fleet
from amiproxy.config.schema import Config, History
from amiproxy.config.users.servers import ServerNames, unmatched, unused
from amiproxy.config.users.user import UserEntry, UsersFile
from amiproxy.core.model.networks import parse_rules
from amiproxy.core.model.phc import is_weak
from amiproxy.core.model.users import folded

#: Classes that amount to a shell on Asterisk's machine.
_FULL_CONTROL = {"command": COMMAND, "config": CONFIG, "system": SYSTEM, "agi": AGI}

# 128 bits in base64; the secrets of ``ami-proxy users generate`` are longer.
_LONG_ENOUGH = 22


def warnings_of(config: Config, users: UsersFile) -> list[str]:
    """The warnings, one line each, without secrets; both arguments have been checked by loading them."""
    found = list(_of_servers(config))
    if config.metrics is not None and config.metrics.insecure_remote:
        found.append(f"metrics: {config.metrics.address} answers any client in plain HTTP (insecure_remote)")
    if config.fleet is not None:
        found += warnings_of_fleet(config.fleet, users)
    elif config.history != History() and not any(map(_uses_journal, users.users.values())):
        found.append("history: has no effect: no user has history: true, or a door other than ami")
    if not users.users:
        remedy = "make the first with: ami-proxy setup, or ami-proxy users add NAME"
        found.append(f"users: no client can log in: no users are defined; {remedy}")
    elif all(entry.disabled for entry in users.users.values()):
        found.append("users: no client can log in: all users are disabled")
    elif unused_doors := sorted(config.doors - {"ami"} - _permitted(users)):
        text = f"no user may use {', '.join(unused_doors)}"
        found.append(f'listeners: {text}; add them to "doors" of users')
    servers = config.server_names
    asks = any(listener.client_auth != "none" for listener in config.listeners)
    for name, entry in users.users.items():
        if not entry.disabled:
            if entry.login != "secret" and not asks:
                text = f"cannot log in: login is {entry.login}, and no listener asks for certificates"
                found.append(f"user {name}: {text} (client_auth)")
            unserved = [door for door in entry.doors if door not in config.doors]
            if unserved and entry.has_login:  # others come by the edges of a fleet
                text = f"no listener serves {', '.join(unserved)} (doors)"
                found.append(f"user {name}: {text}")
            found += [f"user {name}: {text}" for text in warnings_of_entry(entry)]
        if servers.named and not config.is_agent:  # whose users may be those of the whole fleet
            found += [f"user {name}: {text}" for text in warnings_of_servers(entry, servers)]
    if servers.named:
        found += _of_slashes(users, servers)
    return found


def _permitted(users: UsersFile) -> set[str]:
    """The doors by which any user may log in."""
    return {door for entry in users.users.values() if not entry.disabled for door in entry.doors}


def _uses_journal(entry: UserEntry) -> bool:
    return entry.history or entry.doors != ("ami",)


def _of_servers(config: Config) -> Iterator[str]:
    places: dict[tuple[str, int], str] = {}
    for name, server in config.every_server.items():
        label = "upstream" if config.upstream is not None else f"servers.{name}"
        if server.insecure_remote:
            yield f"{label}: the link to {server.host} is plain text (insecure_remote)"
        first = places.setdefault((server.host.lower(), server.port), name)
        if first != name:
            yield f"{label}: has the host and port of {first}, so that its events come twice"


def _of_slashes(users: UsersFile, servers: ServerNames) -> Iterator[str]:
    """A user's own name goes before that of another user with a server after it."""
    known = set(map(folded, users.users))
    for name in users.users:
        user, slash, server = name.rpartition("/")
        if slash and server.lower() in servers.names and folded(user) in known:
            yield f"user {name}: user {user} cannot log in to {server} by its name; rename this one"


def warnings_of_servers(entry: UserEntry, servers: ServerNames) -> Iterator[str]:
    """The warnings about what one user's entry says of the servers of proxy.yaml, which have names."""
    for pattern in unmatched(entry.servers, servers):
        yield f"servers: {pattern} matches no server of proxy.yaml"
    for name in unused(entry.on, servers.matching(entry.servers)):
        yield f"on: the user may not use {name}, whatever its rights are there"


def warnings_of_entry(entry: UserEntry) -> list[str]:
    """The warnings about one user's entry, which has been checked by loading it."""
    found = []
    mask = entry.write_mask
    if mask & ALL == ALL:
        found.append("write is all: full control of Asterisk and its machine")
    elif classes := [name for name, bit in _FULL_CONTROL.items() if mask & bit]:
        found.append(f"write has {', '.join(classes)}: amounts to full control of Asterisk")
    if entry.history and not entry.read_mask:
        found.append("history: has no effect: read is empty, and snapshots show only what the user may read")
    found += _of_applications(entry)
    if entry.md5_secret is not None:
        found.append("md5_secret can be read from the file; over TLS, a hashed secret is stronger")
        if len(entry.md5_secret) < _LONG_ENOUGH:
            found.append("md5_secret is short; make one with: ami-proxy users generate")
    if entry.secret is not None and is_weak(entry.secret):
        found.append("the hash is weaker against guessing than those of: ami-proxy users hash")
    if not any(not rule.permits for line in entry.acl for rule in parse_rules(line)) and mask:
        found.append("may act from any address: no deny line in acl")
    return found


def _of_applications(entry: UserEntry) -> list[str]:
    """Warnings about listed applications that also need a class, or that listing opens."""
    found = []
    for name in entry.applications or ():
        row = APPLICATIONS.get(name.lower().encode())
        if entry.write_mask & SYSTEM or row is None:
            continue
        if RUNS_CODE.search(name.encode()):
            found.append(f"applications: {name} needs class system even if it is listed")
        elif not entry.write_mask & row.write:
            found.append(f"applications: {name} needs class {class_names(row.write)} even if it is listed")
        elif row.closed:
            found.append(f"applications: {name} is opened: it can do more than the user's classes allow")
    return found
