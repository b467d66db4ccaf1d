"""What the verbs of ``ami-proxy fleet`` have in common."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from amiproxy.config import ConfigErrors, Unfit
from amiproxy.tools import terminal

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_verb(
    verbs: Commands, name: str, text: str, epilog: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """The parser of a verb with the file of a fleet and the folder of its keys as arguments.

    The exit status is what ``run`` returns, or 1 for an error of the operator's files, which is printed.
    """

    def guarded(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except ConfigErrors as errors:
            terminal.error(errors)
        except Unfit as error:
            terminal.error(f"ami-proxy fleet {name}: {error}; {error.remedy}")
        return 1

    parser = verbs.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "fleet",
        type=Path,
        metavar="FLEET.yaml",
        help="the description of the fleet: see ami-proxy fleet --help",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder of the fleet's keys, which only you may change; made if it does not exist",
    )
    parser.set_defaults(run=guarded)
    return parser
