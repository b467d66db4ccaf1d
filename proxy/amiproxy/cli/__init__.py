"""The ``ami-proxy`` command: parses the arguments, calls the code, prints the result.

There is one module per subcommand.  Each has ``register(commands)``, which adds its
parser and sets ``run`` on it: a function from the parsed arguments to the exit status.
"""

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from amiproxy import __version__
from amiproxy.cli import (
    certs,
    check,
    connect,
    ctl,
    demo,
    doctor,
    explain,
    import_,
    learn,
    run,
    simulate,
    users,
)

_COMMANDS: tuple[ModuleType, ...] = (
    *(run, check, doctor, users, explain, learn, certs, ctl),
    *(connect, demo, import_, simulate),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 means success, 1 that the command was refused or found an error, 2 wrong usage, 130 Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="ami-proxy", description="A TLS edge for the Asterisk Manager Interface."
    )
    parser.add_argument("--version", action="version", version=f"ami-proxy {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.register(commands)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has exited: end without a traceback.
        sys.stderr.close()
        return 1
    return status
