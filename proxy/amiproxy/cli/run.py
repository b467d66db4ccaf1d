"""``ami-proxy run``: the service, in the foreground."""

import argparse
import sys
from pathlib import Path

from amiproxy.config import ConfigErrors
from amiproxy.service.loadedconfig import StartError
from amiproxy.service.process import run


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "run",
        help="serve clients, in the foreground",
        description="Serve clients until SIGTERM or Ctrl-C.  SIGHUP reloads configuration, users and "
        "certificates; if they have errors, these are logged and the previous ones stay in use.",
        epilog="Example: ami-proxy run --config /etc/ami-proxy/proxy.yaml",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="proxy.yaml")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        run(arguments.config)
    except (ConfigErrors, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
