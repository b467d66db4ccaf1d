"""Checks of a listener's keys for ``door: http``: values that do not make sense together."""

import ipaddress
from typing import Final

from amiproxy.config.address import is_loopback
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import KeyPath
from amiproxy.config.schema import AjamSettings, ListenerSettings
from amiproxy.config.web.values import missing_packages

#: Keys that have a meaning only with ``door: http``.
_WEB_KEYS: Final = (
    "doors",
    "names",
    "prefix",
    "allowed_origins",
    "trusted_proxies",
    "insecure_local",
    "hsts",
    "ajam",
)


def check_web(listener: ListenerSettings, path: KeyPath, document: Document) -> None:
    """Report what is wrong with the keys of one listener that concern its door."""
    if listener.door == "ami":
        _check_ami(listener, path, document)
        return
    missing = missing_packages()
    if missing:
        text = f"door: http needs {' and '.join(missing)}, which this Python does not have"
        document.report((*path, "door"), text, "install the extra, in a checkout: pip install '.[http]'")
    if not listener.doors:
        document.report(
            (*path, "door"), "door: http serves nothing without doors", "add doors: [ajam, api, page, ws]"
        )
    _check_twice(listener.doors, (*path, "doors"), document)
    _check_plain(listener, path, document)
    for number, network in enumerate(listener.trusted_proxies):
        if not ipaddress.ip_network(network).prefixlen:
            text = "every client could then claim any address"
            document.report((*path, "trusted_proxies", number), text, "name the addresses of the proxies")
    if "ajam" not in listener.doors:
        for key, value, default in (
            ("prefix", listener.prefix, ""),
            ("ajam", listener.ajam, AjamSettings()),
        ):
            if value != default:
                text = "has no effect: doors does not have ajam"
                document.report((*path, key), text, "add ajam to doors, or remove it")
    if not listener.ajam.digest:
        text = "names no algorithm, so that no client could use it"
        document.report((*path, "ajam", "digest"), text, "write digest: [MD5], or remove it")
    _check_twice(listener.ajam.digest, (*path, "ajam", "digest"), document)


def _check_ami(listener: ListenerSettings, path: KeyPath, document: Document) -> None:
    defaults = ListenerSettings(address=listener.address)
    for key in _WEB_KEYS:
        if getattr(listener, key) != getattr(defaults, key):
            text = "has no effect: this listener speaks AMI"
            document.report((*path, key), text, "set door: http, or remove it")
    if listener.address.path is not None:
        text = "clients of AMI connect by TCP and TLS, not by a Unix socket"
        document.report((*path, "address"), text, 'write an address and a port: "[::]:5039"')


def _check_plain(listener: ListenerSettings, path: KeyPath, document: Document) -> None:
    address = listener.address
    if not listener.insecure_local:
        if address.path is not None:
            text = "a Unix socket is for a reverse proxy on this machine, and carries plain HTTP"
            document.report((*path, "address"), text, "set insecure_local: true")
        return
    if address.host and address.path is None and not is_loopback(address.host):
        text = f"{address.host} is open to other machines, and insecure_local is plain HTTP"
        remedy = 'write "127.0.0.1:8089" or "unix:PATH", or remove insecure_local and add certificates'
        document.report((*path, "address"), text, remedy)
    if listener.certificates:
        text = "have no effect: insecure_local is plain HTTP"
        document.report((*path, "certificates"), text, "remove them, or remove insecure_local")
    if listener.client_auth != "none":
        text = "clients cannot present certificates: insecure_local is plain HTTP"
        document.report((*path, "client_auth"), text, "remove it, or remove insecure_local")


def _check_twice(values: tuple[str, ...], path: KeyPath, document: Document) -> None:
    for number, value in enumerate(values):
        if value in values[:number]:
            document.report((*path, number), f"{value} is there already", "remove it")
