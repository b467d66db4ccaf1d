# ruff: noqa: T201  (a program that prints)
"""Unauthenticated clients, as a process of its own: ``python -m tests.bench.attacks.strangers``.

Connects at a rate, from many addresses in turn, and does one of three things: ``silent`` sends
nothing, ``hello`` sends the beginning of a TLS handshake and nothing more, ``wrong`` logs in with a
secret that is wrong (``--user``: a name, or several with commas, which take turns; without it
another name each time).  Runs until SIGTERM and then reports how often it did so, as JSON.
"""

import argparse
import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from itertools import count

#: Connections that are held open at one time; the oldest is closed for another.
_HELD = 8000
#: Seconds between two readings of the clock.
_STEP = 0.005
#: Handshakes in progress at the same time.
_AT_ONCE = 200


def addresses(number: int, networks: int) -> list[str]:
    """This many addresses of loopback in this many networks (/16), none of which is 127.0.0.0/16."""
    return [
        f"127.{1 + n % networks % 250}.{n // networks % 250}.{1 + n // networks // 250}"
        for n in range(number)
    ]


def client_hello(context: ssl.SSLContext) -> bytes:
    """The first bytes that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


class Strangers:
    """All of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._sources: Iterator[str] = _round(addresses(options.addresses, options.networks))
        self._held: deque[socket.socket] = deque()
        self._context = ssl.create_default_context(cafile=os.environ["AMIPROXY_CAFILE"])
        self._first = client_hello(self._context) if options.what == "hello" else b""
        self._names = _round(options.user.split(",")) if options.user else (f"user{n}" for n in count())
        self._tasks: set[asyncio.Task[None]] = set()
        self.made = 0
        self.late = 0

    async def run(self) -> None:
        """Until cancelled."""
        began, due = time.monotonic(), 0
        while True:
            await asyncio.sleep(_STEP)
            wanted = int((time.monotonic() - began) * self._options.rate)
            while due < wanted:
                due += 1
                if self._options.what == "wrong":
                    self._guess_soon()
                else:
                    self._connect()

    def _connect(self) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        # Sent when the kernel has it connected, which is at once on loopback.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, _BIND_NO_PORT, 1)
            sock.bind((next(self._sources), 0))
        if sock.connect_ex(("127.0.0.1", self._options.port)) not in (0, errno.EINPROGRESS):
            sock.close()
            return
        self.made += 1
        if self._first:
            with contextlib.suppress(OSError):
                sock.send(self._first)
        self._held.append(sock)
        if len(self._held) > _HELD:
            self._held.popleft().close()

    def _guess_soon(self) -> None:
        if len(self._tasks) >= _AT_ONCE:
            self.late += 1
            return
        task = asyncio.get_running_loop().create_task(self._guess(next(self._sources)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guess(self, source: str) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1",
                    self._options.port,
                    ssl=self._context,
                    server_hostname="localhost",
                    local_addr=(source, 0),
                )
                await reader.readuntil(b"\n")
                name, secret = next(self._names), os.urandom(8).hex()
                writer.write(f"Action: Login\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n".encode())
                self.made += 1
                # As a careless client does, it does nothing else while it waits for the answer.
                await reader.read()
                writer.close()


#: Linux' IP_BIND_ADDRESS_NO_PORT: the port is chosen at the connect, among all that are free for it.
_BIND_NO_PORT = 24


def _round(values: list[str]) -> Iterator[str]:
    return (values[n % len(values)] for n in count())


async def _main(options: argparse.Namespace) -> None:
    strangers = Strangers(options)
    running = asyncio.get_running_loop().create_task(strangers.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    began = time.monotonic()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print(
        json.dumps({"rate": strangers.made / (time.monotonic() - began), "late": strangers.late}), flush=True
    )
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["silent", "hello", "wrong"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--addresses", type=int, required=True)
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--user", default="")
    asyncio.run(_main(parser.parse_args()))
