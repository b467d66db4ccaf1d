"""Checks of each Asterisk: reachability, owner of its port, our login and secret, version and settings."""

import pwd
from collections.abc import Iterator, Mapping
from typing import Final

from amiproxy.ami.message import Message
from amiproxy.config import Config, Unfit, UpstreamSettings, read_secret
from amiproxy.config.address import is_loopback
from amiproxy.config.schema import ServerSettings
from amiproxy.core.model.limits import Limits
from amiproxy.net.upstream.socketowner import owner_of
from amiproxy.tools.doctor import settings
from amiproxy.tools.doctor.finding import DoctorFinding, fail, ok, unknown, warn
from amiproxy.tools.doctor.openports import open_ports
from amiproxy.tools.doctor.probe import Probe, ProbeError
from amiproxy.tools.doctor.settings import Link
from amiproxy.tools.doctor.versions import faults_of, parse_version

_SUBJECT: Final = "asterisk"
#: Recommended minimum length of the link's secret, in characters.
_LONG_ENOUGH: Final = 48


class _Examined:
    """One server, and what is known of it after ``findings``."""

    def __init__(self, settings: ServerSettings, limits: Limits, section: str) -> None:
        self._settings = settings
        self._timeout = limits.upstream_connect_timeout + limits.upstream_login_timeout
        self._section = section
        #: Its ``systemname``; None if it could not be asked.
        self.system_name: str | None = None

    def findings(self) -> Iterator[DoctorFinding]:
        """Connect once, log in as the link does, query the settings, and log off."""
        here = self._settings
        yield from open_ports(here)
        try:
            secret = read_secret(here.secret_file)
            yield _length(secret, self._section)
            with Probe(here.host, here.port, self._timeout, here.tls, self._section) as probe:
                probe.greet()
                yield ok(_SUBJECT, f"{probe.banner} at {here.host}:{here.port}")
                yield from _other_end(here, self._section, probe)
                probe.log_in(here.username, secret)
                yield ok(_SUBJECT, f"logged in as {here.username}")
                about = probe.ask("CoreSettings")
                if about.get(b"response") == b"Success":
                    self.system_name = about.get(b"systemname").decode("latin-1")
                yield from _version(about)
                is_near = is_loopback(probe.socket.getpeername()[0])
                link = Link(here.username, is_near=is_near, is_tls=here.tls is not None)
                yield from settings.examine(probe, link)
                probe.ask("Logoff")
        except Unfit as error:
            yield fail("configuration", f"{self._section}.secret_file: {error}", error.remedy)
            yield not_asked(here.username)
        except ProbeError as error:
            yield fail(_SUBJECT, str(error), error.remedy)
            yield not_asked(here.username)


def examine(config: Config) -> Iterator[DoctorFinding]:
    """Examine each server; findings about one of several have its name as their subject.

    Errors of the connection and of the secret's file are findings.
    """
    names: dict[str, str] = {}
    for name, settings_ in config.every_server.items():
        is_only = config.upstream is not None
        server = _Examined(settings_, config.limits_of(name), "upstream" if is_only else f"servers.{name}")
        for finding in server.findings():
            is_its = finding.subject == _SUBJECT and not is_only
            yield finding._replace(subject=name) if is_its else finding
        if server.system_name is not None:
            names[name] = server.system_name
    yield from _system_names(names)


def _system_names(names: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Whether the ids of calls tell the servers apart; ``names``: the systemname of each that was asked."""
    if len(names) < 2:
        return
    remedy = "set a systemname of its own in [options] of asterisk.conf of each, and restart Asterisk"
    of_name: dict[str, list[str]] = {}
    for server, name in names.items():
        of_name.setdefault(name, []).append(server)
    for name, servers in of_name.items():
        if len(servers) > 1:
            shown = ", ".join(servers)
            same = f"{name!r} at {shown}, or they are the same Asterisk" if name else f"empty at {shown}"
            yield warn(
                "servers", f"systemname is {same}: calls of different servers may have the same ids", remedy
            )
    if len(of_name) == len(names):
        yield ok("servers", "each has another systemname, so that their calls have different ids")


def not_asked(username: str) -> DoctorFinding:
    """The finding for an Asterisk that could not be queried, or not completely."""
    shown = "; ".join(
        f"asterisk -rx '{command}'"
        for command in ("core show version", "manager show settings", f"manager show user {username}")
    )
    remedy = f"fix that, and run the doctor again; or look at: {shown}, manager.conf and asterisk.conf"
    return unknown(_SUBJECT, f"not checked, or only in part: its version; {settings.ALL}", remedy)


def _length(secret: bytes, section: str) -> DoctorFinding:
    text = f"the link's secret has {len(secret)} characters"
    if len(secret) >= _LONG_ENOUGH:
        return ok(_SUBJECT, text)
    text += f": anyone who reaches the port can try to guess it; {_LONG_ENOUGH} are safe from guessing"
    remedy = f"create one with ami-proxy users generate; put it into {section}.secret_file and manager.conf"
    return warn(_SUBJECT, text, remedy)


def _other_end(upstream: UpstreamSettings, section: str, probe: Probe) -> Iterator[DoctorFinding]:
    """Whether the link reaches Asterisk, and nobody else."""
    if upstream.tls is not None:
        yield ok(_SUBJECT, f"its certificate is valid for {upstream.tls.name or upstream.host}")
        return
    if not is_loopback(probe.socket.getpeername()[0]):
        yield unknown(_SUBJECT, "not known: the owner of its port on another machine", "look there: ss -ltnp")
        return
    mine, theirs = probe.socket.getsockname(), probe.socket.getpeername()
    uid = owner_of(theirs[0], theirs[1], mine[0], mine[1])
    if uid is None:
        text = "not known: the owner of its port; it may be in another network namespace"
        yield unknown(_SUBJECT, text, f"look at: ss -ltnp sport = :{upstream.port}")
        return
    name = _name_of(uid)
    if upstream.expect_user is None:
        text = f"any local user could take its port while it is down; it belongs to {name} now"
        yield warn(_SUBJECT, text, f"set {section}.expect_user: {name}")
    elif upstream.expect_user not in (name, str(uid)):
        text = f"its port belongs to {name}, not to {upstream.expect_user}: the link will not log in"
        yield fail(_SUBJECT, text, f"stop the program that listens there, or correct {section}.expect_user")
    else:
        yield ok(_SUBJECT, f"its port belongs to {name}, as expected")


def _version(about: Message) -> Iterator[DoctorFinding]:
    text = about.get(b"asteriskversion").decode("latin-1")
    if not text:
        yield unknown(_SUBJECT, "not known: its version, which it does not report", "look at: asterisk -V")
        return
    version = parse_version(text)
    if version is None:
        yield warn(_SUBJECT, f"its version {text!r} is not a release", "look up its known bugs yourself")
        return
    faults = faults_of(version)
    if not faults:
        yield ok(_SUBJECT, f"version {text} has none of the manager's known bugs")
    for fault in faults:
        told = f"version {text} may have {fault.name}: {fault.text}, for logins that bypass the proxy"
        yield warn(_SUBJECT, told, "upgrade, unless your distribution has fixed it")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
