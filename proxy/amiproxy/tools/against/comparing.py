"""Compares the running service with the files on disk."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from amiproxy.config import Config, UserEntry
from amiproxy.config.differences import why_fixed
from amiproxy.config.plain import ABSENT, Change, Plain, changes, defaults, plain_user
from amiproxy.config.users.servers import ServerNames
from amiproxy.core.model.users import folded
from amiproxy.tools.against.report import CertificateChange, Report, Setting, UserChange, UserKey
from amiproxy.tools.against.rights import THE_ONLY_ONE, Direction, direction
from amiproxy.tools.against.state import Running, State
from amiproxy.x509.names import lost_names

#: Keys of a user whose sessions end when they change, unless the service says otherwise, and why.
_ENDS_SESSIONS: Final = {"secret": "credentials changed", "md5_secret": "credentials changed"}
#: Keys of a user that decide which events it gets.
_EVENTS: Final = frozenset({"read", "eventfilter", "scope", "servers", "on"})
_REMOVED: Final = "user removed"
_DISABLED: Final = "user disabled"
#: The entry of a user of which nothing is written.
_UNWRITTEN: Final[Mapping[str, Plain]] = plain_user(UserEntry(), str)


def compare(running: Running, candidate: State, config: Config, path: Path, refused: Iterable[str]) -> Report:
    """The differences between the service and the files that ``config`` was read from.

    ``path`` is their proxy.yaml; ``refused`` is what was found wrong with them already.
    """
    upgrade = running.interpreter["version"] != candidate.interpreter["version"]
    rehearsal: Mapping[str, Any] = (running.rehearsal or {}) if running.reads(path) else {}
    problems = list(rehearsal.get("problems", ()))
    closes = rehearsal.get("closes")
    settings, new_keys, gone_keys = _settings(running, candidate, config)
    certificates = list(_certificates(running.certificates, candidate.certificates))
    refused = [*refused]
    notes = []
    if upgrade:
        notes += [f"the running version would refuse a reload with these files: {line}" for line in problems]
    else:
        refused += problems
        if not rehearsal and config.tls.lost_names == "refuse":
            refused += _lost_names(certificates)
    if running.is_whole and not running.reads(path):
        notes.append(f"the service reads {running.path}: what it would refuse itself was not tried")
    notes += _log_level(running, config)
    return Report(
        versions=(running.interpreter["version"], candidate.interpreter["version"]),
        sessions=running.authenticated,
        refused=list(dict.fromkeys(refused)),
        warnings=list(rehearsal.get("warnings", ())),
        settings=settings,
        users=list(_users(running, candidate, closes)),
        certificates=certificates,
        files=list(_files(running, candidate, certificates)),
        program=[
            (name, running.interpreter[name], candidate.interpreter[name])
            for name in running.interpreter
            if running.interpreter[name] != candidate.interpreter[name]
        ],
        new_keys=new_keys,
        gone_keys=gone_keys,
        unknown=running.unknown,
        notes=notes,
    )


# -- proxy.yaml ----------------------------------------------------------------


def _settings(
    running: Running, candidate: State, config: Config
) -> tuple[list[Setting], list[Setting], list[Setting]]:
    """The settings that differ; those that only the candidate's version has; those that it no longer has."""
    changed, new, gone = [], [], []
    by_default = dict(_flat(defaults(config)))
    found = list(changes(running.config, candidate.config))
    named = {change.key for change in found}
    for server, secret in candidate.upstream_secrets.items():
        only = candidate.config.get("upstream")
        key = "upstream.secret_file" if only else f"servers.{server}.secret_file"
        if running.upstream_secrets.get(server, secret) != secret and key not in named:
            settings = only or candidate.config["servers"][server]
            found.append(Change(key, settings["secret_file"], settings["secret_file"]))
    for key, secret in candidate.fleet_secrets.items():
        if running.fleet_secrets.get(key, secret) != secret and key not in named:
            file = _fleet(candidate.config)[key.removeprefix("fleet.")]
            found.append(Change(key, file, file))
    for key, old, now in found:
        is_default = key in by_default and by_default[key] == now
        setting = Setting(key, old, now, why_fixed(key), is_default)
        if _is_named_by_operators(key, candidate.config) or ABSENT not in (old, now):
            changed.append(setting)
        elif now is ABSENT:
            gone.append(setting)
        elif running.is_whole:
            new.append(setting)
    return changed, new, gone


def _is_named_by_operators(key: str, config: Plain) -> bool:
    """Whether operators name the key: a server, an edge, or what is inside the description of an action."""
    section, _, name = key.removeprefix("fleet.").partition(".")
    if not name or section not in (_fleet(config) if key.startswith("fleet.") else config):
        return False
    return section == "actions" or (section in ("servers", "edges") and "." not in name)


def _flat(value: Plain, path: str = "") -> Iterator[tuple[str, Plain]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}" if path else name)
    if path:
        yield path, value


def _log_level(running: Running, config: Config) -> Iterator[str]:
    configured = running.config.get("log", {}).get("level", running.log_level)
    if running.log_level not in ("", configured):
        yield (
            f"the log level is {running.log_level}, set by ami-proxy ctl log-level: "
            f"a reload or restart sets it to {config.log.level}"
        )


# -- users ---------------------------------------------------------------------


def _users(
    running: Running, candidate: State, closes: Mapping[str, Mapping[str, int]] | None
) -> Iterator[UserChange]:
    """The changed users, in the order of the files; those that are removed come last."""
    before, after = running.users, candidate.users
    if _server_names(running.config) or _server_names(candidate.config):
        before = {name: _with_servers(entry, running.config) for name, entry in before.items()}
        after = {name: _with_servers(entry, candidate.config) for name, entry in after.items()}
    removed = {name: entry for name, entry in before.items() if name not in after}
    earlier_names = _renamed(removed, {name: entry for name, entry in after.items() if name not in before})
    for name, entry in after.items():
        earlier = name if name in before else earlier_names.get(name)
        if earlier is None:
            yield UserChange(name, "added", _all_keys(entry))
            continue
        removed.pop(earlier, None)
        keys = tuple(_keys(before[earlier], entry, is_whole=running.is_whole))
        if keys or earlier != name:
            yield _changed(running, earlier, name, keys, (before[earlier], entry), closes)
    for name in removed:
        sessions = running.sessions.get(name, 0)
        ends = _closes(name, sessions, _REMOVED, closes)
        yield UserChange(name, "removed", sessions=sessions, closes=ends)


def _server_names(config: Plain) -> tuple[str, ...]:
    """The names of the servers, also of those that an edge reaches through agents; none with ``upstream``."""
    return (*(config.get("servers") or ()), *(_fleet(config).get("servers") or ()))


def _fleet(config: Plain) -> dict[str, Plain]:
    """The section ``fleet``; empty without one."""
    section = config.get("fleet")
    return section if isinstance(section, dict) else {}


def _with_servers(entry: Plain, config: Plain) -> Plain:
    """The entry with the names of the servers that its patterns stand for, or THE_ONLY_ONE.

    The servers of a user may change although its entry does not.
    """
    names = _server_names(config)
    if not names:
        return {**entry, "servers": [THE_ONLY_ONE]}
    patterns = entry.get("servers")
    allowed = ServerNames(names, named=True).matching(None if patterns is None else tuple(patterns))
    return {**entry, "servers": list(allowed)}


def _keys(before: Plain, entry: Plain, *, is_whole: bool) -> Iterator[UserKey]:
    """The keys of a user that differ.  A key that one version lacks is as good as one that is not written."""
    filled = {**_UNWRITTEN, **before} if is_whole else before
    for change in changes(filled, entry):
        if change.old is ABSENT and (not is_whole or not change.new):
            continue
        if change.new is ABSENT and not change.old:
            continue
        yield UserKey(*change)


def _renamed(removed: Mapping[str, Plain], added: Mapping[str, Plain]) -> dict[str, str]:
    """The earlier name of each added user that has the case-folded name, secret or certificate of another."""
    found: dict[str, str] = {}
    left = dict(removed)
    for alike in (_folded, _credentials):
        known = {alike(name, entry): name for name, entry in reversed(left.items())}
        for name, entry in added.items():
            mark = alike(name, entry)
            earlier = known.get(mark) if mark else None
            if name not in found and earlier in left:
                found[name] = earlier
                del left[earlier]
    return found


def _folded(name: str, _entry: Plain) -> object:
    return folded(name)


def _credentials(_name: str, entry: Plain) -> object:
    secrets = tuple(entry.get(key) for key in ("secret", "md5_secret"))
    return (*secrets, *entry.get("certificate", ())) if any((*secrets, entry.get("certificate"))) else None


def _changed(
    running: Running,
    earlier: str,
    name: str,
    keys: tuple[UserKey, ...],
    entries: tuple[Plain, Plain],
    closes: Mapping[str, Mapping[str, int]] | None,
) -> UserChange:
    was, entry = entries
    tops = dict.fromkeys(key.key.partition(".")[0].partition("[")[0] for key in keys)
    directions: dict[str, Direction] = {
        top: way for top in tops if (way := direction(top, was.get(top), entry.get(top)))
    }
    sessions = running.sessions.get(earlier, 0)
    reason = next((_ENDS_SESSIONS[top] for top in tops if top in _ENDS_SESSIONS), "")
    if entry.get("disabled"):
        reason = _DISABLED
    if folded(name) != folded(earlier):
        reason = _REMOVED
    ends = _closes(earlier, sessions, reason, closes)
    fewer = any(directions.get(top, "narrower") == "narrower" for top in tops if top in _EVENTS)
    return UserChange(
        name,
        "changed" if earlier == name else "renamed",
        keys,
        directions,
        "" if earlier == name else earlier,
        sessions,
        ends,
        gets_fewer_events=fewer,
    )


def _closes(
    name: str, sessions: int, reason: str, closes: Mapping[str, Mapping[str, int]] | None
) -> Mapping[str, int]:
    """The sessions that a reload would close: as the service says, or if it did not say, by ``reason``."""
    if closes is not None:
        return closes.get(name, {})
    return {reason: sessions} if reason and sessions else {}


def _all_keys(entry: Plain) -> tuple[UserKey, ...]:
    """What an added user may do, and how it logs in."""
    return tuple(UserKey(key, ABSENT, entry[key]) for key in ("disabled", "read", "write") if entry[key])


# -- certificates --------------------------------------------------------------


def _certificates(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[CertificateChange]:
    for old, new in _by_listener(before, after):
        listener = (new or old or {})["listener"]
        pairs = zip_longest(old["served"] if old else (), new["served"] if new else ())
        for was, now in pairs:
            if was is None or now is None or was["sha256"] != now["sha256"]:
                yield CertificateChange(listener, was, now)


def _by_listener(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Each listener of both sides: by their place if there are as many, otherwise by their address."""
    if len(before) == len(after):
        return list(zip(before, after, strict=True))
    known = {one["listener"]: one for one in before}
    here = {one["listener"] for one in after}
    return [
        *((known.get(one["listener"]), one) for one in after),
        *((one, None) for one in before if one["listener"] not in here),
    ]


def _lost_names(certificates: Iterable[CertificateChange]) -> Iterator[str]:
    for listener, old, new in certificates:
        lost = lost_names(old["names"], new["names"]) if old and new else ()
        if lost:
            yield (
                f"{listener}: the new certificate lacks {', '.join(lost)}, and tls.lost_names is refuse; "
                "request one that has all names"
            )


def _files(running: Running, candidate: State, certificates: Iterable[CertificateChange]) -> Iterator[str]:
    """Files with new content that no changed certificate shows: keys, chains, CAs, revocation lists."""
    if len(running.files) != len(candidate.files):
        return
    shown = {change.new["sha256"] for change in certificates if change.new is not None}
    told: set[str] = set()
    listeners = [one for one in candidate.config["listeners"] if one["certificates"]]
    for number, (before, after) in enumerate(zip(running.files, candidate.files, strict=True)):
        pairs = listeners[number]["certificates"]
        for pair, served in zip(pairs, candidate.certificates[number]["served"], strict=True):
            if served["sha256"] in shown:
                told.update((pair["chain"], pair["key"]))
        for path, digest in after.items():
            if path in before and before[path] != digest and path not in told:
                told.add(path)
                yield path
