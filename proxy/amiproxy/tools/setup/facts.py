"""What is there: files with their access, the configuration, accounts, systemd, Asterisk's manager.conf."""

import grp
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature

from amiproxy.config import (
    Address,
    Certificate,
    Config,
    ConfigErrors,
    ListenerSettings,
    Tls,
    Unfit,
    draft_config,
    users_files,
)
from amiproxy.config.users.userfiles import parse_users
from amiproxy.core.model.phc import random_secret
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.result import CertificatesRefused
from amiproxy.tools.conffiles import included_by, read_text
from amiproxy.tools.setup.link import has_account, trouble
from amiproxy.tools.setup.manager import ManagerConf
from amiproxy.tools.setup.owner import owners
from amiproxy.tools.setup.steps import Access
from amiproxy.tools.setup.texts import LINK_USER, proxy_yaml
from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress, PairFiles, Wishes
from amiproxy.x509.errors import X509Error
from amiproxy.x509.facts import facts_of
from amiproxy.x509.pem import load_certificates
from amiproxy.x509.validating.findings import errors_of

ACCOUNT: Final = "ami-proxy"
UNIT: Final = "ami-proxy.service"
#: Renews a certificate of the private CA in ``SYSTEM``.
TIMER: Final = "ami-proxy-certificate.timer"
_PATIENCE: Final = 30.0
#: Where the package's hooks are, and where certbot runs those of an operator.
HOOKS: Final = Path("/usr/share/ami-proxy/hooks")
CERTBOT_HOOKS: Final = Path("/etc/letsencrypt/renewal-hooks/deploy")
HOOK_DEFAULTS: Final = Path("/etc/default/ami-proxy-certs")


@dataclass(frozen=True)
class Found:
    """A file or folder; without ``access`` there is none.  ``content`` is that of a file."""

    path: Path
    access: Access | None = None
    content: bytes | None = field(default=None, repr=False)

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.access is not None


@dataclass(frozen=True)
class UnitState:
    """systemd, and what it knows about the unit; ``exists`` is False without either."""

    runs: bool = False
    exists: bool = False
    active: bool = False
    enabled: bool = False


@dataclass(frozen=True)
class Facts:
    """The state before the setup.  Paths are those of proxy.yaml, or those it will have."""

    directory: Found
    certs: Found
    proxy: Found
    #: What proxy.yaml says, whether or not the files that it names exist; None if there is no proxy.yaml.
    config: Config | None
    secret: Found
    chain: Found
    key: Found
    #: A request beside the key, so that a certificate is to come from another CA.
    request: Found
    users: Found
    ca_certificate: Found
    ca_key: Found
    #: Names of the certificate that is there, or is to be copied.
    certified: tuple[str, ...] = ()
    user_names: tuple[str, ...] = ()
    #: The pair that the operator named: chain and key.
    given: tuple[Found, Found] | None = None
    manager: ManagerConf | None = None
    manager_access: Access | None = None
    hook: Path | None = None
    certbot_hooks: Found | None = None
    hook_defaults: Found | None = None
    #: Whether certbot has its folder for hooks.
    certbot: bool = False
    unit: UnitState = UnitState()
    timer: UnitState = UnitState()
    #: Whether the private CA issued the certificate that is there.
    is_private: bool = False
    #: The users that own Asterisk's port and the socket of its console, where known.
    port_user: str | None = None
    console_user: str | None = None
    #: Whether Asterisk accepts the link's login.
    accepted: bool = False
    #: Whether the running Asterisk has an account of the link's name.
    has_link_user: bool = False
    is_root: bool = False
    me: tuple[str, str] = ("", "")
    has_account: bool = False
    #: Random secrets, for the link and the first user, if they are needed.
    fresh: tuple[str, str] = field(default=("", ""), repr=False)

    @property
    def proxy_is_edited(self) -> bool:
        """Whether proxy.yaml is neither missing nor the package's own."""
        return _is_edited(self.proxy, self.directory.path)


def gather(wishes: Wishes) -> Facts:
    """Look at everything.  Raises Unfit for what cannot be read, ConfigErrors for an unusable proxy.yaml."""
    folder = wishes.directory
    proxy = found(folder / "proxy.yaml")
    config = draft_config(proxy.path) if proxy.exists else None
    certificates = (
        [pair for one in config.listeners for pair in one.certificates] if config is not None else []
    )
    chain = found(certificates[0].chain if certificates else folder / "certs/server.crt")
    key = found(certificates[0].key if certificates else folder / "certs/server.key")
    secret = found(config.first_server.secret_file if config is not None else folder / "upstream.secret")
    users = found(_users_file(config, folder))
    directory = found(folder)
    ca_certificate = found(folder / "ca/ca.crt")
    given = _given(wishes.pair)
    conf = _manager_conf(wishes.manager_conf)
    edited = config if _is_edited(proxy, folder) else None
    link_user = edited.first_server.username if edited is not None else wishes.username or LINK_USER
    of_port, of_console = owners(_address(edited, conf, wishes))
    return Facts(
        directory=directory,
        certs=found(chain.path.parent),
        proxy=proxy,
        config=config,
        secret=secret,
        chain=chain,
        key=key,
        request=found(key.path.with_suffix(".csr")),
        users=users,
        ca_certificate=ca_certificate,
        ca_key=found(folder / "ca/ca.key"),
        certified=_names_of(given[0] if given is not None and not chain.exists else chain),
        user_names=_user_names(config, users),
        given=given,
        manager=conf,
        manager_access=found(wishes.manager_conf).access if wishes.manager_conf is not None else None,
        accepted=_is_accepted(config, secret),
        hook=HOOKS / "certbot-deploy" if (HOOKS / "certbot-deploy").exists() else None,
        certbot_hooks=found(CERTBOT_HOOKS / "ami-proxy"),
        hook_defaults=found(HOOK_DEFAULTS),
        certbot=CERTBOT_HOOKS.is_dir(),
        unit=unit_state(),
        timer=unit_state(TIMER),
        is_private=_is_issued_by(ca_certificate, chain),
        port_user=_user_name(of_port) if of_port is not None else None,
        console_user=_user_name(of_console) if of_console is not None else None,
        has_link_user=has_account(link_user, run) is True,
        is_root=os.geteuid() == 0,
        me=(_user_name(os.geteuid()), _group_name(os.getegid())),
        has_account=_account_exists(),
        fresh=(random_secret(), random_secret()),
    )


def found(path: Path) -> Found:
    """What is at the path.  Raises Unfit if it cannot be looked at."""
    try:
        status = path.stat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
    except FileNotFoundError:
        return Found(path)
    except OSError as error:
        raise Unfit(
            f"{path}: {error.strerror}", f"run this as root, or give another --directory than {SYSTEM}"
        ) from None
    access = Access(_user_name(status.st_uid), _group_name(status.st_gid), stat.S_IMODE(status.st_mode))
    return Found(path, access, content)


def run(command: Sequence[str]) -> tuple[int, str]:
    """Run a command; its exit status and output.  127 if there is no such command, 124 if it does not end."""
    program = shutil.which(command[0])
    if program is None:
        return 127, f"{command[0]}: command not found"
    try:
        done = subprocess.run(
            [program, *command[1:]],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} does not end"
    return done.returncode, done.stdout.strip()


def unit_state(unit: str = UNIT) -> UnitState:
    """What systemd, if it runs, knows about a unit."""
    if not Path("/run/systemd/system").is_dir():
        return UnitState()
    status, said = run(("systemctl", "show", "-p", "LoadState,ActiveState,UnitFileState", unit))
    shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if status != 0 or shown.get("LoadState") != "loaded":
        return UnitState(runs=True)
    return UnitState(
        runs=True,
        exists=True,
        active=shown.get("ActiveState") in ("active", "reloading"),
        enabled=shown.get("UnitFileState") == "enabled",
    )


def _is_edited(proxy: Found, folder: Path) -> bool:
    return proxy.content is not None and proxy.content != proxy_yaml(directory=folder).encode()


def _address(edited: Config | None, conf: ManagerConf | None, wishes: Wishes) -> AsteriskAddress:
    if edited is not None:
        return AsteriskAddress(edited.first_server.host, edited.first_server.port)
    return wishes.asterisk or (AsteriskAddress(port=conf.port()) if conf is not None else AsteriskAddress())


def _is_accepted(config: Config | None, secret: Found) -> bool:
    if config is None or not secret.content:
        return False
    upstream = config.first_server
    address = AsteriskAddress(upstream.host, upstream.port)
    text = secret.content.rstrip(b"\r\n")
    return trouble(address, upstream.username, text, secret.path, run) is None


def _users_file(config: Config | None, folder: Path) -> Path:
    if config is None or (config.users_file is None and not config.users_files):
        return folder / "users.yaml"
    try:
        return users_files(config)[0]
    except ConfigErrors:
        return config.users_files[0].parent / "users.yaml"


def _user_names(config: Config | None, first: Found) -> tuple[str, ...]:
    try:
        files = users_files(config) if config is not None else [first.path]
    except ConfigErrors:
        files = []
    contents = [found(file) for file in files]
    return tuple(
        name
        for one in contents
        if one.content is not None and one.content.strip()
        for name in parse_users(one.path, one.content).users
    )


def _names_of(chain: Found) -> tuple[str, ...]:
    if chain.content is None:
        return ()
    try:
        return facts_of(load_certificates(chain.content, str(chain.path))[0]).names
    except X509Error:
        return ()  # the doctor says what is wrong with it


def _is_issued_by(ca: Found, chain: Found) -> bool:
    if ca.content is None or chain.content is None:
        return False
    try:
        issuer = load_certificates(ca.content, str(ca.path))[0]
        certificate = load_certificates(chain.content, str(chain.path))[0]
        certificate.verify_directly_issued_by(issuer)
    except (X509Error, ValueError, TypeError, InvalidSignature):
        return False
    return True


def _given(pair: PairFiles | None) -> tuple[Found, Found] | None:
    if pair is None:
        return None
    files = found(pair.chain), found(pair.key)
    for one in files:
        if one.content is None:
            raise Unfit(f"{one.path}: no such file", "correct --certificate and --key")
    listener = ListenerSettings(
        address=Address(), certificates=(Certificate(chain=pair.chain, key=pair.key),)
    )
    try:
        CertStore(listener, Tls())
    except CertificatesRefused as refused:
        wrong = "\n".join(str(finding) for finding in errors_of(refused.findings))
        raise Unfit(wrong, "correct it, or give another --certificate") from None
    return files


def _manager_conf(path: Path | None) -> ManagerConf | None:
    if path is None:
        return None
    return ManagerConf(path, read_text(path), included_by(path))


def _account_exists() -> bool:
    try:
        pwd.getpwnam(ACCOUNT)
        grp.getgrnam(ACCOUNT)
    except KeyError:
        return False
    return True


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
