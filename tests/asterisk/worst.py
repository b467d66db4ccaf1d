"""A user that tries its worst: ``python -m tests.asterisk.worst PORT CAFILE ATTACK CHANNEL``.

It runs until it is killed.  Each session sends as fast as it is read, and discards its answers.
"""

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

USER: Final = "worst"
SECRET: Final = "worst"
SESSIONS: Final = 8

Headers = Mapping[str, str]
_LISTS: Final = ("CoreShowChannels", "QueueStatus", "BridgeTechnologyList", "ParkedCalls")


def _variables(channel: str, number: int) -> Headers:
    if number % 4:
        return {"Action": "Setvar", "Channel": channel, "Variable": f"V{number}", "Value": "x" * 900}
    return {"Action": "Status", "Channel": channel, "AllVariables": "true"}


ATTACKS: Final[Mapping[str, Callable[[str, int], Headers]]] = {
    "tone": lambda channel, _: {
        "Action": "PlayDTMF",
        "Channel": channel,
        "Digit": "1",
        "Duration": "3600000",
    },
    "digits": lambda channel, _: {"Action": "PlayMF", "Channel": channel, "Digit": "1234567890" * 2},
    "variables": _variables,
    "lists": lambda _, number: {"Action": _LISTS[number % len(_LISTS)]},
    "commands": lambda _, __: {"Action": "Command", "Command": "core show applications"},
}


def message(headers: Headers) -> bytes:
    """As it goes over the wire."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def _busy(port: int, context: ssl.SSLContext, attack: str, channel: str, first: int) -> None:
    make, number = ATTACKS[attack], first
    while True:
        with suppress(OSError):  # it was closed as too slow, and connects again
            plain = socket.create_connection(("127.0.0.1", port))
            connection = context.wrap_socket(plain, server_hostname="localhost")
            threading.Thread(target=_throw_away, args=(connection,), daemon=True).start()
            connection.sendall(
                message({"Action": "Login", "Username": USER, "Secret": SECRET, "Events": "off"})
            )
            while True:
                connection.sendall(b"".join(message(make(channel, number + ahead)) for ahead in range(32)))
                number += 32
        time.sleep(0.2)


def _throw_away(connection: ssl.SSLSocket) -> None:
    with suppress(OSError):
        while connection.recv(1 << 16):
            pass


def main(port: int, cafile: str, attack: str, channel: str) -> None:
    """Attack until killed."""
    context = ssl.create_default_context(cafile=cafile)
    for number in range(SESSIONS):
        arguments = (port, context, attack, channel, number << 20)
        threading.Thread(target=_busy, args=arguments, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5])
