"""``ami-proxy fleet keys``: makes and replaces the seeds of a fleet's processes and its keys of positions."""

import argparse
from typing import get_args

from amiproxy.cli.fleet.verbs import Commands, add_verb
from amiproxy.config import Unfit
from amiproxy.tools import terminal
from amiproxy.tools.fleet.keyfolder import KeyFolder, TokenStep
from amiproxy.tools.fleet.plan import FleetPlan, load_plan

_EPILOG = """\
NAME.seed is the private key of a process: copy it to that process only.  token.key has the
keys of the positions from which clients resume: copy it to all processes.  Both are secret.

To replace the seed of edge1 without interruption: give --rotate edge1, and run ami-proxy
fleet config; copy accounts.conf to the nats-servers and reload them, which makes both keys
valid; copy edge1.seed to edge1 and reload it; then give --retire edge1, run ami-proxy fleet
config again, and copy accounts.conf to the nats-servers and reload them.  If the seed was
stolen, give --rotate and --retire together, so that it is valid no longer than until the
nats-servers reload; edge1 is not connected until it has the new seed.

To replace the key of positions without interruption: give --rotate-token add, use and drop
one after the other.  After each, copy token.key to all processes and reload them before you
take the next step, and wait before drop for as long as clients may resume (history in
proxy.yaml).

examples:
  ami-proxy fleet keys fleet.yaml --out keys
  ami-proxy fleet keys fleet.yaml --out keys --rotate edge1
  ami-proxy fleet keys fleet.yaml --out keys --rotate edge1 --retire edge1
  ami-proxy fleet keys fleet.yaml --out keys --rotate-token add"""


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_verb(verbs, "keys", "make the missing keys of a fleet, or replace some", _EPILOG, run)
    parser.add_argument("--rotate", metavar="NAME", help="replace the seed of this agent or edge")
    parser.add_argument(
        "--retire", metavar="NAME", help="end the rotation of its seed: the key before is no longer valid"
    )
    parser.add_argument(
        "--rotate-token",
        choices=get_args(TokenStep),
        metavar="STEP",
        help="replace the key of positions: add makes a new one that nobody uses yet, use makes it the one "
        "that seals, drop removes the old one",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make or replace keys, and print the names of the files; return the exit status, 0."""
    plan = load_plan(arguments.fleet)
    for option in ("rotate", "retire"):
        _check_name(plan, option, getattr(arguments, option))
    with KeyFolder.locked(arguments.out) as folder:
        made = folder.make_missing(plan.processes)
        for path in made:
            terminal.say(f"made     {path}")
        for path in folder.unused(plan.processes):
            terminal.say(f"unused   {path}, of no process in {arguments.fleet}")
        if arguments.rotate is not None:
            if arguments.rotate in (path.stem for path in made):
                raise Unfit(f"{arguments.rotate} had no seed, and has one now", "there is nothing to replace")
            seed, former = folder.rotate(arguments.rotate)
            terminal.say(f"replaced {seed}")
            terminal.say(f"kept     {former}, the public key before, valid until --retire")
        if arguments.retire is not None:
            terminal.say(f"removed  {folder.retire(arguments.retire)}")
        if arguments.rotate_token is not None:
            terminal.say(f"replaced {folder.rotate_token_key(arguments.rotate_token)}")
    if not made and (arguments.rotate, arguments.retire, arguments.rotate_token) == (None, None, None):
        terminal.say("all keys are there already")
    return 0


def _check_name(plan: FleetPlan, option: str, name: str | None) -> None:
    if name is not None and name not in plan.processes:
        raise Unfit(f"--{option}: the fleet has no {name!r}", f"it has {', '.join(plan.processes)}")
