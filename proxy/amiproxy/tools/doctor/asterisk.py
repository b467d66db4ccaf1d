"""Checks of Asterisk: reachability, owner of its port, our login and secret, version and settings."""

import pwd
from collections.abc import Iterator
from typing import Final

from amiproxy.config import Config, Unfit, UpstreamSettings, read_secret
from amiproxy.config.address import is_loopback
from amiproxy.net.upstream.socketowner import owner_of
from amiproxy.tools.doctor import settings
from amiproxy.tools.doctor.finding import DoctorFinding, fail, ok, unknown, warn
from amiproxy.tools.doctor.openports import open_ports
from amiproxy.tools.doctor.probe import Probe, ProbeError
from amiproxy.tools.doctor.versions import faults_of, parse_version

_SUBJECT: Final = "asterisk"
#: Recommended minimum length of the link's secret, in characters.
_LONG_ENOUGH: Final = 48


def examine(config: Config) -> Iterator[DoctorFinding]:
    """Connect once, log in as the link does, query the settings, and log off.

    Errors of the connection and of the secret's file are findings.
    """
    upstream, limits = config.first_server, config.limits
    timeout = limits.upstream_connect_timeout + limits.upstream_login_timeout
    yield from open_ports(upstream)
    try:
        secret = read_secret(upstream.secret_file)
        yield _length(secret)
        with Probe(upstream.host, upstream.port, timeout) as probe:
            probe.greet()
            yield ok(_SUBJECT, f"{probe.banner} at {upstream.host}:{upstream.port}")
            yield from _owner(upstream, probe)
            probe.log_in(upstream.username, secret)
            yield ok(_SUBJECT, f"logged in as {upstream.username}")
            yield from _version(probe)
            near = is_loopback(probe.socket.getpeername()[0])
            yield from settings.examine(probe, upstream.username, private=near)
            probe.ask("Logoff")
    except Unfit as error:
        yield fail("configuration", f"upstream.secret_file: {error}", error.remedy)
        yield not_asked(upstream.username)
    except ProbeError as error:
        yield fail(_SUBJECT, str(error), error.remedy)
        yield not_asked(upstream.username)


def not_asked(username: str) -> DoctorFinding:
    """The finding for an Asterisk that could not be queried, or not completely."""
    shown = "; ".join(
        f"asterisk -rx '{command}'"
        for command in ("core show version", "manager show settings", f"manager show user {username}")
    )
    remedy = f"fix that, and run the doctor again; or look at: {shown}, manager.conf and asterisk.conf"
    return unknown(_SUBJECT, f"not checked, or only in part: its version; {settings.ALL}", remedy)


def _length(secret: bytes) -> DoctorFinding:
    text = f"the link's secret has {len(secret)} characters"
    if len(secret) >= _LONG_ENOUGH:
        return ok(_SUBJECT, text)
    text += f": anyone who reaches the port can try to guess it; {_LONG_ENOUGH} are safe from guessing"
    remedy = "create one with ami-proxy users generate; put it into upstream.secret_file and manager.conf"
    return warn(_SUBJECT, text, remedy)


def _owner(upstream: UpstreamSettings, probe: Probe) -> Iterator[DoctorFinding]:
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
        yield warn(_SUBJECT, text, f"set upstream.expect_user: {name}")
    elif upstream.expect_user not in (name, str(uid)):
        text = f"its port belongs to {name}, not to {upstream.expect_user}: the link will not log in"
        yield fail(_SUBJECT, text, "stop the program that listens there, or correct upstream.expect_user")
    else:
        yield ok(_SUBJECT, f"its port belongs to {name}, as expected")


def _version(probe: Probe) -> Iterator[DoctorFinding]:
    text = probe.ask("CoreSettings").get(b"asteriskversion").decode("latin-1")
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
