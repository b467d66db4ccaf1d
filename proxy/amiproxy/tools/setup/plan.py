"""The steps that lead from what is there to what is wanted; nothing here touches a file."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from amiproxy.config import Address, Config, Unfit
from amiproxy.config.additions import table_with
from amiproxy.config.address import is_loopback
from amiproxy.core.model.phc import MAX_SECRET_BYTES, hash_secret
from amiproxy.core.model.users import folded
from amiproxy.tools.setup import manager, pairs, texts
from amiproxy.tools.setup.facts import ACCOUNT, UNIT, Facts, Found
from amiproxy.tools.setup.pairs import Note
from amiproxy.tools.setup.steps import Access, MakeAccount, MakeFolder, Run, SetAccess, Step, WriteFile
from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress, Wishes
from amiproxy.tools.terminal import printable
from amiproxy.x509.files import CERTIFICATE_MODE

_OTHERS_WRITE: Final = 0o022
_OTHERS_READ: Final = 0o004
_USERNAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,79}")
_SECRET_LINE: Final = re.compile(r"(secret[\"']?\s*(?:\+?=>?|:)\s*)\S.*", re.IGNORECASE | re.DOTALL)
RELOAD_MANAGER: Final = ("asterisk", "-rx", "manager reload")


@dataclass(frozen=True)
class Plan:
    """What to do, in order: ``steps`` complete the files, then ``start`` starts or reloads the service."""

    steps: tuple[Step, ...]
    start: Run | None
    #: Files that are right and are not touched.
    kept: tuple[Path, ...]
    notes: tuple[Note, ...]
    #: The manager account's section, if the operator has to add it; without its secret.
    section: str
    #: Whether Asterisk has an account of that name already.
    section_exists: bool
    #: The manager account, and where Asterisk listens.
    username: str
    asterisk: AsteriskAddress
    #: Address and port that clients connect to.
    listen: Address
    #: The CA that clients must trust; None if it is a public one.
    ca: Path | None
    #: How the operator has its certificate renewed in time; None if nothing is left to do.
    renewal: pairs.Renewal | None = None
    #: The step that adds the first user, and its secret; None if none is added.
    user_step: WriteFile | None = None
    user_secret: str = field(default="", repr=False)


def plan(facts: Facts, wishes: Wishes) -> Plan:
    """Plan.  Raises Unfit where the operator has to decide, ConfigErrors for a user that cannot be added."""
    return _Planner(facts, wishes).plan()


class _Planner:
    def __init__(self, facts: Facts, wishes: Wishes) -> None:
        self._facts = facts
        self._wishes = wishes
        if wishes.directory == SYSTEM and not facts.is_root:
            remedy = "run this as root, or try it out with --directory DIR"
            raise Unfit(f"only root can set up {SYSTEM}", remedy)
        #: Whether the service runs as its own user, and not as the present one.
        self._as_account = facts.is_root and (facts.has_account or wishes.directory == SYSTEM)
        self._service = self._wanted_service()
        self._secret = self._wanted_secret()
        self._kept: list[Path] = []
        self._user_step: WriteFile | None = None

    def plan(self) -> Plan:
        facts, wishes = self._facts, self._wishes
        steps = [
            *self._account(),
            *self._folders(),
            *self._link_secret(),
            *pairs.steps(facts, wishes, self._access(CERTIFICATE_MODE), self._access()),
            *pairs.renewal(facts),
            *self._pair_access(),
            *self._users(),
            *self._proxy_yaml(),
        ]
        manager_steps = list(self._manager())
        timer = pairs.timer(facts, wishes)
        return Plan(
            steps=(*steps, *manager_steps, *((timer,) if timer is not None else ())),
            # Also after a change of Asterisk's alone: a reload makes the link try again at once.
            start=self._start(changed=bool(steps or manager_steps)),
            kept=tuple(self._kept),
            notes=tuple(self._notes()),
            section=self._section(),
            section_exists=facts.has_link_user,
            username=self._service.username,
            asterisk=self._service.asterisk,
            listen=Address.from_text(self._service.listen),
            ca=pairs.private_ca(facts, wishes),
            renewal=pairs.left_to_renew(facts, wishes),
            user_step=self._user_step,
            user_secret=facts.fresh[1] if self._user_step is not None else "",
        )

    # -- what is wanted ----------------------------------------------------

    def _wanted_service(self) -> texts.ServiceText:
        """What proxy.yaml says or will say.  Raises Unfit if a wish contradicts an edited proxy.yaml."""
        facts, wishes = self._facts, self._wishes
        asked = texts.ServiceText(
            username=wishes.username or texts.LINK_USER,
            asterisk=wishes.asterisk or self._address_in_manager_conf(),
            listen=wishes.listen or texts.LISTEN,
            metrics=wishes.metrics,
            expect_user=self._asterisks_user(),
        )
        if not facts.proxy_is_edited or facts.config is None:
            _check(asked)
            return asked
        config = facts.config
        written = _written(config)
        for key, wish, there, flag in (
            ("upstream.username", wishes.username, written.username, "--manager-user"),
            ("upstream.host and port", wishes.asterisk, written.asterisk, "--asterisk"),
            ("listeners[0].address", wishes.listen, written.listen, "--listen"),
            ("metrics.address", wishes.metrics, written.metrics, "--metrics"),
        ):
            if wish is not None and str(wish) != str(there):
                said = f"its {key} is {there or 'not set'}, not {wish}"
                text = f"{facts.proxy.path} was edited, and is kept; {said}"
                raise Unfit(text, f"change it there, or omit {flag}")
        return written

    def _address_in_manager_conf(self) -> AsteriskAddress:
        conf = self._facts.manager
        return AsteriskAddress(port=conf.port()) if conf is not None else AsteriskAddress()

    def _asterisks_user(self) -> str | None:
        """The owner of Asterisk's port, or while it is closed that of its console; None if they differ."""
        port, console = self._facts.port_user, self._facts.console_user
        return None if self._is_disputed() else port or console

    def _is_disputed(self) -> bool:
        port, console = self._facts.port_user, self._facts.console_user
        return port is not None and console is not None and port != console

    def _wanted_secret(self) -> bytes:
        """The link's secret: the one that is there, or that the operator gave, or a new one."""
        facts, given = self._facts, self._wishes.secret
        there = facts.secret.content
        if there is not None:
            secret = there.removesuffix(b"\n").removesuffix(b"\r")
            if given is not None and given != secret:
                text = f"{facts.secret.path} is kept, and contains another secret than the one given"
                raise Unfit(text, "write the new one into it, or do not give one")
            return secret
        secret = given if given is not None else self._secret_in_manager_conf() or facts.fresh[0].encode()
        if (
            not secret
            or len(secret) > MAX_SECRET_BYTES
            or any(byte < 0x20 or byte == 0x7F for byte in secret)
        ):
            raise Unfit("the manager account's secret is not one line of text", "give another one")
        return secret

    def _secret_in_manager_conf(self) -> bytes:
        conf = self._facts.manager
        account = conf.account(self._service.username) if conf is not None else None
        return manager.secret_of(account) if account is not None else b""

    def _access(self, mode: int = 0o640) -> Access:
        """The access of a file; the group gets none if the service runs as the present user."""
        if self._as_account:
            return Access("root", ACCOUNT, mode)
        return Access(*self._facts.me, mode if mode == CERTIFICATE_MODE else mode & 0o700)

    # -- the steps ---------------------------------------------------------

    def _account(self) -> Iterator[Step]:
        if self._as_account and not self._facts.has_account:
            yield MakeAccount(ACCOUNT)

    def _folders(self) -> Iterator[Step]:
        for folder in dict.fromkeys((self._facts.directory, self._facts.certs)):
            wanted = self._access(0o750)
            if not folder.exists:
                yield MakeFolder(folder.path, wanted)
            else:
                yield from self._corrected(folder, wanted, secret=False)

    def _link_secret(self) -> Iterator[Step]:
        found = self._facts.secret
        if found.exists:
            self._kept.append(found.path)
            yield from self._corrected(found, self._access())
        else:
            where = "the manager account's secret"
            yield WriteFile(found.path, self._secret + b"\n", self._access(), where)

    def _pair_access(self) -> Iterator[Step]:
        for found, mode, secret in (
            (self._facts.chain, CERTIFICATE_MODE, False),
            (self._facts.key, 0o640, True),
        ):
            if found.exists:
                self._kept.append(found.path)
                yield from self._corrected(found, self._access(mode), secret=secret)

    def _users(self) -> Iterator[Step]:
        found, user = self._facts.users, self._wishes.user
        if user is None or self._has(user.name):
            if found.exists:
                self._kept.append(found.path)
                yield from self._corrected(found, self._access())
            else:
                yield WriteFile(found.path, b"users: {}\n", self._access(), "no users yet")
            return
        if self._facts.config is not None and len(self._facts.config.servers) > 1:
            several = f"{self._facts.proxy.path} has several servers, and each user must name its own"
            raise Unfit(several, f"give --no-user, then: ami-proxy users add {user.name} --servers NAMES")
        before = found.content
        secret = hash_secret(self._facts.fresh[1].encode())
        text = table_with(found.path, before or b"", user, secret)
        summary = f"user {user.name}, read: {user.read or 'nothing'}, write: {user.write or 'nothing'}"
        detail = _diff(found.path, (before or b"").decode(), text.decode())
        self._user_step = WriteFile(found.path, text, self._access(), summary, before, detail=detail)
        yield self._user_step
        if found.exists:
            yield from self._corrected(found, self._access())

    def _proxy_yaml(self) -> Iterator[Step]:
        found = self._facts.proxy
        text = texts.proxy_yaml(self._service, self._wishes.directory).encode()
        if found.exists and (self._facts.proxy_is_edited or found.content == text):
            self._kept.append(found.path)
            yield from self._corrected(found, self._access(), secret=False)
            return
        new, old = text.decode(), found.content.decode() if found.content is not None else None
        shown, detail = ("", new) if old is None else (_diff(found.path, old, new), "")
        user = self._service.expect_user
        summary = "the configuration" if user is None else f"the configuration, with Asterisk's user, {user}"
        yield WriteFile(found.path, text, self._access(), summary, found.content, shown, detail)
        if found.exists:
            yield from self._corrected(found, self._access(), secret=False)

    def _manager(self) -> Iterator[Step]:
        conf = self._facts.manager
        if conf is None:
            return
        secret = self._secret.decode("utf-8", "surrogateescape")
        changed = manager.changes(conf, self._service.username, secret, self._service.asterisk.host)
        if conf.account(self._service.username) is not None:
            self._kept.append(conf.path)
        access = self._facts.manager_access or self._access()
        for change in changed:
            before = None if change.before is None else change.before.encode("utf-8", "surrogateescape")
            backup = (
                change.path.with_name(f"{change.path.name}.before-ami-proxy") if before is not None else None
            )
            # A new file holds a secret: others may not read it, even if they can read manager.conf.
            strict = access._replace(mode=access.mode & 0o640)
            shown = _diff(change.path, change.before or "", change.text)
            text = change.text.encode("utf-8", "surrogateescape")
            yield WriteFile(change.path, text, strict, change.summary, before, shown, backup=backup)
        if changed or not self._facts.accepted:
            yield self._reload_manager()

    def _reload_manager(self) -> Run:
        remedy = "once Asterisk runs, run: asterisk -rx 'manager reload'"
        return Run(RELOAD_MANAGER, "Asterisk reads manager.conf again", remedy)

    def _start(self, *, changed: bool) -> Run | None:
        unit = self._facts.unit
        if not self._wishes.start or self._wishes.directory != SYSTEM or not unit.exists:
            return None
        remedy = f"look at: journalctl -u {UNIT}"
        if not unit.active or not unit.enabled:
            return Run(("systemctl", "enable", "--now", UNIT), "start it now and at each boot", remedy)
        if changed:
            return Run(("systemctl", "reload", UNIT), "take over what changed", remedy)
        return None

    def _corrected(self, found: Found, wanted: Access, *, secret: bool = True) -> Iterator[Step]:
        """Correct the access of a file that the service cannot read, or that others can read or change."""
        access = found.access
        assert access is not None
        is_loose = (
            access.mode & (_OTHERS_WRITE | (_OTHERS_READ if secret else 0)) and not access.mode & 0o1000
        )
        is_readable = (
            not self._as_account
            or access.user == ACCOUNT
            or (access.group == ACCOUNT and bool(access.mode & 0o040))
            or bool(access.mode & _OTHERS_READ)
        )
        if is_loose or not is_readable:
            yield SetAccess(found.path, access, wanted)

    # -- what to say -------------------------------------------------------

    def _notes(self) -> Iterator[Note]:
        facts, wishes = self._facts, self._wishes
        yield from pairs.notes(facts, wishes)
        if facts.config is not None and facts.proxy_is_edited and facts.config.control is None:
            text = f"{facts.proxy.path} has no control: section, which ctl and systemctl reload need"
            yield text, "add: control: {socket: /run/ami-proxy/control.sock}"
        if not facts.user_names and wishes.user is None:
            yield (
                "there is no user yet, so no client can log in",
                "ami-proxy users add NAME --read call --generate",
            )
        if self._is_disputed():
            port, socket = self._service.asterisk, "/run/asterisk/asterisk.ctl"
            text = f"{port} belongs to user {facts.port_user}, but {socket} to {facts.console_user}"
            remedy = f"if the port is not Asterisk's, stop what listens there: ss -ltnp sport = :{port.port}"
            yield text, f"{remedy}; otherwise set upstream.expect_user: {facts.port_user}"
        if facts.manager is not None:
            yield from manager.advice(facts.manager, self._service.asterisk.port)
            account = facts.manager.account(self._service.username)
            if account is not None and manager.secret_of(account) != self._secret:
                text = f"{account.place}: [{account.name}] has another secret than {facts.secret.path}"
                yield text, "put the same secret into both, then run: asterisk -rx 'manager reload'"
            if facts.manager_access is not None and facts.manager_access.mode & _OTHERS_READ:
                text = f"{facts.manager.path} is readable by all users of this machine, and contains secrets"
                yield text, f"chmod o-r {facts.manager.path}"
        if wishes.start and wishes.directory == SYSTEM and facts.unit.runs and not facts.unit.exists:
            text = f"systemd has no {UNIT}"
            yield text, "install it as deploy/install.md says (systemd by hand), then run this again"

    def _section(self) -> str:
        if self._facts.manager is not None or self._facts.accepted:
            return ""
        placeholder = f"(what is in {self._facts.secret.path})"
        return texts.section(self._service.username, placeholder, self._service.asterisk.host)

    def _has(self, name: str) -> bool:
        return folded(name) in map(folded, self._facts.user_names)


def _written(config: Config) -> texts.ServiceText:
    return texts.ServiceText(
        username=config.first_server.username,
        asterisk=AsteriskAddress(config.first_server.host, config.first_server.port),
        listen=str(config.listeners[0].address),
        metrics=str(config.metrics.address) if config.metrics is not None else None,
    )


def _check(asked: texts.ServiceText) -> None:
    if not _USERNAME.fullmatch(asked.username) or asked.username == "general":
        remedy = "use letters, digits, and . _ @ -"
        raise Unfit(f"--manager-user {asked.username}: not a name for a manager account", remedy)
    if not is_loopback(asked.asterisk.host):
        text = f"--asterisk {asked.asterisk}: the link is plain text, and this address is on another machine"
        raise Unfit(
            text, "run the proxy on Asterisk's machine, or see upstream.insecure_remote in proxy.yaml"
        )


def _diff(path: Path, before: str, after: str) -> str:
    """The lines that go and come, in which no secret can be read.

    Without the lines around them: they belong to others, and no pattern finds every way to write a secret.
    What a terminal might interpret is escaped, because other users may write the file.
    """
    # Not splitlines: it would divide a secret at characters that neither Asterisk nor YAML breaks a line at.
    lines = difflib.unified_diff(
        before.split("\n"), after.split("\n"), str(path), str(path), lineterm="", n=0
    )
    return "\n".join(printable(_SECRET_LINE.sub(r"\1***", line)) for line in lines)
