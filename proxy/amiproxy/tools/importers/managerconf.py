"""Converts manager.conf: every user and its keys, and the settings of the service in [general]."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from amiproxy.ami.errors import FilterMalformed, FilterSyntaxError
from amiproxy.ami.eventfilter import compile_advanced, compile_legacy, from_mapping
from amiproxy.ami.values import ast_true
from amiproxy.tools.importers.accesslists import NOBODY, acl_line, closes_one_family, in_common, named_lists
from amiproxy.tools.importers.asteriskconf import BLANKS, Configuration, Files, Section, Setting, parse
from amiproxy.tools.importers.classlists import read_classes
from amiproxy.tools.importers.general import LINK_USER, SERVICE_KEYS, propose_service
from amiproxy.tools.importers.rates import propose_rate
from amiproxy.tools.importers.result import Imported, Level, SecretForm, credentials, is_text

_CRITERION = re.compile(r"(action|name|header|method)\(([^()]*)\)")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]+")
_DISABLED: Final = "the user is imported disabled"


def import_manager_conf(path: str, text: str, files: Files, form: SecretForm = "argon2id") -> Imported:
    """Users and a proposal for the service.  ``files`` must also find acl.conf and users.conf.

    ``path``, ``text`` and ``files`` are as for ``asteriskconf.parse``.  Raises Unfit, with the place, for
    anything that would make Asterisk reject the file.
    """
    configuration = parse(path, text, files)
    imported = Imported(path)
    for remark in configuration.remarks:
        imported.note("lost", remark.place, "", remark.text)
    general = [section for section in configuration.sections if section.name.lower() == "general"]
    settings = [setting for section in general for setting in section.settings]
    propose_service(imported, settings)
    lists = named_lists(files, imported)
    alone = any(
        setting.name.lower() == "allowmultiplelogin" and not ast_true(setting.value) for setting in settings
    )
    for name, sections in _accounts(configuration, imported).items():
        _Account(imported, name, lists, form, alone).read(sections)
    if _accounts_elsewhere(files):
        text = "users.conf also has manager users (hasmanager = yes), which are not imported"
        imported.note("lost", "users.conf", "", text, "add them with: ami-proxy users add")
    if form == "argon2id" and imported.users:
        imported.note(
            "changed",
            path,
            "",
            "secrets were hashed: clients that log in by Challenge (AuthType: MD5) will be refused",
            "for these, import with --hash none, or give the user an md5_secret",
        )
    return imported


def _accounts(configuration: Configuration, imported: Imported) -> dict[str, list[Section]]:
    """Sections by user.  Names that differ only in case are the same, in Asterisk and in users.yaml."""
    accounts: dict[str, list[Section]] = {}
    spelling: dict[str, str] = {}
    for section in configuration.sections:
        if section.name.lower() == "general":
            continue
        if not section.name or not is_text(section.name):
            imported.note("lost", section.place, "", "a user's name is empty or not plain text", "rename it")
            continue
        if section.name.lower() == LINK_USER:
            text = f"{LINK_USER} is the proxy's own login to Asterisk, so it is not imported as a user"
            imported.note("fyi", section.place, "", text)
            continue
        name = spelling.setdefault(section.name.lower(), section.name)
        accounts.setdefault(name, []).append(section)
        if len(accounts[name]) > 1:
            text = "the user has more than one section; they are merged as in Asterisk, a later line wins"
            imported.note("changed", section.place, name, text, "check the result")
    return accounts


def _accounts_elsewhere(files: Files) -> bool:
    return any(
        setting.name.lower() == "hasmanager" and ast_true(setting.value)
        for path, text in files("users.conf")
        for section in parse(path, text, files).sections
        for setting in section.settings
    )


class _Account:
    """Converts one user to an entry."""

    def __init__(
        self,
        imported: Imported,
        name: str,
        named_lists: dict[str, list[str]],
        form: SecretForm,
        alone: bool,
    ) -> None:
        self._imported = imported
        self._name = name
        self._named_lists = named_lists
        self._form = form
        self._alone = alone
        self._secret: Setting | None = None
        self._classes: dict[str, str | list[str]] = {"read": [], "write": []}
        self._lines: list[str] = []
        self._lists: list[list[str]] = []
        self._named: set[str] = set()
        self._filters: list[object] = []
        self._variables: dict[str, str] = {}
        self._disabled = False

    def read(self, sections: Iterable[Section]) -> None:
        """Read the settings and add the entry to the users, unless no client could log in with it."""
        place = ""
        for section in sections:
            place = place or section.place
            # Asterisk starts with these empty in every section of a user.
            self._lines, self._lists, self._filters = [], [], []
            self._named = set()
            for setting in section.settings:
                self._take(setting)
        self._finish(place)

    def _take(self, setting: Setting) -> None:
        key = setting.name.lower()
        if setting.name.startswith("eventfilter"):
            self._take_filter(setting)
        elif taken := self._KEYS.get(key):
            taken(self, setting)
        elif key in SERVICE_KEYS:
            self._note("lost", setting, f"{key} has no effect in a user's section")
        else:
            self._note("lost", setting, f"{setting.name} is not a key that Asterisk knows for a user")

    def _take_secret(self, setting: Setting) -> None:
        self._secret = setting

    def _take_classes(self, setting: Setting) -> None:
        key = setting.name.lower()
        found = read_classes(setting.value)
        self._classes[key] = found.classes
        for remark in found.remarks:
            self._note("changed", setting, f"{key}: {remark}", "add the intended classes to the entry")

    def _take_network(self, setting: Setting) -> None:
        line = acl_line(setting)
        if line is None:
            text = f"{setting.name.lower()} = {setting.value} is not a network; Asterisk drops such a user"
            self._disable(setting, text, "correct the entry's acl")
            self._lists.append(list(NOBODY))
        else:
            self._lines.append(line)

    def _take_named_lists(self, setting: Setting) -> None:
        """One name, or several separated by commas.  Asterisk drops blanks before a name, not after it."""
        for written in setting.value.split(","):
            name = written.lstrip(BLANKS)
            lines = self._named_lists.get(name)
            if name.lower() in self._named:
                text = f"acl names the list {name} twice, and Asterisk drops such a user"
                self._disable(setting, text, "correct the entry's acl")
                lines = list(NOBODY)
            elif not name:
                text = "acl has an empty list name: every address is denied, as in Asterisk"
                self._note("changed", setting, text, "correct the entry's acl")
                lines = list(NOBODY)
            elif lines is None:
                text = f"the list {name} is not in acl.conf: every address is denied, as in Asterisk"
                remedy = "put acl.conf into the folder of the file, or write the entry's acl"
                self._note("changed", setting, text, remedy)
                lines = list(NOBODY)
            self._named.add(name.lower())
            self._lists.append(lines)

    def _take_filter(self, setting: Setting) -> None:
        criteria = setting.name.removeprefix("eventfilter")
        try:
            written = _filter(criteria, setting.value)
        except FilterMalformed as error:
            # Asterisk ignores it, too, so the user sees no more than before.
            self._note("lost", setting, f"the eventfilter is invalid, also for Asterisk: {error.reason}")
        except FilterSyntaxError as error:
            text = f"the eventfilter cannot be expressed here ({error.reason})"
            self._disable(setting, text, "write it in another way")
        else:
            self._filters.append(written)

    def _take_variable(self, setting: Setting) -> None:
        name, equals, value = setting.value.partition("=")
        if not equals or not _VARIABLE_NAME.fullmatch(name) or not is_text(value):
            text = f"setvar {name} is not a plain variable with a plain value: no longer set"
            self._note("lost", setting, text, "set it in the dialplan")
        elif name in self._variables:
            self._note("changed", setting, f"setvar {name} appears twice: the first is kept, as in Asterisk")
        else:
            self._variables[name] = value

    def _take_multiple(self, setting: Setting) -> None:
        self._alone = not ast_true(setting.value)

    def _take_needless(self, setting: Setting) -> None:
        self._note("fyi", setting, f"{setting.name.lower()} is not needed: {_NEEDLESS[setting.name.lower()]}")

    _KEYS: Final[dict[str, Callable[["_Account", Setting], None]]] = {
        "secret": _take_secret,
        "read": _take_classes,
        "write": _take_classes,
        "permit": _take_network,
        "deny": _take_network,
        "acl": _take_named_lists,
        "setvar": _take_variable,
        "allowmultiplelogin": _take_multiple,
        "writetimeout": _take_needless,
        "displayconnects": _take_needless,
    }

    def _finish(self, place: str) -> None:
        if self._secret is None or not self._secret.value:
            text = "no secret, so no client can log in with it: not imported"
            self._imported.note("lost", place, self._name, text, "add it with: ami-proxy users add")
            return
        known = credentials(self._secret.value, self._form)
        if known is None:
            text = "the secret is not text that YAML can hold: not imported"
            self._note(
                "lost", self._secret, text, "import with --hash argon2id, or give the user a new secret"
            )
            return
        entry: dict[str, object] = {**known, **self._classes}
        propose_rate(self._imported, place, self._name, entry)
        if acl := self._acl(place):
            entry["acl"] = acl
        if self._filters:
            entry["eventfilter"] = self._filters
        if self._variables:
            entry["setvar"] = self._variables
        if self._alone:
            entry["allowmultiplelogin"] = False
        if self._disabled:
            entry["disabled"] = True
        self._imported.users[self._name] = entry

    def _acl(self, place: str) -> list[str]:
        given = [lines for lines in (self._lines, *self._lists) if lines]
        if any(closes_one_family(lines) for lines in given):
            text = "all of IPv4 or all of IPv6 is denied, but not both: here that applies to both"
            self._imported.note("changed", place, self._name, text, "permit what is wanted of the other")
        if len(given) > 1:
            text = "acl is the intersection of its permit and deny lines and its named lists"
            self._imported.note("fyi", place, self._name, text)
        return in_common(given)

    def _disable(self, setting: Setting, text: str, remedy: str) -> None:
        self._disabled = True
        self._note("lost", setting, f"{text}: {_DISABLED}", f"{remedy}, then remove disabled")

    def _note(self, level: Level, setting: Setting, text: str, remedy: str = "") -> None:
        self._imported.note(level, setting.place, self._name, text, remedy)


_NEEDLESS: Final = {
    "writetimeout": "limits.outbox_soft, outbox_hard and outbox_stall limit what waits for a slow client",
    "displayconnects": "the log has logins and the ends of sessions",
}


def _filter(criteria: str, pattern: str) -> object:
    """The filter in the form of users.yaml.  Raises FilterSyntaxError if it cannot be expressed there."""
    if not is_text(criteria + pattern):
        raise FilterSyntaxError("", "it is not plain text in UTF-8")
    if not criteria:
        compile_legacy(pattern.encode(), None)
        return pattern
    words = dict(_CRITERION.findall(criteria))
    bare = pattern.removeprefix("!")
    if bare != pattern:
        words.setdefault("action", "exclude")
    if bare:
        words["match"] = bare
    same = compile_advanced(criteria.strip()[1:-1].encode(), pattern.encode(), None)
    if from_mapping(**words) != same:
        raise FilterSyntaxError("", "its syntax is ambiguous")
    return words
