"""A manager that answers the doctor's questions as a test has it, in a thread of its own."""

import re
import socket
import threading
from types import TracebackType
from typing import Self

SETTINGS = {
    "Manager (AMI)": "Yes",
    "Web Manager (AMI/HTTP)": "No",
    "TLS Enable": "No",
    "Disabled events": "",
}
LINK_USER = {
    "username": "amiproxy",
    "secret": "<Set>",
    "ACL": "yes",
    "read perm": "system,call,all",
    "write perm": "system,call,all",
    "allowmultiplelogin": "yes",
    "Variables": "",
}


class Manager:
    """Answers one connection; ``heard`` is what came.  A falsy banner: it says nothing."""

    def __init__(self, banner: bytes = b"Asterisk Call Manager/11.0.0\r\n", **answers: bytes) -> None:
        self.banner = banner
        self.answers = {
            "Challenge": b"Response: Success\r\nChallenge: 123\r\n",
            "Login": b"Response: Success\r\nMessage: Authentication accepted\r\n",
            "Logoff": b"Response: Goodbye\r\n",
            "CoreSettings": b"Response: Success\r\nAsteriskVersion: 22.10.1\r\n",
            "manager show settings": command_output(SETTINGS),
            "manager show user amiproxy": command_output(LINK_USER),
            **{name.replace("_", " "): answer for name, answer in answers.items()},
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
        # Wakes an accept that nobody came for.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        with connection:
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
        name = headers.get("Command", headers["Action"])
        first, _, rest = self.answers[name].partition(b"\r\n")
        return first + b"\r\nActionID: " + headers["ActionID"].encode() + b"\r\n" + rest + b"\r\n"


def command_output(rows: dict[str, str]) -> bytes:
    """As ``Command`` answers from Asterisk 14 on."""
    lines = "".join(f"Output:   {name + ':':<27}{value}\r\n" for name, value in rows.items())
    return f"Response: Success\r\nMessage: Command output follows\r\nOutput: \r\n{lines}".encode()
