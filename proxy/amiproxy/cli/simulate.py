"""``ami-proxy simulate``: runs a small simulated Asterisk to try things on."""

import argparse
import asyncio
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.cli import file_error
from amiproxy.counted import count
from amiproxy.tools import terminal
from amiproxy.tools.simulator import Settings, User
from amiproxy.tools.simulator.misbehaviour.schedule import VERBS, Scheduled
from amiproxy.tools.simulator.recorded.transcript import load_transcript
from amiproxy.tools.simulator.running import CannotListen, Simulated, replay, simulate

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_DEFAULT: Final = ("127.0.0.1", 5038)
#: A systemname is in unique ids, before a hyphen and numbers.
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,32}")
_EXAMPLE = """\
examples:
  ami-proxy simulate --listen 127.0.0.1:5038 --user amiproxy \\
      --secret-file upstream.secret --calls-per-minute 60
  ami-proxy simulate --fault reset:30 --fault trickle
  ami-proxy simulate --fault stall:60
  ami-proxy simulate --listen pbx1=127.0.0.1:5038 --listen pbx2=127.0.0.1:5138 \\
      --secret-file upstream.secret --fault stall:60@pbx2
  ami-proxy simulate --replay tests/transcripts/data/22-04-ping

Then log in with any AMI client, or point the proxy's upstream at it.  The simulator
uses plain text and has no limits of any kind: keep it on loopback.

Each --listen is an Asterisk of its own, with its own calls.  NAME= before the address
is its systemname, as in asterisk.conf: it is in its unique ids and events.

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
        type=_place,
        action="append",
        metavar="[NAME=]HOST:PORT",
        help="address to listen on (default 127.0.0.1:5038; port 0 takes a free one); may be repeated, for "
        "several servers",
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
        help="the same seed gives the same calls (default 1); a second --listen has the next seed",
    )
    parser.add_argument(
        "--call-centre",
        action="store_true",
        help="a call centre: more queues, agents with breaks, phones, trunks, parked calls, conferences",
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
        metavar="FAULT[:SECONDS][@NAME]",
        help="cause a fault, see below, in every server or in that of this NAME; may be repeated",
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
    places = arguments.listen or [_Place("", *_DEFAULT)]
    if arguments.replay is None:
        return _simulate(arguments, places)
    if len(places) > 1:
        return _refused("--listen: a transcript is replayed on one address; name one")
    try:
        return _replay(arguments, places[0])
    except OSError as wrong:
        return _cannot_listen(places[0].host, places[0].port, wrong.strerror or str(wrong))


def _simulate(arguments: argparse.Namespace, places: "list[_Place]") -> int:
    names = [place.name for place in places if place.name]
    for name in names:
        if names.count(name) > 1:
            return _refused(f"--listen: {name} is there twice; give each server a name of its own")
    for fault in arguments.fault:
        if fault.server and fault.server not in names:
            return _refused(
                f"--fault: no server is called {fault.server}; use --listen {fault.server}=HOST:PORT"
            )
    try:
        secret, origin = _secret(arguments.secret_file)
        user = User(arguments.user, secret, arguments.read, arguments.write)
    except UnknownPrivilege as wrong:
        return _refused(f"--read, --write: {wrong}; use names as in manager.conf, such as call,agent or all")
    except OSError as wrong:
        return _refused(f"--secret-file: {file_error(wrong)}")
    except ValueError as wrong:
        return _refused(f"--secret-file: {wrong}")
    several = [
        Simulated(
            place.host,
            place.port,
            Settings(
                calls_per_minute=arguments.calls_per_minute,
                seed=arguments.seed + number,
                old_command_form=arguments.old_command_form,
                call_centre=arguments.call_centre,
                system_name=place.name,
            ),
            [fault.scheduled for fault in arguments.fault if fault.server in ("", place.name)],
        )
        for number, place in enumerate(places)
    ]

    def ready(one: Simulated, actual: int) -> None:
        name = one.settings.system_name
        what = f"simulated Asterisk {name}".rstrip()
        _say(f"{what} on {_shown(one.host, actual)}, user {user.name}, secret {origin}")

    def told(one: Simulated, fault: str) -> None:
        name = one.settings.system_name
        _say(f"fault{f' in {name}' if name else ''}: {VERBS[fault].text}")

    try:
        asyncio.run(simulate(user, several, ready, told))
    except CannotListen as wrong:
        return _cannot_listen(wrong.simulated.host, wrong.simulated.port, str(wrong))
    return 0


def _replay(arguments: argparse.Namespace, place: "_Place") -> int:
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

    def ready(actual: int) -> None:
        actions = count(len(transcript.exchanges), "action")
        _say(f"replaying {stem.name} on {_shown(place.host, actual)}: {actions}, any user and secret")

    def told(mismatch: str) -> None:
        terminal.error(f"ami-proxy simulate: not as recorded: {mismatch}")

    return 0 if asyncio.run(replay(transcript, place.host, place.port, ready, told)) else 1


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(text: str) -> None:
    print(text, flush=True)


def _refused(text: str) -> int:
    terminal.error(f"ami-proxy simulate: {text}")
    return 1


def _cannot_listen(host: str, port: int, why: str) -> int:
    return _refused(f"cannot listen on {host}:{port}: {why}; choose another --listen")


class _Place(NamedTuple):
    """The value of ``--listen``."""

    name: str
    host: str
    port: int


class _Fault(NamedTuple):
    """The value of ``--fault``; ``server`` is "" for all of them."""

    scheduled: Scheduled
    server: str


def _place(text: str) -> _Place:
    name, equals, address = text.rpartition("=")
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:5038")
    if equals and not _NAME.fullmatch(name):
        raise argparse.ArgumentTypeError(
            f"{text!r}: a name has letters, digits and -, as in pbx1=127.0.0.1:5038"
        )
    return _Place(name, host.strip("[]") or "127.0.0.1", int(port))


def _fault(text: str) -> _Fault:
    fault, _, server = text.partition("@")
    try:
        return _Fault(Scheduled.from_text(fault), server)
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
