"""Converts astmanproxy.conf to a proposal for proxy.yaml.

The file is read as AstManProxy 1.30 reads it (config.c): up to a ``"``, blanks are
dropped and values are read in lower case; from there to the next ``"`` every byte
counts.  On a ``host`` line, which holds secrets, case always counts, and a ``"`` is a
quote only at the very beginning of the value.  ``;`` and ``#`` end a line, even
between quotes.
"""

import ipaddress
from collections.abc import Iterator
from typing import Final, NamedTuple

from amiproxy.tools.importers.astmanproxyservers import host_of, import_hosts, names_by_host
from amiproxy.tools.importers.result import Imported, Level

_BLANKS: Final = " \t"
_ENDS: Final = ";#\r"
_QUOTE: Final = '"'
_HOST: Final = "host"
_DEFAULT_LISTEN: Final = "1234"


class _Line(NamedTuple):
    name: str
    value: str
    #: Whether upper case was lost; whether a quoted value has no closing quote.
    lowered: bool
    cut: bool
    place: str


def import_astmanproxy_conf(path: str, text: str) -> Imported:
    """A proposal for the service, with the secret of each Asterisk in the file.

    ``path`` is the file's name in messages, ``text`` its content.
    """
    imported = Imported(path)
    values: dict[str, _Line] = {}
    hosts = []
    for line in _lines(path, text):
        if line.name == _HOST:
            hosts.append(host_of(line.value, line.place))
        values[line.name] = line
        if line.name not in _NOTES and line.name not in (_HOST, "listenaddress", "listenport", "certfile"):
            imported.note("lost", line.place, "", f"{line.name} is not a key that AstManProxy knows")
        if line.cut:
            text = f"{line.name}: the closing quote is missing, or follows a ; or #: the value ends there"
            imported.note("changed", line.place, "", text, "check the result")
    certificate = values.get("certfile")
    pem = certificate.value if certificate else "certs/server.pem"
    import_hosts(imported, hosts)
    address = _address(imported, values)
    imported.proxy["listeners"] = [{"address": address, "certificates": [{"chain": pem, "key": pem}]}]
    imported.proxy["users_file"] = "users.yaml"
    if certificate and certificate.lowered:
        text = "certfile: AstManProxy reads a value without quotes in lower case: imported in lower case"
        imported.note("changed", certificate.place, "", text, "correct listeners[0].certificates")
    text = (
        "AstManProxy kept certificate and key in one file; the proxy's copy must have mode 0640 or stricter"
    )
    imported.note(
        "fyi", certificate.place if certificate else path, "", text, "check it with: ami-proxy certs check"
    )
    for line in values.values():
        if said := _NOTES.get(line.name):
            said.about(imported, line)
    return imported


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
        text = "listenaddress is not an IPv4 address: the proposal listens on all"
        imported.note("changed", line.place, "", text, "correct listeners[0].address")
        return f"0.0.0.0:{port}"


class _Said(NamedTuple):
    """The report's text about a key; nothing is reported if its value is ``unless``."""

    level: Level
    text: str
    remedy: str = ""
    unless: str = ""

    def about(self, imported: Imported, line: _Line) -> None:
        if line.value.lower() != self.unless:
            imported.note(self.level, line.place, "", f"{line.name}: {self.text}", self.remedy)


_NOTES: Final = {
    "acceptunencryptedconnection": _Said(
        "lost", "clients without TLS are refused", "let them use TLS", unless="no"
    ),
    "authrequired": _Said("lost", "every client must log in as a user", "create users", unless="yes"),
    "proxykey": _Said("lost", "no shared key lets clients in", "create users"),
    "inputformat": _Said("lost", "only AMI is accepted", "rewrite clients that use XML or HTTP", "standard"),
    "outputformat": _Said("lost", "responses and events are AMI only", "rewrite clients", "standard"),
    "autofilter": _Said("changed", "each client always gets only its own responses", unless="unique"),
    "filterlocal": _Said(
        "lost",
        "a user with a channel may not originate to Local channels (AstManProxy 1.30 allows only the bare "
        "Local/, whatever this key says)",
        "if one must, remove the rule on Originate's Channel from its entry: its contexts then decide",
        "off",
    ),
    "forcebanner": _Said("lost", "clients get Asterisk's own banner", unless=""),
    "asteriskwritetimeout": _Said("fyi", "not needed"),
    "clientwritetimeout": _Said("fyi", "limits.outbox_soft, _hard and _stall apply to slow clients"),
    "sslclienthellotimeout": _Said(
        "fyi", "limits.handshake_timeout applies, and a slow handshake delays no other client"
    ),
    "acceptencryptedconnection": _Said("fyi", "clients always use TLS", unless="yes"),
    "retryinterval": _Said("fyi", "the link reconnects after limits.reconnect_min to reconnect_max"),
    "maxretries": _Said("fyi", "the link never stops trying to reconnect", unless="0"),
    "proc_user": _Said("fyi", "the service manager starts the proxy under its own user"),
    "proc_group": _Said("fyi", "the service manager starts the proxy under its own group"),
    "logfile": _Said("fyi", "the log goes to standard error, which the journal keeps"),
}


def astmanproxy_servers(text: str) -> dict[str, list[str]]:
    """The names that the servers of this astmanproxy.conf get in proxy.yaml, by their hosts in lower case."""
    return names_by_host(host_of(line.value, line.place) for line in _lines("", text) if line.name == _HOST)


def _lines(path: str, text: str) -> Iterator[_Line]:
    for number, raw in enumerate(text.split("\n"), 1):
        name, value, lowered, cut = _setting(raw)
        if name or value:
            yield _Line(name, value, lowered, cut, f"{path}:{number}")


def _setting(raw: str) -> tuple[str, str, bool, bool]:
    """Name and value of a line, whether upper case was lost, whether a quoted value has no closing quote."""
    name = value = ""
    named = quoted = lowered = False
    for character in raw:
        if character in _ENDS:
            return name, value, lowered, quoted
        if quoted:
            if character == _QUOTE:
                return name, value, lowered, False
            value += character
        elif character in _BLANKS:
            continue
        elif not named:
            if character == "=":
                named = True
            else:
                name += character.lower()
        elif name == _HOST:
            if character == _QUOTE and not value:
                quoted = True
            else:
                value += character
        elif character == _QUOTE:
            quoted = True
        elif character != "=":
            value += character.lower()
            lowered |= character != character.lower()
    return name, value, lowered, quoted
