"""``ami-proxy demo``: two users with different rights, side by side, in front of one Asterisk."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from amiproxy.config.address import host_and_port
from amiproxy.core.model.errors import Unfit
from amiproxy.tools import terminal
from amiproxy.tools.demo import DEFAULT_FOLDER, DemoError, Options, RealAsterisk
from amiproxy.tools.demo import run as show

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_EPILOG = """\
On a terminal the demo runs until Ctrl-C, so that you can log in by hand, and look
at the wallboard in a browser, at the address that it prints.  In a pipe, or with
DEMO_SECONDS=n in the environment, it ends on its own, with status 0 if everything
it promises was observed, otherwise 1.

examples:
  ami-proxy demo
  DEMO_SECONDS=5 ami-proxy demo
  ami-proxy demo --asterisk 127.0.0.1:5038 --user amiproxy --secret-file upstream.secret

With a real Asterisk no phone rings: the demo calls an extension that does not
exist.
"""


def register(commands: "Commands") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "demo",
        help="show two users with different rights, side by side",
        description="Start the proxy in front of a simulated or a real Asterisk, and show what two users\n"
        "with different rights see and may do.  A browser can look at the wallboard meanwhile.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--asterisk", type=_address, metavar="HOST:PORT", help="the manager port of a real Asterisk"
    )
    parser.add_argument(
        "--user", metavar="NAME", help="manager user of that Asterisk; read and write should be all"
    )
    parser.add_argument("--secret-file", metavar="FILE", help="file with the user's secret")
    parser.add_argument(
        "--folder",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help=f"where certificates, configuration and log are kept (default {DEFAULT_FOLDER})",
    )
    parser.set_defaults(run=lambda arguments: run(arguments, parser))


def run(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Run the demo; return the exit status: 0, or 1 if it failed or a promise was not kept."""
    asterisk = _asterisk(arguments, parser)
    try:
        return show(Options(arguments.folder, asterisk, _seconds()))
    except DemoError as error:
        terminal.error(f"ami-proxy demo: {error}")
        return 1


def _asterisk(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> RealAsterisk | None:
    three = {
        "--asterisk": arguments.asterisk,
        "--user": arguments.user,
        "--secret-file": arguments.secret_file,
    }
    if not any(three.values()):
        return None
    missing = [option for option, value in three.items() if not value]
    if missing:
        parser.error(f"{' and '.join(missing)} missing: {', '.join(three)} belong together")
    (host, port), user, secret_file = three.values()
    return RealAsterisk(host, port, user, Path(secret_file))


def _seconds() -> float | None:
    text = os.environ.get("DEMO_SECONDS", "")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise DemoError("DEMO_SECONDS is not a number of seconds from 0 to 86400, such as 5")
    return seconds


def _address(text: str) -> tuple[str, int]:
    try:
        return host_and_port(text, "127.0.0.1:5038")
    except Unfit as error:
        raise argparse.ArgumentTypeError(f"{error}; {error.remedy}") from None
