"""A manager that answers the doctor's questions as a test says, in a thread of its own."""

import re
import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

#: Of the required length.
SECRET = "hunter2-" * 6

SETTINGS = {
    "Manager (AMI)": "Yes",
    "Web Manager (AMI/HTTP)": "No",
    "TCP Bindaddress": "127.0.0.1:5038",
    "TLS Enable": "No",
    "Allow multiple login": "Yes",
    "Display connects": "No",
    "Disabled events": "",
}
LINK_USER = {
    "username": "amiproxy",
    "secret": "<Set>",
    "ACL": "yes",
    "read perm": "system,call,all",
    "write perm": "system,call,all",
    "displayconnects": "no",
    "allowmultiplelogin": "yes",
    "Variables": "",
}
LINK_SECTION = (
    f"secret={SECRET}",
    "deny=0.0.0.0/0.0.0.0",
    "deny=::/0",
    "permit=127.0.0.1/255.255.255.255",
    "writetimeout=5000",
)


class Manager:
    """Answers one connection; ``heard`` holds the bytes it received.  An empty banner: it sends nothing."""

    def __init__(
        self,
        banner: bytes = b"Asterisk Call Manager/11.0.0\r\n",
        tls: ssl.SSLContext | None = None,
        **answers: bytes,
    ) -> None:
        self.banner = banner
        self._tls = tls
        self.answers = {
            "Challenge": b"Response: Success\r\nChallenge: 123\r\n",
            "Login": b"Response: Success\r\nMessage: Authentication accepted\r\n",
            "Logoff": b"Response: Goodbye\r\n",
            "CoreSettings": b"Response: Success\r\nAsteriskVersion: 22.10.1\r\n",
            "manager show settings": command_output(SETTINGS),
            "manager show user amiproxy": command_output(LINK_USER),
            "manager show connected": connected("amiproxy", "amiproxy", "Amiproxy2"),
            "manager.conf": config_answer("amiproxy", *LINK_SECTION),
            "asterisk.conf": config_answer("options", "live_dangerously=no"),
            **answers,
        }
        self.heard = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Wakes an accept that is still waiting.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        # A doctor that does not trust this end closes the connection without reading on.
        with connection, suppress(ConnectionError):
            connection.sendall(self.banner)
            data = b""
            while received := connection.recv(65536):
                self.heard += received
                data += received
                while b"\r\n\r\n" in data:
                    action, _, data = data.partition(b"\r\n\r\n")
                    connection.sendall(self._answer(action.decode()))

    def _answer(self, action: str) -> bytes:
        headers = dict(re.findall(r"(\w+): (.*?)(?:\r\n|$)", action))
        name = headers.get("Command") or headers.get("Filename") or headers["Action"]
        first, _, rest = self.answers[name].partition(b"\r\n")
        return first + b"\r\nActionID: " + headers["ActionID"].encode() + b"\r\n" + rest + b"\r\n"


def command_output(rows: dict[str, str]) -> bytes:
    """As ``Command`` answers since Asterisk 14."""
    lines = "".join(f"Output:   {name + ':':<27}{value}\r\n" for name, value in rows.items())
    return f"Response: Success\r\nMessage: Command output follows\r\nOutput: \r\n{lines}".encode()


def connected(*names: str) -> bytes:
    """As ``manager show connected`` answers."""
    lines = ("  Username         IP Address", *(f"  {name:<15}  127.0.0.1" for name in names))
    said = "".join(f"Output: {line}\r\n" for line in (*lines, f"{len(names)} users connected."))
    return f"Response: Success\r\nMessage: Command output follows\r\n{said}".encode()


def config_answer(category: str, *lines: str) -> bytes:
    """As ``GetConfig`` answers for one category."""
    said = "".join(f"Line-000000-{number:06}: {line}\r\n" for number, line in enumerate(lines))
    return f"Response: Success\r\nCategory-000000: {category}\r\n{said}".encode()
