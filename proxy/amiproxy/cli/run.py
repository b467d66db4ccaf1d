"""``ami-proxy run``: the service, in the foreground."""

import argparse
import sys

from amiproxy.cli.configured import add_config_option
from amiproxy.config import ConfigErrors
from amiproxy.service.loadedconfig import StartError
from amiproxy.service.process import run

#: Exit status for a configuration that the service cannot start with, so that the units do not restart it in
#: vain; EX_CONFIG of sysexits.h.
CONFIGURATION = 78


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "run",
        help="serve clients, in the foreground",
        description="Serve clients until SIGTERM or Ctrl-C.  SIGHUP reloads configuration, users and "
        "certificates; if they have errors, these are logged and the previous ones stay in use.",
        epilog=f"The exit status is {CONFIGURATION} if the configuration, the secret or a certificate has to "
        "be changed first, and 1 after failures that may pass, such as a port in use.  "
        "Example: ami-proxy run --config proxy.yaml",
    )
    add_config_option(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        run(arguments.config)
    except (ConfigErrors, StartError) as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, StartError) and error.may_pass else CONFIGURATION
    return 0
