"""Asterisk's settings as it reports them: the manager, the link's user, and files that it shows.

Missing rows and refused commands become findings, too: versions and privilege classes
differ, and a setting that could not be checked is not necessarily right.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from amiproxy.ami.values import ast_true
from amiproxy.config import Unfit
from amiproxy.core.model.networks import AccessRule, parse_rules
from amiproxy.tools.doctor.finding import DoctorFinding, fail, ok, unknown, warn
from amiproxy.tools.doctor.probe import Probe

_SUBJECT: Final = "asterisk"
_ROW: Final = re.compile(r"\s*([^:]+):\s*(.*?)\s*")
_LINE: Final = re.compile(rb"line-\d+-\d+", re.IGNORECASE)
#: Events that the proxy itself needs.
_NEEDED: Final = frozenset({"OriginateResponse", "FullyBooted"})
#: Milliseconds: the recommended writetimeout of the link, and Asterisk's default.
_WRITE_TIMEOUT: Final = 5000
_ASTERISKS_WRITE_TIMEOUT: Final = 100
_EVERYBODY: Final = ipaddress.ip_network("0.0.0.0/0")
_SETTINGS: Final = "manager show settings"

#: All settings that this module checks, for the finding that Asterisk could not be queried.
ALL: Final = (
    "bindaddr, webenabled, tlsenable, displayconnects, disabledevents; the link's acl, "
    "writetimeout, allowmultiplelogin, setvar and sessions; live_dangerously"
)


class Link(NamedTuple):
    """How the proxy reaches Asterisk: as this manager user, from the same machine or not, by TLS or not."""

    username: str
    is_near: bool = True
    is_tls: bool = False


def examine(probe: Probe, link: Link) -> Iterator[DoctorFinding]:
    """Check all settings; ``probe`` is logged in over such a link.  Raises ProbeError."""
    username = link.username
    rows = _rows(probe.command(_SETTINGS))
    user = _rows(probe.command(f"manager show user {username}"))
    yield from _manager(rows, link)
    yield from _displayconnects(rows, user, username)
    yield from _link_user(user, link)
    yield _sessions(probe, username)
    yield from _section(probe, link)
    yield from _live_dangerously(probe)


def _manager(rows: dict[str, str], link: Link) -> Iterator[DoctorFinding]:
    if not rows:
        text = "not known: bindaddr, webenabled, tlsenable, disabledevents: the command was refused"
        yield unknown(_SUBJECT, text, f"look at: asterisk -rx '{_SETTINGS}'")
        return
    yield _bound(rows.get("tcp bindaddress"), link)
    yield _off(rows.get("web manager (ami/http)"), "webenabled", "its manager is open over HTTP, too")
    if link.is_tls and ast_true(rows.get("tls enable", "")):
        yield ok(_SUBJECT, "tlsenable is yes, and the link uses TLS")
    else:
        yield _off(rows.get("tls enable"), "tlsenable", "its manager has a TLS port of its own")
    disabled = rows.get("disabled events")
    if disabled is None:
        yield _unsaid("disabledevents")
    elif off := _NEEDED & set(filter(None, re.split(r"[ ,]+", disabled))):
        text = f"disabledevents turns off {', '.join(sorted(off))}, which the proxy needs"
        yield fail(_SUBJECT, text, "remove it from disabledevents in manager.conf")


def _bound(address: str | None, link: Link) -> DoctorFinding:
    if not address:
        return _unsaid("bindaddr")
    host = address.rpartition(":")[0].strip("[]")
    try:
        bound = ipaddress.ip_address(host)
    except ValueError:
        return unknown(_SUBJECT, f"not known: whether bindaddr {address} is loopback", "look at bindaddr")
    if bound.is_loopback:
        return ok(_SUBJECT, f"bindaddr is {address}")
    if not link.is_near and not link.is_tls:
        text = f"bindaddr is {address}: the link needs it, and passes the network in plain text"
        return warn(_SUBJECT, text, "reach it by TLS (tls in proxy.yaml), or by a proxy on its own machine")
    text = f"bindaddr is {address}: other machines can bypass the proxy, in plain text"
    return fail(_SUBJECT, text, "set bindaddr = 127.0.0.1 in manager.conf, and restart Asterisk")


def _off(said: str | None, key: str, otherwise: str) -> DoctorFinding:
    if said is None:
        return _unsaid(key)
    if ast_true(said):
        return warn(_SUBJECT, f"{otherwise}, which bypasses the proxy", f"set {key} = no")
    return ok(_SUBJECT, f"{key} is no")


def _unsaid(key: str) -> DoctorFinding:
    text = f"not known: {key}, which this version does not show"
    return unknown(_SUBJECT, text, f"look at {key} in manager.conf")


def _displayconnects(rows: dict[str, str], user: dict[str, str], username: str) -> Iterator[DoctorFinding]:
    said = user.get("displayconnects", rows.get("display connects"))
    if said is None:
        text = "not known: displayconnects, which Asterisk does not show"
        yield unknown(
            _SUBJECT, text, f"look at displayconnects in [general] and [{username}] of manager.conf"
        )
    elif ast_true(said):
        text = "displayconnects: each login of the link adds a line to Asterisk's console and log"
        yield warn(_SUBJECT, text, f"set displayconnects = no for [{username}]")
    else:
        yield ok(_SUBJECT, "displayconnects is no")


def _link_user(rows: dict[str, str], link: Link) -> Iterator[DoctorFinding]:
    username = link.username
    if not rows:
        text = f"{username} may not run CLI commands, so users with class command cannot, either"
        yield warn(_SUBJECT, text, f"set write = all for [{username}] in manager.conf")
        text = f"not known: acl, allowmultiplelogin and setvar of {username}"
        yield unknown(_SUBJECT, text, f"look at: asterisk -rx 'manager show user {username}'")
        return
    for key in ("read perm", "write perm"):
        if "all" not in rows.get(key, "").split(","):
            text = f"{username} has less than {key.partition(' ')[0]} = all, which limits every user"
            yield fail(_SUBJECT, text, f"set {key.partition(' ')[0]} = all for [{username}] in manager.conf")
    for row, key in (("acl", "acl"), ("allowmultiplelogin", "allowmultiplelogin"), ("variables", "setvar")):
        if row not in rows:
            text = f"not known: {key} of {username}, which this version does not show"
            yield unknown(_SUBJECT, text, f"look at [{username}] in manager.conf")
    if rows.get("acl") == "no":
        text = f"{username} may log in from any address that reaches the port"
        permit = "permit = 127.0.0.1/255.255.255.255" if link.is_near else "a permit for the proxy's address"
        yield warn(_SUBJECT, text, f"set deny = 0.0.0.0/0.0.0.0, deny = ::/0, {permit} for [{username}]")
    if rows.get("allowmultiplelogin") == "no":
        text = f"{username} may log in only once: no side links, and a stale session may block the link"
        yield warn(_SUBJECT, text, f"set allowmultiplelogin = yes for [{username}]")
    if rows.get("variables"):
        text = f"{username} has setvar lines, which can abort Asterisk at a manager reload"
        yield fail(_SUBJECT, text, f"remove setvar from [{username}]; users.yaml has it for each user")


def _sessions(probe: Probe, username: str) -> DoctorFinding:
    lines = probe.command("manager show connected")
    # Without this login; the proxy's link is among the others if it runs.
    others = sum(line.lower().split()[:1] == [username.lower()] for line in lines) - 1
    if others < 0:
        text = f"not known: other sessions logged in as {username}"
        return unknown(_SUBJECT, text, "look at: asterisk -rx 'manager show connected'")
    text = f"other sessions logged in as {username}: {others}"
    if others > 1:
        return warn(
            _SUBJECT, f"{text}; one is the link", f"give other programs that use [{username}] their own login"
        )
    return ok(_SUBJECT, text)


def _section(probe: Probe, link: Link) -> Iterator[DoctorFinding]:
    """Check settings that only the file shows.  Asterisk sends the whole section, with its secret."""
    username = link.username
    remedy = f"look at writetimeout, permit and deny of [{username}] in manager.conf"
    if not link.is_near and not link.is_tls:
        text = "not known: writetimeout and the acl's lines: asking would send the secret over the network"
        yield unknown(_SUBJECT, text, remedy)
        return
    lines = _lines(probe, "manager.conf", username)
    if lines is None:
        text = f"not known: writetimeout and the acl's lines: manager.conf shows no [{username}]"
        yield unknown(_SUBJECT, text, remedy)
        return
    yield _write_timeout(lines, username)
    yield from _acl(lines, link)


def _write_timeout(lines: Sequence[tuple[str, str]], username: str) -> DoctorFinding:
    given = _ASTERISKS_WRITE_TIMEOUT
    for key, value in lines:
        # Asterisk keeps its default if the value is invalid.
        if key == "writetimeout" and value.isascii() and value.isdigit():
            given = max(int(value), _ASTERISKS_WRITE_TIMEOUT)
    text = f"writetimeout of {username} is {given} ms"
    if given >= _WRITE_TIMEOUT:
        return ok(_SUBJECT, text)
    text += ": Asterisk closes the link if the proxy does not read for that long"
    return warn(_SUBJECT, text, f"set writetimeout = {_WRITE_TIMEOUT} for [{username}]")


def _acl(lines: Sequence[tuple[str, str]], link: Link) -> Iterator[DoctorFinding]:
    username = link.username
    written = [(key, value) for key, value in lines if key in ("permit", "deny", "acl")]
    for key, value in written:
        if key == "acl":
            text = f"not known: which addresses the named acl {value} permits for {username}"
            yield unknown(_SUBJECT, text, "look at acl.conf")
    rules: list[AccessRule] = []
    for key, value in written:
        try:
            rules += parse_rules(f"{key} {value}") if key != "acl" else ()
        except Unfit as error:
            text = f"{key} = {value} of {username}: {error}"
            yield fail(_SUBJECT, text, "correct it; Asterisk drops such a user at the next reload")
    for rule in rules:
        if rule.permits and not rule.network.is_loopback and (link.is_near or rule.network.num_addresses > 1):
            text = f"{username} may log in from {rule.network}"
            only = "127.0.0.1/255.255.255.255" if link.is_near else "the proxy's address"
            yield warn(_SUBJECT, text, f"permit only {only} for [{username}]")
    if rules and not any(not rule.permits and rule.network == _EVERYBODY for rule in rules):
        text = f"{username} has an acl, but no rule that denies all other addresses"
        yield warn(_SUBJECT, text, f"set deny = 0.0.0.0/0.0.0.0 before the permit of [{username}]")


def _live_dangerously(probe: Probe) -> Iterator[DoctorFinding]:
    lines = _lines(probe, "asterisk.conf", "options")
    if lines is None:
        text = "not known: live_dangerously, because Asterisk does not show asterisk.conf"
        yield unknown(_SUBJECT, text, "check that live_dangerously is no in [options] of asterisk.conf")
    elif any(key == "live_dangerously" and ast_true(value) for key, value in lines):
        text = "live_dangerously is on: logins that bypass the proxy can run programs by dialplan functions"
        yield warn(_SUBJECT, text, "set live_dangerously = no in asterisk.conf, and restart Asterisk")
    else:
        yield ok(_SUBJECT, "live_dangerously is no")


def _lines(probe: Probe, file: str, category: str) -> list[tuple[str, str]] | None:
    """The (key, value) lines of one section of a file; None if Asterisk does not show it."""
    reply = probe.ask("GetConfig", Filename=file, Category=category)
    sections = [value for name, value in reply.headers if name.lower().startswith(b"category-")]
    if [section.decode("utf-8", "replace").lower() for section in sections] != [category.lower()]:
        return None
    found = []
    for name, value in reply.headers:
        if _LINE.fullmatch(name):
            key, _, said = value.decode("utf-8", "replace").partition("=")
            found.append((key.strip().lower(), said.strip()))
    return found


def _rows(lines: list[str]) -> dict[str, str]:
    """``Key: value`` rows of a command's output, keys in lower case."""
    matches = (_ROW.fullmatch(line) for line in lines)
    return {match[1].lower(): match[2] for match in matches if match is not None}
