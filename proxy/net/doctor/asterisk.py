"""The Asterisk behind: reachable, our login, what its manager is set to, and its version."""

import ipaddress
import pwd
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.config import Config, Unfit, Upstream, read_secret
from proxy.net.doctor.finding import Finding, fail, ok, warn
from proxy.net.doctor.probe import Probe, ProbeError
from proxy.net.doctor.versions import faults_of, parse_version
from proxy.net.peerowner import owner_of

_SUBJECT: Final = "asterisk"
_LISTEN: Final = "0A"
_ROW: Final = re.compile(r"\s*([^:]+):\s*(.*?)\s*")
#: Events that the proxy itself needs.
_NEEDED: Final = frozenset({"OriginateResponse", "FullyBooted"})


def examine(config: Config) -> Iterator[Finding]:
    """Connect once, log in as the link does, ask, and leave."""
    upstream, limits = config.upstream, config.limits
    timeout = limits.upstream_connect_timeout + limits.upstream_login_timeout
    yield from open_ports(upstream)
    try:
        secret = read_secret(upstream.secret_file)
        with Probe(upstream.host, upstream.port, timeout) as probe:
            probe.greet()
            yield ok(_SUBJECT, f"{probe.banner} at {upstream.host}:{upstream.port}")
            yield from _owner(upstream, probe)
            probe.log_in(upstream.username, secret)
            yield ok(_SUBJECT, f"logged in as {upstream.username}")
            yield from _version(probe)
            yield from _link_user(probe, upstream.username)
            yield from _manager_settings(probe)
            probe.ask("Logoff")
    except Unfit as error:
        yield fail("configuration", f"upstream.secret_file: {error}", error.remedy)
    except ProbeError as error:
        yield fail(_SUBJECT, str(error), error.remedy)


def _owner(upstream: Upstream, probe: Probe) -> Iterator[Finding]:
    if not _is_loopback(probe.socket.getpeername()[0]):
        return
    mine, theirs = probe.socket.getsockname(), probe.socket.getpeername()
    uid = owner_of(theirs[0], theirs[1], mine[0], mine[1])
    if uid is None:
        return
    name = _name_of(uid)
    if upstream.expect_user is None:
        text = f"any local user could take its port while it is down; now it is {name}'s"
        yield warn(_SUBJECT, text, f"set upstream.expect_user: {name}")
    elif upstream.expect_user not in (name, str(uid)):
        text = f"what listens there is {name}'s, not {upstream.expect_user}'s: the link will not log in"
        yield fail(_SUBJECT, text, "end that program, or correct upstream.expect_user")
    else:
        yield ok(_SUBJECT, f"its port is {name}'s, as expected")


def _version(probe: Probe) -> Iterator[Finding]:
    text = probe.ask("CoreSettings").get(b"asteriskversion").decode("latin-1")
    version = parse_version(text)
    if version is None:
        yield warn(_SUBJECT, f"its version {text!r} is no release", "look up its known faults yourself")
        return
    faults = faults_of(version)
    if not faults:
        yield ok(_SUBJECT, f"version {text} has none of the manager's known faults")
    for fault in faults:
        told = f"version {text} may have {fault.name}: {fault.text}, by a login that is not the proxy's"
        yield warn(_SUBJECT, told, "upgrade, unless your distribution has mended it")


def _link_user(probe: Probe, username: str) -> Iterator[Finding]:
    rows = _rows(probe.command(f"manager show user {username}"))
    if not rows:
        text = f"{username} may not use the command line, so that users with class command cannot"
        yield warn(_SUBJECT, text, f"write = all for [{username}] in manager.conf")
        return
    for key in ("read perm", "write perm"):
        if "all" not in rows.get(key, "").split(","):
            text = f"{username} has less than {key.partition(' ')[0]} = all, and so has every user"
            yield fail(_SUBJECT, text, f"{key.partition(' ')[0]} = all for [{username}] in manager.conf")
    if rows.get("acl") == "no":
        text = f"{username} may log in from any address that reaches the port"
        yield warn(
            _SUBJECT,
            text,
            f"deny = 0.0.0.0/0.0.0.0, deny = ::/0, permit = 127.0.0.1/255.255.255.255 for [{username}]",
        )
    if rows.get("allowmultiplelogin") == "no":
        text = f"{username} may log in once: after a broken connection the old session is in the way"
        yield warn(_SUBJECT, text, f"allowmultiplelogin = yes for [{username}]")
    if rows.get("variables"):
        text = f"{username} has setvar lines, which can abort Asterisk at a manager reload"
        yield fail(_SUBJECT, text, f"take setvar out of [{username}]; users.yaml has it for each user")


def _manager_settings(probe: Probe) -> Iterator[Finding]:
    rows = _rows(probe.command("manager show settings"))
    if rows.get("web manager (ami/http)", "no").lower() == "yes":
        yield warn(_SUBJECT, "its manager is open over HTTP too, past the proxy", "webenabled = no")
    if rows.get("tls enable", "no").lower() == "yes":
        yield warn(_SUBJECT, "its manager has TLS of its own, past the proxy", "tlsenable = no")
    off = _NEEDED & set(filter(None, re.split(r"[ ,]+", rows.get("disabled events", ""))))
    if off:
        text = f"disabledevents turns off {', '.join(sorted(off))}, which the proxy needs"
        yield fail(_SUBJECT, text, "take it out of disabledevents in manager.conf")


def _rows(lines: list[str]) -> dict[str, str]:
    """``Key: value`` rows of a command's output, keys in lower case."""
    matches = (_ROW.fullmatch(line) for line in lines)
    return {match[1].lower(): match[2] for match in matches if match is not None}


def open_ports(upstream: Upstream, tables: Path = Path("/proc/self/net")) -> Iterator[Finding]:
    """Whether Asterisk's port can be reached from other machines; known only for one on this machine."""
    try:
        host = ipaddress.ip_address(upstream.host)
    except ValueError:
        host = ipaddress.ip_address("127.0.0.1" if upstream.host == "localhost" else "0.0.0.0")  # noqa: S104
    if not host.is_loopback:
        return
    addresses = [
        address
        for table in ("tcp", "tcp6")
        if (tables / table).exists()
        for address, port in _listening(tables / table)
        if port == upstream.port
    ]
    wide = [address for address in addresses if not _is_loopback(str(address))]
    for address in wide:
        text = f"port {upstream.port} is open on {address}: other machines reach Asterisk past the proxy"
        yield fail(_SUBJECT, text, "bindaddr = 127.0.0.1 in manager.conf, and restart Asterisk")
    if addresses and not wide:
        yield ok(_SUBJECT, f"port {upstream.port} is open on loopback only")


def _listening(table: Path) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTEN:
            words, _, port = fields[1].partition(":")
            # The kernel prints each 32-bit word of the address as a number of this machine.
            packed = b"".join(
                struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8)
            )
            yield ipaddress.ip_address(packed), int(port, 16)


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
