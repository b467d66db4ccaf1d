"""``ami-proxy connect``: a TLS client for AMI software without TLS."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from amiproxy.config.address import Address, host_and_port
from amiproxy.core.model.errors import Unfit
from amiproxy.net.loop.eventloop import new_event_loop
from amiproxy.tools.connect import CONNECTIONS, PlainPort
from amiproxy.tools.tlsclient import ConnectError, Destination

_EXAMPLE = """\
example:
  ami-proxy connect --listen 127.0.0.1:5038 --to pbx.example.org:5039 --ca pbx-ca.crt

Then point the software at 127.0.0.1:5038 as if Asterisk were there.  The server's
certificate is always verified.  Any local user can connect to the port; the rights
of each connection are those of the manager user that logs in."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "connect",
        help="give software without TLS a plain local port that connects to an ami-proxy",
        description="Listen on loopback in plain text and forward each connection over verified TLS.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        default="127.0.0.1:5038",
        metavar="ADDRESS:PORT",
        help="default: 127.0.0.1:5038",
    )
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="address of the ami-proxy")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="CAs to trust (default: the system's)")
    parser.add_argument(
        "--server-name", default="", metavar="NAME", help="name in its certificate, if not HOST"
    )
    parser.add_argument(
        "--cert", type=Path, metavar="FILE", help="client certificate, if the server requests one"
    )
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="private key of the certificate, if not in --cert"
    )
    parser.add_argument(
        "--connections",
        type=int,
        default=CONNECTIONS,
        metavar="NUMBER",
        help=f"maximum number of open connections (default: {CONNECTIONS}); when it is reached, one that "
        "never sent anything is closed for each new one",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status: 0, or 1 if it cannot serve."""
    logging.basicConfig(stream=sys.stderr, format="ami-proxy connect: %(message)s", level=logging.INFO)
    try:
        if arguments.key is not None and arguments.cert is None:
            raise ConnectError("--key needs --cert; give both")
        host, port = _destination(arguments.to)
        destination = Destination(
            host, port, arguments.server_name, arguments.ca, arguments.cert, arguments.key
        )
        if arguments.connections < 1:
            raise ConnectError("--connections is less than 1; give the maximum number of clients")
        plain_port = PlainPort(_address(arguments.listen), destination, connections=arguments.connections)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(plain_port, destination))
    except ConnectError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(plain_port: PlainPort, destination: Destination) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    address = await plain_port.start()
    print(f"listening on {address}, forwarding to {destination}", flush=True)
    await stopped.wait()
    await plain_port.close()


def _address(text: str) -> Address:
    try:
        address = Address.from_text(text)
    except ValueError as error:
        raise ConnectError(f"--listen {text}: {error}; write 127.0.0.1:PORT or [::1]:PORT") from error
    if address.name:
        raise ConnectError(
            f"--listen {text}: this command takes no socket from systemd; write 127.0.0.1:PORT"
        )
    return address


def _destination(text: str) -> tuple[str, int]:
    try:
        return host_and_port(text, "pbx.example.org:5039")
    except Unfit as error:
        raise ConnectError(f"--to: {error}; {error.remedy}") from error
