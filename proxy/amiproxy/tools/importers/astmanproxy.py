"""Converts astmanproxy.users: each line becomes an entry with rules equivalent to its fields.

The file is read as AstManProxy 1.30 reads it (config_perms.c, proxyfunc.c): all blanks
are dropped, ``;`` and ``#`` end a line, every ``=`` after the first is dropped, quotes
have no meaning, and all fields but the secret are read in lower case.  AstManProxy's
users could send any action that its one login to Asterisk was allowed; here each user
has its own classes, which the caller chooses.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from amiproxy.config.users.rules import problems
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.tools.importers.astmanproxyservers import names_of
from amiproxy.tools.importers.rates import propose_rate
from amiproxy.tools.importers.result import Imported, Level, SecretForm, credentials, is_text

#: Default classes of an imported user: none of those that are equivalent to a shell.
DEFAULT_READ: Final = ("call", "agent", "user", "dtmf", "reporting", "cdr")
DEFAULT_WRITE: Final = ("call", "agent", "user", "reporting", "originate")

_ENDS: Final = re.compile(r"[;#\r]")
_FIELDS: Final = ("channel", "out_context", "in_context", "account", "server", "more_events", "filters")


class _Only(NamedTuple):
    """A filter that passes one kind of event: its name, and the class that Asterisk gives it."""

    event: str
    privilege: str


#: AstManProxy finds these words anywhere in the field; several of them add up.
_ONLY: Final = {
    "cdronly": _Only("Cdr", "cdr"),
    "brionly": _Only("Bridge", "call"),
    "xfronly": _Only("Transfer", "call"),
}
#: Events that Asterisk 12 and later send under other names.
_BYGONE: Final = {
    "Bridge": "BridgeCreate, BridgeEnter, BridgeLeave and BridgeDestroy",
    "Transfer": "BlindTransfer and AttendedTransfer",
}
_NO_VARIABLES: Final = "novar"
_VARIABLE_EVENTS: Final = ("Set", "SetVar", "VarSet")


class _Line(NamedTuple):
    name: str
    secret: str
    fields: tuple[str, ...]
    #: The secret as written, to report what AstManProxy drops from it; never shown.
    raw_secret: str
    place: str


def import_astmanproxy_users(
    path: str,
    text: str,
    form: SecretForm = "argon2id",
    read: tuple[str, ...] = DEFAULT_READ,
    write: tuple[str, ...] = DEFAULT_WRITE,
    servers: Mapping[str, list[str]] | None = None,
) -> Imported:
    """Users with the given classes, each with rules equivalent to its fields.

    ``path`` is the file's name in messages, ``text`` its content.  ``servers`` are the names of the servers
    by their hosts (``astmanproxy_servers``); None if astmanproxy.conf is not known.  It never fails: lines
    that cannot be imported are in the notes.
    """
    imported = Imported(path)
    spelling: dict[str, str] = {}
    lines = list(_lines(path, text))
    known = _servers(imported, lines) if servers is None else servers
    for line in lines:
        entry = _Account(imported, line, form).entry(read, write, known)
        if entry is None:
            continue
        name = spelling.setdefault(line.name.lower(), line.name)
        if name in imported.users:
            text = "the user appears twice (ignoring case): the last line is kept, as in AstManProxy"
            imported.note("changed", line.place, name, text, "check the result")
        imported.users[name] = entry
    if imported.users:
        text = (
            "AstManProxy let every user run any action; here each has at most "
            f"read: {','.join(read) or 'none'} and write: {','.join(write) or 'none'}"
        )
        imported.note(
            "changed", path, "", text, "give each user the classes it needs; import with --read and --write"
        )
    if form == "argon2id" and imported.users:
        text = "secrets were hashed: clients that log in by Challenge (AuthType: MD5) will be refused"
        remedy = "for these, import with --hash none, or give the user an md5_secret"
        imported.note("changed", path, "", text, remedy)
    return imported


class _Account:
    """Converts one line to an entry.

    Where possible the texts of notes contain no values, because the report merges identical notes.
    """

    def __init__(self, imported: Imported, line: _Line, form: SecretForm) -> None:
        self._imported = imported
        self._line = line
        self._form = form
        self._given = dict(zip(_FIELDS, line.fields, strict=False))
        self._entry: dict[str, object] = {}

    def entry(
        self, read: tuple[str, ...], write: tuple[str, ...], servers: Mapping[str, list[str]]
    ) -> dict[str, object] | None:
        """The entry; None if no client could log in with it."""
        known = self._credentials()
        if known is None:
            return None
        self._entry = {**known, "read": list(read), "write": list(write)}
        self._bound()
        self._filter(read)
        propose_rate(self._imported, self._line.place, self._line.name, self._entry)
        if problems(_rules(self._entry)) or not is_text("".join(self._line.fields)):
            text = "its channel, contexts or account cannot be expressed here: the user is imported disabled"
            self._note("lost", text, "write its rules, then remove disabled")
            for key in ("channels", "contexts", "scope", "rules"):
                self._entry.pop(key, None)
            self._entry["disabled"] = True
        self._choose(servers)
        return self._entry

    def _choose(self, servers: Mapping[str, list[str]]) -> None:
        """Say which of several servers it may use."""
        preferred = self._given.get("server", "").lower()
        several = sum(map(len, servers.values())) > 1
        if preferred and preferred not in servers:
            text = f"prefers the server {preferred}, which astmanproxy.conf does not have"
            self._note("lost", text, "check its servers" if several else "")
        if not several:
            return
        if preferred in servers:
            self._entry["servers"] = list(servers[preferred])
            text = "preferred one server and saw events of all: it may use only that one now"
            self._note("changed", text, "add the others that it needs to its servers")
        else:
            self._entry["servers"] = ["*"]
            text = "may use all servers, as in AstManProxy, and also those that are added later"
            self._note("changed", text, "name those that it needs in its servers")

    def _credentials(self) -> dict[str, object] | None:
        line = self._line
        remedy = "add it with: ami-proxy users add"
        if not line.name or not is_text(line.name):
            self._imported.note(
                "lost", line.place, "", "a user's name is empty or not plain text", "rename it"
            )
            return None
        if not line.secret:
            self._note("lost", "has no secret, so AstManProxy lets any client in: not imported", remedy)
            return None
        if line.secret.startswith("$"):
            # The hash itself would become the secret, and anyone who has read the file could log in.
            text = "its secret begins with $, so AstManProxy 1.30 reads it as a hash: not imported"
            self._note("lost", text, f"{remedy}, with its secret or a new one")
            return None
        known = credentials(line.secret, self._form)
        if known is None:
            self._note("lost", "the secret is not text that YAML can hold: not imported", remedy)
        elif '"' in line.secret:
            text = "its secret has quotes: in this file AstManProxy reads them as part of the secret"
            self._note("fyi", text, "clients that could log in send them, too")
        elif line.raw_secret.strip() != line.secret:
            text = "its secret has blanks or =, which AstManProxy drops: imported without them"
            self._note("fyi", text, "clients that could log in send it without them, too")
        return known

    def _bound(self) -> None:
        """Add rules equivalent to the fields channel, contexts and account."""
        given, entry = self._given, self._entry
        keys = ("out_context", "in_context", "account")
        out_context, in_context, account = map(self._lower, keys)
        scope: dict[str, object] = {}
        rules: list[dict[str, object]] = []
        if channel := given.get("channel"):
            device = channel if "/" in channel else f"{channel}/"
            prefix = device
            device += "*" if device.endswith("/") else ""
            entry["channels"] = [device]
            scope["channels"] = [device]
            text = "its channel matched the beginning of names, ignoring case (SIP/10 covered SIP/1002)"
            remedy = "it is one device now, in this spelling; append a * if more are meant"
            self._note("changed", text, remedy)
            if out_context:
                # If an entry has contexts, they alone decide on Local channels: this rule closes them.
                rule: dict[str, object] = {
                    "action": "Originate",
                    "header": "Channel",
                    "require": {"prefix": prefix},
                }
                rules.append(rule)
        if out_context:
            entry["contexts"] = [out_context]
            text = "its actions may name nothing outside its out context; AstManProxy checked Context only"
            self._note("changed", text)
        if in_context:
            if "channels" in scope:
                # Here a context in the scope would add calls; in AstManProxy it removed some.
                text = "sees the calls of its channel in all contexts, not only in its in context"
                self._note("changed", text, "an eventfilter can exclude the others")
            else:
                scope["contexts"] = [in_context]
        if account:
            rules.append({"action": "Originate", "header": "Account", "set": account})
        if rules:
            entry["rules"] = rules
        if scope:
            entry["scope"] = {**scope, "more_events": bool(given.get("more_events"))}

    def _lower(self, key: str) -> str:
        """A field in lower case, as AstManProxy reads it; it then compares with case."""
        written = self._given.get(key, "")
        if written != written.lower():
            what = "account" if key == "account" else "context"
            text = f"AstManProxy reads the {what} of this file in lower case: imported in lower case"
            self._note("changed", text, "check whether the dialplan spells it differently")
        return written.lower()

    def _filter(self, read: tuple[str, ...]) -> None:
        """Add the restrictions of the eighth field."""
        said = self._given.get("filters", "").lower()
        only = [kind for word, kind in _ONLY.items() if word in said]
        filters: list[dict[str, str]] = [{"name": kind.event} for kind in only]
        if _NO_VARIABLES in said:
            filters += [{"action": "exclude", "name": name} for name in _VARIABLE_EVENTS]
        if filters:
            self._entry["eventfilter"] = filters
        if only:
            self._restrict(only, read)
        known = (*_ONLY, _NO_VARIABLES)
        if any(part and not any(word in part for word in known) for part in said.split("|")):
            text = f"its last field has a word that is not a filter of AstManProxy ({', '.join(known)})"
            self._note("lost", f"{text}: it had no effect", "check the result")

    def _restrict(self, only: list[_Only], read: tuple[str, ...]) -> None:
        classes = sorted({kind.privilege for kind in only})
        left = [name for name in classes if name in read or "all" in read]
        self._entry["read"] = left
        # If the eventfilter includes events, a client's own filters would add to them.
        self._entry["actions"] = {"deny": ["Filter"]}
        names = " and ".join(kind.event for kind in only)
        text = f"saw {names} events only, and no responses to its actions unless autofilter was on"
        if "scope" in self._entry:
            text += "; it saw those of all calls, here its channel or in context limits them"
        self._note(
            "changed", f"{text}: read and eventfilter leave it these events, and it gets all responses"
        )
        for kind in only:
            if instead := _BYGONE.get(kind.event):
                text = f"Asterisk 12 and later send no {kind.event} event, and AstManProxy passed no other"
                self._note("changed", text, f"add to its eventfilter those that are meant, of {instead}")
        for privilege in set(classes).difference(left):
            text = f"does not read class {privilege}, which the events left to it have"
            self._note("changed", text, f"import with {privilege} in --read")

    def _note(self, level: Level, text: str, remedy: str = "") -> None:
        self._imported.note(level, self._line.place, self._line.name, text, remedy)


def _rules(entry: dict[str, object]) -> Rules:
    """The lists and the scope as users.yaml will read them, for validation; ``rules`` is always valid."""
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


def _servers(imported: Imported, lines: list[_Line]) -> Mapping[str, list[str]]:
    """The servers that users prefer, by host.  One more stands for those that nobody prefers."""
    place = _FIELDS.index("server")
    preferred = dict.fromkeys(
        line.fields[place].lower() for line in lines if len(line.fields) > place and line.fields[place]
    )
    if not preferred:
        return {}
    text = "users prefer servers, but astmanproxy.conf is not in the same folder"
    remedy = "check that the names in servers are those of proxy.yaml, or import again with that file"
    imported.note("changed", imported.source, "", text, remedy)
    names = names_of([(host, 0) for host in preferred])
    return {"": ["*"], **{host: [name] for host, name in zip(preferred, names, strict=True)}}


def _lines(path: str, text: str) -> Iterator[_Line]:
    for number, raw in enumerate(text.split("\n"), 1):
        written = _ENDS.split(raw, maxsplit=1)[0]
        kept = written.replace(" ", "").replace("\t", "")
        if not kept:
            continue
        name, _, value = kept.partition("=")
        secret, *fields = value.replace("=", "").split(",")
        raw_secret = written.partition("=")[2].split(",", 1)[0]
        yield _Line(name, secret, tuple(fields), raw_secret, f"{path}:{number}")
