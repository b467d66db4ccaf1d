"""AstManProxy's two files: astmanproxy.conf and astmanproxy.users (ami.md §9).

Both are read as AstManProxy reads them: blanks are dropped wherever they stand,
``;`` and ``#`` end a line, an ``=`` after the first is lost.  Its users could send
any action that the one login to Asterisk was allowed; here each has classes of
its own, and the caller says which.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.config.rules import Rules, Scope, problems
from proxy.importers.general import LINK_USER
from proxy.importers.result import Imported, Level, SecretForm, credentials, is_text

#: Classes of an imported user unless the caller says otherwise: none of those that are as good as a shell.
DEFAULT_READ: Final = ("call", "agent", "user", "dtmf", "reporting", "cdr")
DEFAULT_WRITE: Final = ("call", "agent", "user", "reporting", "originate")

_ENDS = re.compile(r"[;#\r]")
_FIELDS: Final = ("channel", "out_context", "in_context", "account", "server", "more_events")
_DEFAULT_PORT: Final = 5038
_DEFAULT_LISTEN: Final = "1234"


class _Line(NamedTuple):
    name: str
    value: str
    place: str


def import_astmanproxy_users(
    path: str,
    text: str,
    form: SecretForm = "argon2id",
    read: tuple[str, ...] = DEFAULT_READ,
    write: tuple[str, ...] = DEFAULT_WRITE,
) -> Imported:
    """Users with the given classes, each with the rules that say what its fields said."""
    imported = Imported(path)
    spelling: dict[str, str] = {}
    for line in _lines(path, text):
        entry = _entry(imported, line, form, read, write)
        if entry is None:
            continue
        name = spelling.setdefault(line.name.lower(), line.name)
        if name in imported.users:
            text = "the user stands twice (case does not count): the last line is kept, as in AstManProxy"
            imported.note("changed", line.place, name, text, "look at the result")
        imported.users[name] = entry
    if imported.users:
        text = (
            "AstManProxy let every user run any action; here all have "
            f"read: {','.join(read) or 'none'} and write: {','.join(write) or 'none'}"
        )
        imported.note("changed", path, "", text, "give each what it needs; import with --read and --write")
    if form == "argon2id" and imported.users:
        text = "secrets came over as hashes: clients that log in by Challenge (AuthType: MD5) will be refused"
        remedy = "for these, import with --hash none, or give the user an md5_secret"
        imported.note("changed", path, "", text, remedy)
    return imported


def import_astmanproxy_conf(path: str, text: str) -> Imported:
    """A proposal for the service, with the secret of the first Asterisk named."""
    imported = Imported(path)
    values: dict[str, _Line] = {}
    hosts = []
    for line in _lines(path, text):
        key = line.name.lower()
        if key == "host":
            hosts.append(line)
        values[key] = line
        if key not in _NOTES and key not in ("host", "listenaddress", "listenport", "certfile"):
            imported.note("lost", line.place, "", f"{line.name} is no key that AstManProxy knows")
    certificate = values.get("certfile")
    pem = certificate.value if certificate else "certs/server.pem"
    imported.proxy = {
        "upstream": _upstream(imported, hosts),
        "listeners": [{"address": _address(imported, values), "certificates": [{"chain": pem, "key": pem}]}],
        "users_file": "users.yaml",
    }
    text = (
        "AstManProxy kept certificate and key in one file; the proxy's own copy must be mode 0640 or tighter"
    )
    imported.note(
        "fyi", certificate.place if certificate else path, "", text, "ami-proxy certs check judges it"
    )
    for line in values.values():
        if said := _NOTES.get(line.name.lower()):
            said.about(imported, line)
    return imported


# -- users -----------------------------------------------------------------


def _entry(
    imported: Imported, line: _Line, form: SecretForm, read: tuple[str, ...], write: tuple[str, ...]
) -> dict[str, object] | None:
    secret, *rest = line.value.split(",")
    given = dict(zip(_FIELDS, rest, strict=False))
    if not line.name or not is_text(line.name):
        imported.note("lost", line.place, "", "a user's name is empty or no plain text", "rename it")
        return None
    known = credentials(secret, form) if secret else None
    if known is None:
        text = "no secret, with which AstManProxy lets in everybody: left out"
        if secret:
            text = "the secret is no text that YAML can hold: left out"
        imported.note("lost", line.place, line.name, text, "add it with: ami-proxy users add")
        return None
    entry: dict[str, object] = {**known, "read": list(read), "write": list(write)}
    _narrow(imported, line, given, entry)
    if problems(_rules(entry)) or not is_text("".join(rest)):
        text = "its channel, contexts or account cannot be said here: the user comes over disabled"
        imported.note("lost", line.place, line.name, text, "write its rules, then remove disabled")
        for key in ("channels", "contexts", "scope", "rules"):
            entry.pop(key, None)
        entry["disabled"] = True
    if given.get("server"):
        text = f"prefers the server {given['server']}: the proxy has one Asterisk"
        imported.note("lost", line.place, line.name, text, "run one proxy for each Asterisk")
    return entry


def _narrow(imported: Imported, line: _Line, given: dict[str, str], entry: dict[str, object]) -> None:
    """Add the rules that a line's fields stand for."""
    scope: dict[str, object] = {}
    if channel := given.get("channel"):
        device = channel if "/" in channel else f"{channel}/"
        device += "*" if device.endswith("/") else ""
        entry["channels"] = [device]
        scope["channels"] = [device]
        text = f"{channel} was the beginning of a channel's name in any case (SIP/10 covered SIP/1002)"
        remedy = f"it is the device {device} now, in this spelling; write {device}* if more is meant"
        imported.note("changed", line.place, line.name, text, remedy)
    if context := given.get("out_context"):
        entry["contexts"] = [context]
        text = f"all that its actions name must lie in {context}; AstManProxy looked at Context alone"
        imported.note("changed", line.place, line.name, text)
    if context := given.get("in_context"):
        if "channels" in scope:
            # Ours adds calls where AstManProxy's took some away.
            text = f"sees the calls of its channel in all contexts, not only in {context}"
            imported.note("changed", line.place, line.name, text, "an eventfilter can leave out the others")
        else:
            scope["contexts"] = [context]
    if account := given.get("account"):
        entry["rules"] = [{"action": "Originate", "header": "Account", "set": account}]
    if scope:
        entry["scope"] = {**scope, "more_events": bool(given.get("more_events"))}


def _rules(entry: dict[str, object]) -> Rules:
    """The lists and the scope as the table will read them, for judging; the rule on Account is sound."""
    scope = entry.get("scope")
    return Rules(
        channels=_texts(entry.get("channels")),
        contexts=_texts(entry.get("contexts")),
        scope=None
        if not isinstance(scope, dict)
        else Scope(
            channels=_texts(scope.get("channels")) or (),
            contexts=_texts(scope.get("contexts")) or (),
            more_events=bool(scope["more_events"]),
        ),
    )


def _texts(given: object) -> tuple[str, ...] | None:
    return tuple(given) if isinstance(given, list) else None


# -- astmanproxy.conf ------------------------------------------------------


def _upstream(imported: Imported, hosts: list[_Line]) -> dict[str, object]:
    upstream: dict[str, object] = {"host": "127.0.0.1", "port": _DEFAULT_PORT, "username": LINK_USER}
    upstream |= {"secret_file": "upstream.secret"}
    if hosts:
        line = hosts[0]
        host, port, user, secret, *rest = [*line.value.split(","), "", "", ""]
        upstream["port"] = int(port) if port.isascii() and port.isdigit() and int(port) else _DEFAULT_PORT
        upstream["username"] = user or LINK_USER
        imported.upstream_secret = secret.encode("utf-8", "surrogateescape")
        if not _is_here(host):
            text = f"Asterisk was reached at {host}, by a link in plain text"
            remedy = "run the proxy beside Asterisk, or set upstream.host and insecure_remote: true"
            imported.note("changed", line.place, "", text, remedy)
        if len(rest) > 1 and rest[1].lower() == "on":
            imported.note(
                "changed", line.place, "", "the link to Asterisk is plain text on loopback, not TLS"
            )
        text = f"the manager user {upstream['username']} must have read = all and write = all now"
        remedy = "every user's rights are the proxy's to judge; AstManProxy may have lower-cased its secret"
        imported.note("fyi", line.place, "", text, remedy)
    for line in hosts[1:]:
        text = f"a further Asterisk, {line.value.split(',')[0]}: the proxy has one"
        imported.note("lost", line.place, "", text, "run one proxy for each Asterisk")
    return upstream


def _address(imported: Imported, values: dict[str, _Line]) -> str:
    port = values["listenport"].value if "listenport" in values else _DEFAULT_LISTEN
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        port = _DEFAULT_LISTEN
    line = values.get("listenaddress")
    if line is None or line.value == "*":
        return f"0.0.0.0:{port}"
    try:
        return f"{ipaddress.IPv4Address(line.value)}:{port}"
    except ValueError:
        text = "listenaddress is no address: the proposal listens on all"
        imported.note("changed", line.place, "", text, "correct listeners[0].address")
        return f"0.0.0.0:{port}"


class _Said(NamedTuple):
    """What the report says of a key; nothing where its value is ``unless``."""

    level: Level
    text: str
    remedy: str = ""
    unless: str = ""

    def about(self, imported: Imported, line: _Line) -> None:
        if line.value.lower() != self.unless:
            imported.note(self.level, line.place, "", f"{line.name.lower()}: {self.text}", self.remedy)


_NOTES: Final = {
    "acceptunencryptedconnection": _Said(
        "lost", "clients in plain text are refused", "let them speak TLS", unless="no"
    ),
    "authrequired": _Said("lost", "every client must log in as a user", "make users", unless="yes"),
    "proxykey": _Said("lost", "there is no key that lets in everybody", "make users"),
    "inputformat": _Said("lost", "clients speak AMI only", "rewrite clients of XML and HTTP", "standard"),
    "outputformat": _Said("lost", "clients are answered in AMI only", "rewrite clients", "standard"),
    "autofilter": _Said("changed", "each client gets its own answers and no others, always", unless="unique"),
    "asteriskwritetimeout": _Said("fyi", "not needed"),
    "clientwritetimeout": _Said("fyi", "a slow client is judged by limits.outbox_soft, _hard and _stall"),
    "sslclienthellotimeout": _Said("fyi", "a handshake has limits.handshake_timeout, and holds up nobody"),
    "acceptencryptedconnection": _Said("fyi", "clients always speak TLS", unless="yes"),
    "retryinterval": _Said("fyi", "the link comes back after limits.reconnect_min to reconnect_max"),
    "maxretries": _Said("fyi", "the link is tried for ever", unless="0"),
    "proc_user": _Said("fyi", "the service manager starts the proxy under its own user"),
    "proc_group": _Said("fyi", "the service manager starts the proxy under its own group"),
    "logfile": _Said("fyi", "the log is on standard error, which the journal keeps"),
}


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lines(path: str, text: str) -> Iterator[_Line]:
    for number, raw in enumerate(text.split("\n"), 1):
        kept = _ENDS.split(raw, maxsplit=1)[0].replace(" ", "").replace("\t", "")
        if kept:
            name, _, value = kept.partition("=")
            yield _Line(name, value.replace("=", ""), f"{path}:{number}")
