"""A phone: registers at a real Asterisk over UDP on loopback, and answers OPTIONS while it is told to."""

import hashlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_until

_COPIED = re.compile(r"(?:Via|From|To|Call-ID|CSeq):", re.IGNORECASE)
_PARAMETER = re.compile(r'(realm|nonce|opaque|qop)="?([^",\r]+)"?')


class Phone:
    """One phone with an address of its own.  Use it in a ``with`` block."""

    def __init__(self, port: int) -> None:
        """``port`` is Asterisk's."""
        self._server = ("127.0.0.1", port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        #: Whether it answers OPTIONS.
        self.is_answering = True
        self._responses: list[str] = []
        self._number = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    @property
    def uri(self) -> str:
        """The address with which it registers."""
        return f"sip:lab@127.0.0.1:{self.port}"

    def register(self, user: str, aor: str = "", expires: int = 60) -> None:
        """Register as ``user``, whose secret is the name, at an AOR of another name if one is given."""
        response = self._send(user, aor or user, expires, "")
        if response.startswith("SIP/2.0 401"):
            response = self._send(user, aor or user, expires, _authorization(user, response))
        assert response.startswith("SIP/2.0 200"), response

    def _send(self, user: str, aor: str, expires: int, authorization: str) -> str:
        self._number += 1
        seen = len(self._responses)
        lines = [
            "REGISTER sip:127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{self.port}x{self._number}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@127.0.0.1>;tag={self._number}",
            f"To: <sip:{aor}@127.0.0.1>",
            f"Call-ID: {self.port}-{user}-{aor}",
            f"CSeq: {self._number} REGISTER",
            "User-Agent: lab phone",
            f"Contact: <{self.uri}>",
            f"Expires: {expires}",
            *([authorization] if authorization else []),
            "Content-Length: 0",
        ]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self._server)
        wait_until(lambda: len(self._responses) > seen, "a response to REGISTER")
        return self._responses[-1]

    def _read(self) -> None:
        while not self._is_over:
            data, sender = self._socket.recvfrom(65535)
            message = data.decode()
            if message.startswith("SIP/2.0 "):
                self._responses.append(message)
            elif self.is_answering:
                for status, body in self.answers_to(message):
                    self._answer(message, status, body, sender)

    def answers_to(self, request: str) -> list[tuple[str, str]]:
        """The status lines, and the bodies, with which it answers a request."""
        return [("200 OK", "")] if request.startswith("OPTIONS ") else []

    def _answer(self, request: str, status: str, body: str, sender: tuple[str, int]) -> None:
        copied = [line for line in request.split("\r\n") if _COPIED.match(line)]
        copied = [
            f"{line};tag=lab" if line.lower().startswith("to:") and ";tag=" not in line else line
            for line in copied
        ]
        kind = ["Content-Type: application/sdp"] if body else []
        lines = [
            f"SIP/2.0 {status}",
            *copied,
            f"Contact: <{self.uri}>",
            *kind,
            f"Content-Length: {len(body)}",
        ]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), sender)


def _authorization(user: str, challenge: str) -> str:
    asked = dict(_PARAMETER.findall(challenge))
    secret = _md5(f"{user}:{asked['realm']}:{user}")
    what = _md5("REGISTER:sip:127.0.0.1")
    parts = [
        f'username="{user}"',
        f'realm="{asked["realm"]}"',
        f'nonce="{asked["nonce"]}"',
        'uri="sip:127.0.0.1"',
        "algorithm=MD5",
    ]
    if "opaque" in asked:
        parts.append(f'opaque="{asked["opaque"]}"')
    if "qop" in asked:
        parts += ["qop=auth", "nc=00000001", 'cnonce="lab"']
        response = _md5(f"{secret}:{asked['nonce']}:00000001:lab:auth:{what}")
    else:
        response = _md5(f"{secret}:{asked['nonce']}:{what}")
    return "Authorization: Digest " + ", ".join([*parts, f'response="{response}"'])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
