# ruff: noqa: T201  (a program that prints)
"""Users that ask for as much as they can, as a process of its own: ``python -m tests.bench.attacks.spenders``

All sessions of ``--users`` users (u0, u1 …) send one of three things: ``lists``, 30 ListCommands at once;
``lines``, actions of 64 KiB that consist of 13,000 lines; ``events``, UserEvents at ``--rate`` a second each.
Answers are discarded in the kernel.  Runs until SIGTERM and then reports how many actions it wrote
a second, as JSON.
"""

import argparse
import contextlib
import json
import os
import selectors
import signal
import socket
import ssl
import time
from types import FrameType
from typing import Final

from tests.bench.attacks.secrets import SECRET

_AT_ONCE: Final = 30
_LISTS: Final = b"Action: ListCommands\r\n\r\n" * _AT_ONCE
_LINES: Final = b"Action: Ping\r\n" + b"a:b\n" * 13_000 + b"\r\n"
_EVENT: Final = b"Action: UserEvent\r\nUserEvent: Noise\r\nText: " + b"x" * 80 + b"\r\n\r\n"


class Session:
    """One session, logged in.  ``write`` continues with the bytes that were not taken."""

    def __init__(self, port: int, user: str, context: ssl.SSLContext, reads: bool) -> None:
        raw = socket.create_connection(("127.0.0.1", port))
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        events = "on" if reads else "off"
        login = f"Action: Login\r\nUsername: {user}\r\nSecret: {SECRET}\r\nEvents: {events}\r\n\r\n"
        self.socket.sendall(login.encode())
        answer = b""
        while b"Authentication accepted" not in answer:
            piece = self.socket.recv(4096)
            assert piece, answer
            answer += piece
        self.socket.setblocking(False)
        self._left = b""

    def write(self, data: bytes) -> bool:
        """Whether all of it was taken; if not, it is to be called again when there is room."""
        data = self._left or data
        try:
            while data:
                data = data[self.socket.send(data) :]
        except (ssl.SSLWantWriteError, BlockingIOError):
            self._left = data
            return False
        self._left = b""
        return True

    def throw_away(self) -> bool:
        """Read the input; whether the session is still open."""
        try:
            return socket.socket.recv(self.socket, 1 << 20, socket.MSG_TRUNC | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


class Spenders:
    """All of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        context = ssl.create_default_context(cafile=os.environ["AMIPROXY_CAFILE"])
        self._selector = selectors.DefaultSelector()
        self._sessions: list[Session] = []
        reads = options.what == "events"
        for number in range(options.sessions):
            session = Session(options.port, f"u{number % options.users}", context, reads)
            self._sessions.append(session)
            events = selectors.EVENT_READ if reads else selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.register(session.socket, events, session)
        self.sent = 0
        self.lost = 0
        self.running = True

    def run(self) -> None:
        """Run until told to end."""
        if self._options.what == "events":
            self._at_a_rate()
        else:
            data, actions = (_LISTS, _AT_ONCE) if self._options.what == "lists" else (_LINES, 1)
            while self.running:
                for session, writable in self._look(0.1):
                    if writable and session.write(data):
                        self.sent += actions

    def _at_a_rate(self) -> None:
        began, due, count = time.monotonic(), 0, len(self._sessions)
        while self.running:
            wanted = int((time.monotonic() - began) * self._options.rate * count)
            # A missed round is skipped rather than made up for.
            due = max(due, wanted - count)
            while due < wanted:
                self.sent += self._sessions[due % count].write(_EVENT)
                due += 1
            for _ in self._look(0.002):
                pass

    def _look(self, seconds: float) -> list[tuple[Session, bool]]:
        found = []
        for key, events in self._selector.select(seconds):
            if events & selectors.EVENT_READ and not key.data.throw_away():
                self._selector.unregister(key.fileobj)
                self.lost += 1
                continue
            found.append((key.data, bool(events & selectors.EVENT_WRITE)))
        return found

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM."""
        self.running = False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["lists", "lines", "events"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--rate", type=float, default=50)
    spenders = Spenders(parser.parse_args())
    signal.signal(signal.SIGTERM, spenders.end)
    print("ready", flush=True)
    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError):
        spenders.run()
    rate = spenders.sent / (time.monotonic() - began)
    print(json.dumps({"rate": rate, "lost": spenders.lost}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
