"""``ami-proxy simulate``: runs a small simulated Asterisk to try things on."""

import argparse
import asyncio
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.cli import file_error
from amiproxy.counted import count
from amiproxy.tools import terminal
from amiproxy.tools.simulator import Settings, User
from amiproxy.tools.simulator.misbehaviour.schedule import VERBS, Scheduled
from amiproxy.tools.simulator.recorded.transcript import load_transcript
from amiproxy.tools.simulator.running import replay, simulate

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_EXAMPLE = """\
examples:
  ami-proxy simulate --listen 127.0.0.1:5038 --user amiproxy \\
      --secret-file upstream.secret --calls-per-minute 60
  ami-proxy simulate --fault reset:30 --fault trickle
  ami-proxy simulate --fault stall:60
  ami-proxy simulate --replay tests/transcripts/data/22-04-ping

Then log in with any AMI client, or point the proxy's upstream at it.  The simulator
uses plain text and has no limits of any kind: keep it on loopback.

faults that last, from SECONDS after the start (default: at once):
{lasting}
faults that repeat every SECONDS (default: 10):
{again}

A transcript is two files of raw bytes: NAME.out, which a client sent, and NAME.in,
which it received.  A client that sends the same actions, with its own ActionIDs,
user name and secret, gets the recorded answers.  Any other action gets an error
and is reported here, and the exit status is then 1.
"""


def _faults(again: bool) -> str:
    return "\n".join(f"  {name:<14} {verb.text}" for name, verb in VERBS.items() if verb.again is again)


def register(commands: "Commands") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "simulate",
        help="run a simulated Asterisk with made-up calls",
        description="Run a simulated Asterisk: an AMI server with made-up calls, queues and agents.",
        epilog=_EXAMPLE.format(lasting=_faults(again=False), again=_faults(again=True)),
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
        help="file with its secret; if it does not exist, it is created with a random secret.  "
        "Without this option a random secret is made and printed",
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
        help="made-up calls that start per minute (default 30)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="the same seed gives the same calls (default 1)",
    )
    parser.add_argument(
        "--old-command-form",
        action="store_true",
        help="answer the action Command as Asterisk 13 and earlier (--END COMMAND--)",
    )
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME[:SECONDS]",
        help="cause a fault, see below; may be repeated",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="replay a transcript, FILE.out and FILE.in, instead of made-up calls; any user name and "
        "secret are accepted, and of the other options only --listen has an effect",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate until Ctrl-C; return the exit status.

    0, or 1 if it cannot start, or if a client did not send what was recorded.
    """
    host, port = arguments.listen
    try:
        if arguments.replay is not None:
            return _replay(arguments)
        return _simulate(arguments)
    except OSError as wrong:
        return _refused(f"cannot listen on {host}:{port}: {wrong.strerror or wrong}; choose another --listen")


def _simulate(arguments: argparse.Namespace) -> int:
    try:
        secret, origin = _secret(arguments.secret_file)
        user = User(arguments.user, secret, arguments.read, arguments.write)
    except UnknownPrivilege as wrong:
        return _refused(f"--read, --write: {wrong}; use names as in manager.conf, such as call,agent or all")
    except OSError as wrong:
        return _refused(f"--secret-file: {file_error(wrong)}")
    except ValueError as wrong:
        return _refused(f"--secret-file: {wrong}")
    settings = Settings(
        calls_per_minute=arguments.calls_per_minute,
        seed=arguments.seed,
        old_command_form=arguments.old_command_form,
    )
    host, port = arguments.listen

    def ready(actual: int) -> None:
        _say(f"simulated Asterisk on {_shown(host, actual)}, user {user.name}, secret {origin}")

    def told(fault: str) -> None:
        _say(f"fault: {VERBS[fault].text}")

    asyncio.run(simulate(user, settings, host, port, ready, arguments.fault, told))
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    if arguments.fault:
        return _refused("--fault: a transcript is replayed as it was recorded; omit --fault or --replay")
    stem: Path = arguments.replay
    if stem.suffix in (".in", ".out"):
        stem = stem.with_suffix("")
    try:
        transcript = load_transcript(stem)
    except OSError as wrong:
        return _refused(
            f"--replay: {wrong.filename}: {wrong.strerror}; a transcript is {stem}.out and {stem}.in"
        )
    if not transcript.exchanges:
        return _refused(f"--replay: {stem}.out holds no action; it must be what a client sent, byte for byte")
    host, port = arguments.listen

    def ready(actual: int) -> None:
        actions = count(len(transcript.exchanges), "action")
        _say(f"replaying {stem.name} on {_shown(host, actual)}: {actions}, any user and secret")

    def told(mismatch: str) -> None:
        terminal.error(f"ami-proxy simulate: not as recorded: {mismatch}")

    return 0 if asyncio.run(replay(transcript, host, port, ready, told)) else 1


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(text: str) -> None:
    print(text, flush=True)


def _refused(text: str) -> int:
    terminal.error(f"ami-proxy simulate: {text}")
    return 1


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:5038")
    return host.strip("[]") or "127.0.0.1", int(port)


def _fault(text: str) -> Scheduled:
    try:
        return Scheduled.from_text(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 60000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 60000")
    return rate


def _secret(path: Path | None) -> tuple[str, str]:
    """The secret, and a phrase that says where it comes from.

    Raises OSError, or ValueError if the file does not hold just one line.
    """
    if path is None:
        secret = secrets.token_urlsafe(18)
        return secret, f"{secret} (random, for this run)"
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
    return secret, f"in {path} (random, for this and later runs)"
