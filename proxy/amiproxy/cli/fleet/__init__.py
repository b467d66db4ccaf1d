"""``ami-proxy fleet``: makes the keys, accounts and sections of the processes of a fleet over NATS."""

import argparse

from amiproxy.cli.fleet import configs, keys
from amiproxy.cli.fleet.verbs import Commands

_EXAMPLES = """\
A fleet is described once, in a file of its own:
  engines: [nats1.example.org:4222, nats2.example.org:4222]
  servers:
    berlin: {agents: [berlin-a, berlin-b]}
  edges:
    edge1: {servers: all, users: [board], read: [call, agent, system]}
    edge2: {servers: [berlin]}
Each edge may name servers, or all; users, read and write say what the agents let it do.
prefix: says what all subjects begin with (ami), and folder: where each process has its
files (fleet, beside its proxy.yaml).

examples:
  ami-proxy fleet keys fleet.yaml --out keys
  ami-proxy fleet config fleet.yaml --out keys
"""


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "fleet",
        help="make keys and configuration for a fleet over NATS",
        description="Make what the processes of a fleet and its nats-servers need: a key for each process,\n"
        "the accounts that let it publish and subscribe to its own subjects only, and the\n"
        "section fleet of its proxy.yaml. It needs no running service.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in (keys, configs):
        module.register(verbs)
