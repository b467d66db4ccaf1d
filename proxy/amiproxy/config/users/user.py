"""users.yaml as types: the keys of an entry, and the checks of their values."""

import re
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from amiproxy.ami.errors import FilterSyntaxError
from amiproxy.ami.eventfilter import EventFilter, compile_legacy, from_mapping
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import KeyPath
from amiproxy.config.users.classes import Classes, mask_of
from amiproxy.config.users.narrowing import Narrowing, problems_of_narrowing
from amiproxy.config.users.rules import problems as problems_of
from amiproxy.config.users.servers import ServerPatterns
from amiproxy.config.web.values import UserDoor
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.limits import SlowConsumer, UpstreamLost, UserLimits
from amiproxy.core.model.networks import parse_rules
from amiproxy.core.model.phc import check_hash
from amiproxy.core.model.rules import Rules
from amiproxy.x509.identity import Binding, CertificateLogin, LoginWay

#: Asterisk cuts longer names, so that two different users could become the same.
MAX_NAME_BYTES = 79

_FILTER_REMEDY = "write it as Asterisk's manager.conf.sample explains under eventfilter"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]+")


class AdvancedFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asterisk 22's advanced ``eventfilter``; at least one of name, header and match is required."""

    action: Literal["include", "exclude"] = "include"
    name: str | None = None
    header: str | None = None
    method: Literal["regex", "exact", "starts_with", "ends_with", "contains", "none"] = "none"
    match: str | None = None


@lru_cache(maxsize=4096)
def compile_filter(written: str | AdvancedFilter) -> EventFilter:
    """One eventfilter, compiled.  Raises Unfit with the reason if it is not valid."""
    try:
        if isinstance(written, str):
            return compile_legacy(written.encode())
        return from_mapping(
            action=written.action,
            name=written.name,
            header=written.header,
            method=written.method,
            match=written.match,
        )
    except FilterSyntaxError as error:
        raise Unfit(error.reason or str(error), _FILTER_REMEDY) from None


def _check_recoverable(secret: str) -> None:
    if not secret or _CONTROL.search(secret):
        remedy = "make one with: ami-proxy users generate"
        raise Unfit("the secret is empty, or contains a line break or control character", remedy)


class UserEntry(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One manager user as written, with its rules.  The ``repr`` shows neither of its secrets."""

    secret: Annotated[str, check_hash] | None = None
    md5_secret: Annotated[str, _check_recoverable] | None = None
    read: Classes = ()
    write: Classes = ()
    acl: tuple[Annotated[str, parse_rules], ...] = ()
    eventfilter: tuple[Annotated[str | AdvancedFilter, compile_filter], ...] = ()
    setvar: dict[str, str] = msgspec.field(default_factory=dict)
    allowmultiplelogin: bool = True
    disabled: bool = False
    slow_consumer: SlowConsumer | None = None
    upstream_lost: UpstreamLost | None = None
    #: Whether the user may take snapshots, resume, and ask for numbered events.
    history: bool = False
    #: The ways in by which the user may log in.
    doors: tuple[UserDoor, ...] = ("ami",)
    #: Override the limits of proxy.yaml, which apply to every user.
    limits: UserLimits = UserLimits()
    #: The client certificates that belong to this user, and to no other user.
    certificate: tuple[Binding, ...] = ()
    #: Whether the account is opened by its secret, its certificate, or only by both.
    login: LoginWay = "secret"
    #: Names and patterns of the servers that the user may use; None: there is only one.
    servers: ServerPatterns = None
    default_server: str | None = None
    #: By the name of a server, the narrower rights that the user has there.
    on: dict[str, Narrowing] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(read={self.read!r}, write={self.write!r}, disabled={self.disabled})"

    @property
    def read_mask(self) -> int:
        """Mask of the privilege classes whose events the user may see.  Raises Unfit for an unknown class."""
        return mask_of(self.read)

    @property
    def write_mask(self) -> int:
        """Mask of the privilege classes whose actions the user may run.  Raises Unfit if one is unknown."""
        return mask_of(self.write)

    @property
    def has_login(self) -> bool:
        """Whether the user has something to log in with; without, it can only come by edges of a fleet."""
        return self.login == "certificate" or self.secret is not None or self.md5_secret is not None

    @property
    def certificate_login(self) -> CertificateLogin:
        """The two keys that concern certificates."""
        return CertificateLogin(self.certificate, self.login)

    def compiled_filters(self) -> tuple[EventFilter, ...]:
        """The eventfilter list, compiled, in order.  Raises Unfit for a filter that is not valid."""
        return tuple(compile_filter(written) for written in self.eventfilter)


class UsersFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of users.yaml; users by name as written."""

    users: dict[str, UserEntry]


def check_entry(entry: UserEntry, path: KeyPath, document: Document) -> None:
    """Report the problems of one entry that the check of each single value cannot find.

    The last step of ``path`` is the user's name; the problems are added to ``document``.
    """
    name = str(path[-1])
    if not name or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        document.report(path, f"a user's name has 1 to {MAX_NAME_BYTES} bytes", "rename the user")
    elif name != name.strip() or _CONTROL.search(name):
        text = "a user's name must not begin or end with a blank, or contain control characters"
        document.report(path, text, "rename the user")
    if entry.login != "secret" and not entry.certificate:
        text = f"login: {entry.login} needs a certificate: entry, or no client can log in as this user"
        document.report((*path, "login"), text, 'add one: certificate: ["dns:HOST"]')
    if not entry.doors:
        text = "the user could not log in anywhere"
        document.report((*path, "doors"), text, "name a door, or write disabled: true")
    for number, door in enumerate(entry.doors):
        if door in entry.doors[:number]:
            document.report((*path, "doors", number), f"{door} is there already", "remove it")
    for name, value in entry.setvar.items():
        if not _VARIABLE_NAME.fullmatch(name):
            document.report((*path, "setvar", name), "not a variable name", "use letters, digits and _")
        if _CONTROL.search(value):
            text = "the value contains a line break or control character"
            document.report((*path, "setvar", name), text, "remove it")
    for problem in problems_of(entry):
        document.report((*path, *problem.steps), problem.text, problem.remedy)
    for server, narrowing in entry.on.items():
        for problem in problems_of_narrowing(narrowing, entry):
            document.report((*path, "on", server, *problem.steps), problem.text, problem.remedy)


def check_login(entry: UserEntry, path: KeyPath, document: Document) -> None:
    """Report if the user has nothing to log in with."""
    if not entry.has_login:
        text = "the user has neither secret nor md5_secret"
        document.report(path, text, "make a hash with: ami-proxy users hash")
