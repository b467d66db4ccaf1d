"""Converts [general] of manager.conf: a proposal for proxy.yaml, and notes on what stays in Asterisk."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from amiproxy.ami.values import ast_true
from amiproxy.tools.importers.asteriskconf import Setting
from amiproxy.tools.importers.result import Imported

#: The manager user that the proxy logs in as.
LINK_USER: Final = "amiproxy"
_PORT: Final = 5038
_TLS_PORT: Final = 5039
_CERTIFICATE: Final = "certs/server.crt"
_KEY: Final = "certs/server.key"
#: Events that the proxy itself needs from Asterisk.
_NEEDED_EVENTS: Final = ("OriginateResponse", "FullyBooted", "Newchannel", "Hangup")

_STAYS: Final = {
    "displayconnects": "the proxy's log has logins and the ends of sessions",
    "httptimeout": "it belongs to the manager over HTTP",
    "timestampevents": "it stays in effect: Asterisk writes Timestamp into the events that clients get",
    "debug": "it stays in effect for all clients",
    "channelvars": "it stays in effect: every reader of class call sees these variables",
    "brokeneventsaction": "the proxy answers Events itself, always with a response; set it to no",
    "block-sockets": "Asterisk no longer knows it",
    "allowmultiplelogin": "each user has it in its own entry; for the link it must be yes",
}
_TLS_OLD: Final = {
    "sslenable": "tlsenable",
    "sslbindaddr": "tlsbindaddr",
    "sslcert": "tlscertfile",
    "sslprivatekey": "tlsprivatekey",
    "sslcipher": "tlscipher",
}
_TLS: Final = (*_TLS_OLD.values(), "sslbindport", "tlscadir", "tlscafile", "tlsdisablev1", "tlsdisablev11")
SERVICE_KEYS: Final = frozenset(
    {
        *_STAYS,
        *_TLS,
        *_TLS_OLD,
        "enabled",
        "webenabled",
        "port",
        "bindaddr",
        "authtimeout",
        "authlimit",
        "disabledevents",
        "tlsdisablev12",
    }
)


def propose_service(imported: Imported, settings: Sequence[Setting]) -> None:
    """Fill ``imported.proxy``; the operator must create the link's user and secret."""
    values = {_TLS_OLD.get(setting.name.lower(), setting.name.lower()): setting for setting in settings}
    port = _number(values.get("port"), _PORT)
    imported.proxy = {
        "upstream": {
            "host": "127.0.0.1",
            "port": port,
            "username": LINK_USER,
            "secret_file": "upstream.secret",
        },
        "listeners": [
            {"address": _address(imported, values), "certificates": [_certificate(imported, values)]}
        ],
        "users_file": "users.yaml",
    }
    if limits := _limits(values):
        imported.proxy["limits"] = limits
    _note_link(imported, values)
    for setting in settings:
        _note_setting(imported, setting)


def _note_link(imported: Imported, values: dict[str, Setting]) -> None:
    text = f"the proxy logs in to Asterisk as {LINK_USER}, which does not exist yet"
    remedy = (
        f"add [{LINK_USER}] to manager.conf as the annotated proxy.yaml shows, and put "
        "its secret into upstream.secret"
    )
    imported.note("fyi", imported.source, "", text, remedy)
    enabled = values.get("enabled")
    if enabled is None or not ast_true(enabled.value):
        place = enabled.place if enabled else imported.source
        imported.note("fyi", place, "", "the manager is not enabled in Asterisk", "set enabled = yes")
    bound = values.get("bindaddr")
    if bound is None or not _is_loopback(bound.value):
        place = bound.place if bound else imported.source
        text = "port 5038 is open to other hosts, bypassing the proxy and in plain text"
        imported.note("fyi", place, "", text, "set bindaddr = 127.0.0.1 when all clients have moved")


def _note_setting(imported: Imported, setting: Setting) -> None:
    key = setting.name.lower()
    if reason := _STAYS.get(key):
        imported.note("fyi", setting.place, "", f"{key} is not carried over: {reason}")
    elif key == "webenabled":
        if ast_true(setting.value):
            text = "the manager over HTTP (AJAM) does not pass through the proxy"
            imported.note("lost", setting.place, "", text, "let its clients use AMI, or keep it on loopback")
    elif key == "tlsenable":
        if ast_true(setting.value):
            text = "Asterisk's own TLS for the manager is no longer needed"
            imported.note("fyi", setting.place, "", text, "set tlsenable = no, otherwise the port is taken")
    elif key in ("tlscipher", "sslcipher") or key.startswith("tlsdisable"):
        text = f"{key} is not carried over: the proxy uses TLS 1.2 and 1.3 with Mozilla's intermediate list"
        imported.note("changed", setting.place, "", text, "tls: {policy: modern} allows 1.3 only")
    elif key == "disabledevents":
        needed = [name for name in _NEEDED_EVENTS if name in setting.value.split(",")]
        if needed:
            text = f"the proxy needs {', '.join(needed)}, which disabledevents turns off"
            imported.note("changed", setting.place, "", text, "remove them from disabledevents")
        else:
            imported.note("fyi", setting.place, "", "disabledevents stays in effect for all clients")
    elif key not in SERVICE_KEYS:
        imported.note("lost", setting.place, "", f"{setting.name} is not a known key of [general]")


def _address(imported: Imported, values: dict[str, Setting]) -> str:
    setting = values.get("tlsbindaddr")
    port = str(_number(values.get("sslbindport"), _TLS_PORT))
    if setting is None:
        return f"[::]:{port}"
    host, number = setting.value, port
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        number = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, number = host.partition(":")
    try:
        address = ipaddress.ip_address(host)
        if not 0 < int(number) < 1 << 16:
            raise ValueError(number)
    except ValueError:
        text = "tlsbindaddr is not an address with a port: the proposal listens on all"
        imported.note("changed", setting.place, "", text, "correct listeners[0].address")
        return f"[::]:{port}"
    if address.is_unspecified and address.version == 4:
        return f"0.0.0.0:{number}"
    return f"[{address}]:{number}" if address.version == 6 else f"{address}:{number}"


def _certificate(imported: Imported, values: dict[str, Setting]) -> dict[str, str]:
    chain, key = values.get("tlscertfile"), values.get("tlsprivatekey")
    if chain is None:
        text = "no certificate is named: the proposal expects certs/server.crt and certs/server.key"
        imported.note("fyi", imported.source, "", text, "make a pair with: ami-proxy certs issue")
        return {"chain": _CERTIFICATE, "key": _KEY}
    if key is None:
        text = "certificate and key are in one file, but the proxy should have its own copy of the key"
        imported.note("fyi", chain.place, "", text, "check whether it can be used: ami-proxy certs check")
    return {"chain": chain.value, "key": (key or chain).value}


def _limits(values: dict[str, Setting]) -> dict[str, object]:
    limits: dict[str, object] = {}
    if timeout := _number(values.get("authtimeout"), 0):
        limits["login_timeout"] = min(timeout, 86_400)
    if most := _number(values.get("authlimit"), 0):
        limits["unauthenticated"] = min(most, 1024)
        # Asterisk has no limit per address; the proxy's default for it may exceed the total.
        limits["unauthenticated_per_address"] = min(most, 16)
    return limits


def _number(setting: Setting | None, otherwise: int) -> int:
    if setting is None or not setting.value.isascii() or not setting.value.isdigit():
        return otherwise
    return int(setting.value) or otherwise


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
