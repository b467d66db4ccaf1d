"""``ami-proxy fleet config``: writes the nats-servers' accounts and the section of each process."""

import argparse
from pathlib import Path

from amiproxy.cli.fleet.verbs import Commands, add_verb
from amiproxy.config import Unfit
from amiproxy.tools import terminal
from amiproxy.tools.fleet.accounts import accounts
from amiproxy.tools.fleet.keyfolder import KeyFolder
from amiproxy.tools.fleet.plan import load_plan
from amiproxy.tools.fleet.sections import section

_EPILOG = """\
accounts.conf is for every nats-server: include it in its configuration, and reload it.  It
has one user for each process, with the subjects that this process needs and no others.
NAME.yaml is the section fleet for the proxy.yaml of that process.  None of them is secret.
A process that is no longer in FLEET.yaml is cut off as soon as the nats-servers reload.

example:
  ami-proxy fleet config fleet.yaml --out keys"""


def register(verbs: Commands) -> None:
    """Add the verb."""
    add_verb(
        verbs, "config", "write the accounts of nats-server, and a section for each process", _EPILOG, run
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the files, and print their names; return the exit status, 0."""
    plan = load_plan(arguments.fleet)
    with KeyFolder.locked(arguments.out) as folder:
        keys = {name: folder.public_keys(name) for name in plan.processes}
        texts = {"accounts.conf": accounts(plan, keys)}
        texts |= {f"{name}.yaml": section(plan, name) for name in plan.processes}
        for name in texts:
            if _is_same(folder.path / name, arguments.fleet):
                text = f"{folder.path / name} would replace the description of the fleet"
                raise Unfit(text, "move that to another folder, or rename it")
        for name, text in texts.items():
            path = folder.write_public(name, text)
            terminal.say(f"wrote {path}")
        for path in folder.unused_sections(plan.processes):
            if not _is_same(path, arguments.fleet):
                terminal.say(f"unused {path}, of no process in {arguments.fleet}")
    return 0


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
