"""The text of proxy.yaml, and of the manager account's section in manager.conf."""

import ipaddress
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress

LISTEN: Final = "[::]:5039"
LINK_USER: Final = "amiproxy"
_CONTROL: Final = "/run/ami-proxy/control.sock"
_DOCUMENTED: Final = "/usr/share/doc/ami-proxy/proxy.yaml"
#: Words that YAML reads as text without quotes.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NOT_TEXT: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class ServiceText(NamedTuple):
    """What is in proxy.yaml besides constants."""

    username: str = LINK_USER
    asterisk: AsteriskAddress = AsteriskAddress()
    listen: str = LISTEN
    metrics: str | None = None
    #: The user that Asterisk runs as, if it is known.
    expect_user: str | None = None


#: With it proxy.yaml is the package's own file, deploy/debian/proxy.yaml.
DEFAULT: Final = ServiceText()


def proxy_yaml(service: ServiceText = DEFAULT, directory: Path = SYSTEM) -> str:
    """A short proxy.yaml, with the control socket; ``directory`` is where it will be.

    Its paths are relative to that folder.
    """
    lines = [
        f"# The configuration of ami-proxy.  All keys, with their defaults: {_DOCUMENTED}",
        f"# To validate it: ami-proxy check --config {directory / 'proxy.yaml'}",
        "",
        "upstream:",
    ]
    if service.asterisk.host != AsteriskAddress().host:
        lines.append(f"  host: {_quoted(service.asterisk.host)}")
    if service.asterisk.port != AsteriskAddress().port:
        lines.append(f"  port: {service.asterisk.port}")
    lines += [
        f"  username: {_quoted(service.username)}",
        "  secret_file: upstream.secret",
    ]
    if service.expect_user is not None:
        lines += [
            "  # Asterisk's user.  No other local user can take Asterisk's place while it is down.",
            f"  expect_user: {_quoted(service.expect_user)}",
        ]
    lines += [
        "",
        "listeners:",
        f'  - address: "{service.listen}"',
        "    certificates:",
        "      - chain: certs/server.crt",
        "        key: certs/server.key",
        "",
        "users_file: users.yaml",
        "",
        "# For ami-proxy ctl, and so that systemctl reload fails if the reload failed.",
        "control:",
        f"  socket: {_CONTROL if directory == SYSTEM else 'control.sock'}",
    ]
    if service.metrics is not None:
        lines += ["", "# For Prometheus.", "metrics:", f"  address: {_quoted(service.metrics)}"]
    return "\n".join(lines) + "\n"


def section(username: str, secret: str, host: str) -> str:
    """The manager account's section; ``host`` is the one that the proxy connects to.

    The reasons for each line are in deploy/README.md, "Prepare Asterisk".
    """
    return "\n".join(
        [
            f"[{username}]",
            f"secret = {secret.replace(';', chr(92) + ';')}",
            "deny = 0.0.0.0/0.0.0.0",
            "deny = ::/0",
            *(f"permit = {network}" for network in _permitted(host)),
            "read = all",
            "write = all",
            "writetimeout = 5000",
            "allowmultiplelogin = yes",
            "displayconnects = no",
            "",
        ]
    )


def _permitted(host: str) -> Sequence[str]:
    """Loopback, in the version of the address from which the proxy connects to ``host``."""
    older, newer = "127.0.0.1/255.255.255.255", "::1/128"
    try:
        return (older,) if ipaddress.ip_address(host).version == 4 else (newer,)
    except ValueError:
        return (older, newer)


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT else json.dumps(text)
