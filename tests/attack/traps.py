"""Traps: signs inside Asterisk, and around it, that an attack succeeded.

Each is proved to work by attacks at Asterisk's own door (tests/asterisk/test_attack_sample.py).
"""

import os
import re
import selectors
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

#: Resident memory that an Asterisk under attack may gain from one check to the next.
MEMORY_JUMP: Final = 96 << 20
#: Seconds that a neighbour's Getvar may take while one attacker tries its worst.
SLOW: Final = 1.0


class Ports:
    """One TCP and one UDP port of loopback; ``heard`` is the data sent there, or b"" for a connection."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.tcp, self.udp = self._tcp.getsockname()[1], self._udp.getsockname()[1]
        self._ended, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="trap ports", daemon=True)
        self._thread.start()

    def take(self) -> list[bytes]:
        """The data since the last call."""
        heard, self.heard = self.heard, []
        return heard

    def close(self) -> None:
        self._wake.close()
        self._thread.join(5)
        for door in (self._tcp, self._udp, self._ended):
            door.close()

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            for door in (self._tcp, self._udp, self._ended):
                selector.register(door, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._ended:
                        return
                    if key.fileobj is self._udp:
                        self.heard.append(b"UDP " + self._udp.recv(200))
                    else:
                        self._answer()

    def _answer(self) -> None:
        connection, _ = self._tcp.accept()
        with connection:
            connection.settimeout(0.2)
            try:
                said = connection.recv(200)
                connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")
            except OSError:
                said = b""
            self.heard.append(b"TCP " + said.partition(b"\r\n")[0])


class Folder:
    """A folder that must stay empty, writable by Asterisk."""

    def __init__(self, path: Path, owner: tuple[int, int]) -> None:
        self.path = path
        path.mkdir()
        os.chown(path, *owner)

    def take(self) -> list[str]:
        """The names of the files that were found; they are removed."""
        found = sorted(self.path.iterdir())
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return [path.name for path in found]


def resident(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


_GLOBAL: Final = re.compile(r"^\s*([A-Za-z0-9_]+)=(.*)$")


def globals_in(lines: Iterable[str]) -> dict[str, str]:
    """``dialplan show globals`` as Asterisk prints it."""
    return dict(_pairs(lines))


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _GLOBAL.match(line)
        if found:
            yield found[1], found[2]
