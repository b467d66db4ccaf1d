"""``ami-proxy certs``: make, inspect and check certificates; only ``status`` needs a running proxy."""

import argparse

from amiproxy.cli import ctl
from amiproxy.cli.certs import checking, inspecting, issuing
from amiproxy.cli.certs.verbs import Commands

_EXAMPLES = """\
examples:
  ami-proxy certs init /etc/ami-proxy/ca
  ami-proxy certs issue --ca /etc/ami-proxy/ca --out /etc/ami-proxy/certs pbx.example.org 192.0.2.10
  ami-proxy certs issue --ca /etc/ami-proxy/ca --client --out . wallboard
  ami-proxy certs check --chain new/fullchain.pem --key new/privkey.pem && install …
"""


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "certs",
        help="make, inspect and check certificates",
        description="Run a private CA, issue certificates for servers and clients, and check certificate\n"
        "files as a reload does.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in (issuing, inspecting, checking):
        module.register(verbs)
    ctl.add_certs_status(verbs)
