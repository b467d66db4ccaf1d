"""Converts the ``host`` lines of astmanproxy.conf: one Asterisk becomes ``upstream``, several ``servers``.

AstManProxy calls a server by its host.  Here a server has a name, which is made from the host: the same in
both of its files.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from amiproxy.tools.importers.general import LINK_USER
from amiproxy.tools.importers.result import Imported

_BLANKS: Final = " \t"
_PORT: Final = 5038
#: Longest name of a server.
_LONGEST: Final = 32


class Host(NamedTuple):
    """One ``host`` line: the secret is as AstManProxy sends it."""

    host: str
    port: int
    user: str
    secret: bytes
    #: Whether the link asked for events, and whether it used TLS.
    events: bool
    tls: bool
    place: str


def host_of(value: str, place: str) -> Host:
    """The parts of a ``host`` line's value."""
    host, port, user, secret, events, tls, *_ = [*value.split(","), *[""] * 5]
    port = port.strip(_BLANKS)
    return Host(
        host.strip(_BLANKS).lower(),
        int(port) if port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16 else _PORT,
        # Between quotes blanks count, but Asterisk skips leading blanks in values that it receives.
        user.lstrip(_BLANKS) or LINK_USER,
        secret.lstrip(_BLANKS).encode("utf-8", "surrogateescape"),
        events.strip(_BLANKS).lower() != "off",
        tls.strip(_BLANKS).lower() == "on",
        place,
    )


def names_of(hosts: Sequence[tuple[str, int]]) -> list[str]:
    """A name for each of these servers, which are given by host and port.

    It is the host's first label if no other host begins with it, otherwise the whole host; with the port if
    several servers have the same host.
    """
    labels = Counter(_label(host) for host, _ in dict.fromkeys((host, 0) for host, _ in hosts))
    same = Counter(host for host, _ in hosts)
    found: dict[str, None] = {}
    for host, port in hosts:
        label = _label(host)
        whole = label if labels[label] == 1 else host
        name = base = _fit(f"{whole}-{port}" if same[host] > 1 else whole)
        number = 1
        while name in found:
            number += 1
            name = f"{base[: _LONGEST - len(str(number)) - 1]}-{number}"
        found[name] = None
    return list(found)


def import_hosts(imported: Imported, hosts: Sequence[Host]) -> None:
    """Add ``upstream`` or ``servers`` to the proposal, with the secrets."""
    if len(hosts) < 2:
        host = hosts[0] if hosts else None
        imported.proxy["upstream"] = _server(imported, host, "upstream", alone=True)
        return
    names = names_of([(host.host, host.port) for host in hosts])
    imported.proxy["servers"] = {
        name: _server(imported, host, name, alone=False) for name, host in zip(names, hosts, strict=True)
    }
    imported.proxy["default_server"] = names[0]
    text = (
        f"an action without Server goes to {names[0]}, if its user may use that; "
        "AstManProxy sent it to any server that was up"
    )
    imported.note(
        "changed", hosts[0].place, "", text, "set default_server, or remove it to refuse such actions"
    )
    for name, host in zip(names, hosts, strict=True):
        if name != host.host:
            text = f"the server {host.host} is called {name} now, in every Server header"
            imported.note("changed", host.place, "", text, "adapt clients that name servers")


def _server(imported: Imported, host: Host | None, name: str, *, alone: bool) -> dict[str, object]:
    """The settings of one server; ``name`` is that of its files."""
    file = f"{name}.secret"
    if host is None:
        return {"host": "127.0.0.1", "port": _PORT, "username": LINK_USER, "secret_file": file}
    imported.secrets[file] = host.secret
    here = _is_here(host.host)
    settings: dict[str, object] = {
        "host": "127.0.0.1" if host.host == "localhost" or (alone and not host.tls) else host.host,
        "port": host.port,
        "username": host.user,
        "secret_file": file,
    }
    if host.tls:
        authority = f"certs/{name}-ca.crt"
        settings["tls"] = {"ca": authority, "name": host.host} if here else {"ca": authority}
        text = "AstManProxy did not verify the certificate of Asterisk; the proxy does, by CA and name"
        remedy = f"copy the CA that issued it, or the certificate itself, to {authority}"
        imported.note("changed", host.place, "", text, remedy)
    elif not here:
        text = f"Asterisk was reached at {host.host}, over a link in plain text"
        remedy = "let the link use TLS (tls), or set insecure_remote: true"
        if alone:
            remedy = "run the proxy on Asterisk's host, or set upstream.host and tls or insecure_remote: true"
        imported.note("changed", host.place, "", text, remedy)
    if not host.events:
        text = "the link asked for no events, so no client saw any; here users see what they may read"
        remedy = 'import the users with --read ""'
        if not alone:
            remedy = f"write on: {{{name}: {{read: []}}}} for users that may use {name}"
        imported.note("changed", host.place, "", text, remedy)
    text = f"the manager user {host.user} must have read = all and write = all now"
    remedy = "the proxy decides on each user's rights; AstManProxy may have lower-cased its secret"
    imported.note("fyi", host.place, "", text, remedy)
    return settings


def _label(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.partition(".")[0]
    return host


def _fit(text: str) -> str:
    """The text as a name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].rstrip("-") or "server"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def names_by_host(hosts: Iterable[Host]) -> dict[str, list[str]]:
    """The names of the servers at each host, in lower case."""
    every = list(hosts)
    found: dict[str, list[str]] = {}
    for host, name in zip(every, names_of([(one.host, one.port) for one in every]), strict=True):
        found.setdefault(host.host, []).append(name)
    return found
