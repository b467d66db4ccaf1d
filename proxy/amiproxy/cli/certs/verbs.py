"""What the verbs of ``ami-proxy certs`` have in common."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

from amiproxy.tools import terminal
from amiproxy.x509.errors import X509Error

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_EXAMPLE = {
    "init": "init /etc/ami-proxy/ca",
    "issue": "issue --ca /etc/ami-proxy/ca --out /etc/ami-proxy/certs pbx.example.org 192.0.2.10",
    "renew": "renew --ca /etc/ami-proxy/ca certs/server.crt certs/server.key",
    "csr": "csr --out /etc/ami-proxy/certs pbx.example.org",
    "revoke": "revoke --ca /etc/ami-proxy/ca --crl certs/clients.crl wallboard.crt",
    "inspect": "inspect certs/server.crt",
    "check": "check --chain new/fullchain.pem --key new/privkey.pem",
}


def add_verb(
    verbs: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """The parser of a new verb with this help text; if ``run`` raises X509Error, it is printed.

    The exit status is what ``run`` returns, or 1 for that error.
    """

    def guarded(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except X509Error as error:
            terminal.error(f"error: {error}")
            return 1

    parser = verbs.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"examples:\n  ami-proxy certs {_EXAMPLE[name]}",
    )
    parser.set_defaults(run=guarded)
    return parser
