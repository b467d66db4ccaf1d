# ruff: noqa: T201  (a program that prints)
"""Clients that read slowly through small windows: ``python -m tests.bench.attacks.slow``.

Each requests so much that some megabytes wait for it, and then takes one TLS record at a time,
as over a link with little bandwidth and a long delay.  Runs until SIGTERM and then reports how
many such reads there were a second, as JSON.
"""

import argparse
import json
import os
import signal
import socket
import ssl
import threading
import time

#: Bytes of the kernel's buffer, on the client's side.
_WINDOW = 8192
#: Bytes that wait for each, about.
_WAITING = 2 << 20
_RECORD = 16384
#: Seconds between two reads: the time that a window takes over such a link.
_DELAY = 0.005
_ASK = b"Action: ListCommands\r\n\r\n"


class Reader:
    """One of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        context = ssl.create_default_context(cafile=os.environ["AMIPROXY_CAFILE"])
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        plain.connect(("127.0.0.1", options.port))
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        self._socket.sendall(
            f"Action: Login\r\nUsername: {options.user}\r\nSecret: {options.secret}\r\n\r\n".encode()
        )
        self._until(b"Authentication accepted")
        self._socket.sendall(_ASK)
        self._answer = len(self._until(b"\r\n\r\n"))
        self.reads = 0

    def _until(self, end: bytes) -> bytes:
        data = b""
        while end not in data:
            data += self._socket.recv(_RECORD)
        return data

    def run(self) -> None:
        """Until the process ends."""
        waiting = 0
        while True:
            while waiting < _WAITING:
                self._socket.sendall(_ASK)
                waiting += self._answer
            waiting -= len(self._socket.recv(_RECORD))
            self.reads += 1
            time.sleep(_DELAY)


def _main(options: argparse.Namespace) -> None:
    readers = [Reader(options) for _ in range(options.clients)]
    for reader in readers:
        threading.Thread(target=reader.run, daemon=True).start()
    began = time.monotonic()
    signal.sigwait({signal.SIGTERM})
    rate = sum(reader.reads for reader in readers) / (time.monotonic() - began)
    print(json.dumps({"rate": rate}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--clients", type=int, default=4)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _main(parser.parse_args())
