"""The ``ami-proxy`` command: parses the arguments, calls the code, prints the result.

There is one module or package per subcommand.  Each has ``register(commands)``, which adds its
parser and sets ``run`` on it: a function from the parsed arguments to the exit status.
"""

import argparse
import errno
import os
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


#: What to do about an error of a file; for all others the same (see ``file_error``).
_REMEDIES = {
    errno.ENOENT: "create it or its folder, or correct the path",
    errno.EACCES: "run this as a user who may use it",
    errno.EPERM: "run this as a user who may use it",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 means success, 1 that the command was refused or found an error, 2 wrong usage, 130 Ctrl-C.  ``argv`` is
    without the program's name; the default is that of the process.  An OSError that names a file is printed
    as one line.  Raises SystemExit for ``--help`` and arguments that cannot be parsed.
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
    except OSError as error:
        if error.filename is None:
            raise  # not the operator's file: the traceback is needed to find the cause
        print(f"ami-proxy: {file_error(error)}", file=sys.stderr)
        return 1
    return status


def file_error(error: OSError) -> str:
    """An error of one of the operator's files as one line: its path, what is wrong, what to do."""
    said = error.strerror or str(error)
    if error.filename is None:
        return said
    remedy = _REMEDIES.get(error.errno or 0, "correct the path, or fix what the system reports")
    return f"{os.fsdecode(error.filename)}: {said}; {remedy}"


def _modules(given: Sequence[str]) -> Iterable[str]:
    """The module of the given command, so that the service does not load what only others need; else all."""
    command = given[0] if given else ""
    return [_COMMANDS[command]] if command in _COMMANDS else _COMMANDS.values()
