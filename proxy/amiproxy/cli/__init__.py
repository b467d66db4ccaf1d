"""The ``ami-proxy`` command: parses the arguments, calls the code, prints the result.

There is one module or package per subcommand.  Each has ``register(commands)``, which adds its
parser and sets ``run`` on it: a function from the parsed arguments to the exit status.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

from amiproxy import __version__

#: Each command and its module, in the order of the help text.
_COMMANDS = {
    "run": "run",
    "check": "check",
    "doctor": "doctor",
    "users": "users",
    "explain": "explain",
    "learn": "learn",
    "certs": "certs",
    "ctl": "ctl",
    "connect": "connect",
    "demo": "demo",
    "import": "import_",
    "simulate": "simulate",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 means success, 1 that the command was refused or found an error, 2 wrong usage, 130 Ctrl-C.  ``argv`` is
    without the program's name; the default is that of the process.  Raises SystemExit for ``--help`` and
    arguments that cannot be parsed.
    """
    parser = argparse.ArgumentParser(
        prog="ami-proxy", description="A TLS edge for the Asterisk Manager Interface."
    )
    parser.add_argument("--version", action="version", version=f"ami-proxy {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    given = sys.argv[1:] if argv is None else argv
    for module in _modules(given):
        import_module(f"amiproxy.cli.{module}").register(commands)
    arguments = parser.parse_args(given)
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has exited: end without a traceback.
        sys.stderr.close()
        return 1
    return status


def _modules(given: Sequence[str]) -> Iterable[str]:
    """The module of the given command, so that the service does not load what only others need; else all."""
    command = given[0] if given else ""
    return [_COMMANDS[command]] if command in _COMMANDS else _COMMANDS.values()
