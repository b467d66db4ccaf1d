"""``ami-proxy simulate``: a small Asterisk to try things on."""

import argparse
import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.ami.errors import UnknownPrivilege
from proxy.simulator import Settings, User
from proxy.simulator.running import simulate

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_EXAMPLE = """\
example:
  ami-proxy simulate --listen 127.0.0.1:5038 --user amiproxy \\
      --secret-file upstream.secret --calls-per-minute 60

Then log in with any AMI client, or point the proxy's upstream at it.  It is
plain text without limits of any kind: keep it on loopback.
"""


def register(commands: "Commands") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "simulate",
        help="run a simulated Asterisk with made-up calls",
        description="Run a simulated Asterisk: an AMI server with made-up calls, queues and agents.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 5038),
        metavar="HOST:PORT",
        help="address to listen on (default 127.0.0.1:5038; port 0 takes a free one)",
    )
    parser.add_argument("--user", default="amiproxy", metavar="NAME", help="manager user (default amiproxy)")
    parser.add_argument(
        "--secret-file",
        type=Path,
        metavar="FILE",
        help="its secret; the file is made, with a random secret in it, if it does not exist.  "
        "Without this option a secret is made up and printed",
    )
    parser.add_argument(
        "--read", default="all", metavar="CLASSES", help="events it may see, as in manager.conf (default all)"
    )
    parser.add_argument(
        "--write",
        default="all",
        metavar="CLASSES",
        help="actions it may run, as in manager.conf (default all)",
    )
    parser.add_argument(
        "--calls-per-minute",
        type=_rate,
        default=30.0,
        metavar="N",
        help="calls that begin by themselves (30)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="the same seed gives the same calls again (default 1)",
    )
    parser.add_argument(
        "--old-command-form",
        action="store_true",
        help="answer the action Command as Asterisk 13 and before (--END COMMAND--)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate until Ctrl-C."""
    try:
        secret, origin = _secret(arguments.secret_file)
        user = User(arguments.user, secret, arguments.read, arguments.write)
    except UnknownPrivilege as wrong:
        return _refused(f"--read, --write: {wrong}; use names as in manager.conf, such as call,agent or all")
    except (OSError, ValueError) as wrong:
        return _refused(f"--secret-file: {wrong}")
    settings = Settings(
        calls_per_minute=arguments.calls_per_minute,
        seed=arguments.seed,
        old_command_form=arguments.old_command_form,
    )
    host, port = arguments.listen

    def ready(actual: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        print(f"simulated Asterisk on {shown}:{actual}, user {user.name}, secret {origin}", flush=True)

    try:
        asyncio.run(simulate(user, settings, host, port, ready))
    except OSError as wrong:
        return _refused(f"cannot listen on {host}:{port}: {wrong.strerror or wrong}; choose another --listen")
    return 0


def _refused(text: str) -> int:
    print(f"ami-proxy simulate: {text}", file=sys.stderr)
    return 1


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:5038")
    return host.strip("[]") or "127.0.0.1", int(port)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 60000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 60000")
    return rate


def _secret(path: Path | None) -> tuple[str, str]:
    """The secret, and the words that tell where it is from."""
    if path is None:
        secret = secrets.token_urlsafe(18)
        return secret, f"{secret} (made up, for this run)"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = path.read_text().strip()
        if not secret or "\n" in secret:
            raise ValueError(f"{path} must hold the secret and nothing else, on one line") from None
        return secret, f"in {path}"
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(18)
        file.write(f"{secret}\n")
    return secret, f"in {path} (made up, for this and later runs)"
