"""One short AMI conversation with Asterisk, without a loop: banner, login, a few actions."""

import hashlib
import re
import secrets
import socket
import ssl
import time
from types import TracebackType
from typing import Final, Self

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.ami.message import Action, Message
from amiproxy.config.schema import UpstreamTls
from amiproxy.net.upstream.errors import LinkError
from amiproxy.net.upstream.tls import link_context, refusal

_BANNER: Final = re.compile(rb"Asterisk Call Manager/[\x21-\x7e]{1,64}\r?\n")
_LONGEST_BANNER: Final = 256
#: Maximum bytes of a response: output of CLI commands is longer than normal responses.
_LONGEST: Final = 1 << 20


class ProbeError(Exception):
    """The conversation failed; the text says why, ``remedy`` what to do."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


class LoginRefused(ProbeError):
    """Asterisk refused the login."""


class Probe:
    """A connection to Asterisk; use it in a ``with``.

    The constructor connects.  It and every method that waits for Asterisk raise ProbeError, after ``timeout``
    seconds at the latest for each answer.  With ``tls`` the server is verified before anything is sent.
    ``section`` is the one of proxy.yaml that has the settings.
    """

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float,
        tls: UpstreamTls | None = None,
        section: str = "upstream",
    ) -> None:
        self._timeout = timeout
        self._section = section
        self._is_tls = tls is not None
        self._framer = UpstreamFramer(_LONGEST, _LONGEST)
        self._ready: list[bytes] = []
        try:
            self.socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            text = f"Asterisk cannot be reached at {host}:{port}: {error.strerror or error}"
            raise ProbeError(text, _unreachable(error, section)) from None
        if tls is not None:
            self.socket = self._secured(tls, host)
        #: The banner; set by ``greet``.
        self.banner = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def _secured(self, tls: UpstreamTls, host: str) -> ssl.SSLSocket:
        name = tls.name or host
        try:
            return link_context(tls).wrap_socket(self.socket, server_hostname=name)
        except LinkError as error:
            text, _, remedy = str(error).partition("; ")
        except ssl.SSLError as error:
            text, _, remedy = refusal(error, name).partition("; ")
        except (OSError, ValueError) as error:
            text = f"TLS with {host} failed: {getattr(error, 'strerror', None) or error}"
            remedy = f"check port and tls.name in {self._section}, and the server's log"
        self.socket.close()
        raise ProbeError(text, remedy)

    def greet(self) -> None:
        """Read the banner.  Raises ProbeError, also if it is not that of an Asterisk manager."""
        line = b""
        try:
            while not line.endswith(b"\n") and len(line) < _LONGEST_BANNER:
                line += self._receive(1, time.monotonic() + self._timeout)
        except ProbeError as error:
            if self._is_tls or line:
                raise
            remedy = f"if this is a TLS port, set {self._section}.tls; otherwise {error.remedy}"
            raise ProbeError(f"no banner: {error}", remedy) from None
        if not _BANNER.fullmatch(line):
            remedy = f"correct {self._section}.port, or stop the program that uses Asterisk's port"
            raise ProbeError("the server did not send the banner of an Asterisk manager", remedy)
        self.banner = line.decode("ascii").strip()

    def log_in(self, username: str, secret: bytes) -> None:
        """Log in as the link does.  Raises ProbeError, or LoginRefused.

        In plain text by MD5 challenge, so that the secret is not sent.  By TLS with the secret itself: the
        server is verified, and an ami-proxy may have only a hash, with which no challenge works.
        """
        if self._is_tls:
            reply = self.ask("Login", Username=username, Secret=secret, Events="off")
        else:
            reply = self.ask("Challenge", AuthType="MD5")
            key = hashlib.md5(reply.get(b"challenge") + secret, usedforsecurity=False).hexdigest()
            reply = self.ask("Login", AuthType="MD5", Username=username, Key=key, Events="off")
        if reply.get(b"response") != b"Success":
            text = f"Asterisk refused the login of {username}: {reply.get(b'message').decode('latin-1')}"
            remedy = (
                f"give [{username}] in manager.conf the secret of {self._section}.secret_file, "
                "then run: asterisk -rx 'manager reload'"
            )
            if self._is_tls:
                remedy += "; if it is an ami-proxy, login-failed in its log has the reason"
            raise LoginRefused(text, remedy)

    def ask(self, action: str, **headers: str | bytes) -> Message:
        """Send an action and return its response, whatever it says.  Raises ProbeError."""
        token = secrets.token_hex(16).encode()
        lines = [
            (name.encode(), value.encode() if isinstance(value, str) else value)
            for name, value in headers.items()
        ]
        deadline = time.monotonic() + self._timeout
        try:
            self.socket.sendall(Action([(b"Action", action.encode()), *lines]).serialise(token))
        except OSError as error:
            raise ProbeError(f"the connection was lost: {error.strerror}", "see Asterisk's log") from None
        while True:
            while self._ready:
                raw = self._ready.pop(0)
                reply = Message(raw)
                if raw.startswith(b"Response:") and reply.get(b"actionid") == token:
                    return reply
            self._ready = self._framer.feed(self._receive(1 << 16, deadline))
            if self._framer.cut:
                raise ProbeError("Asterisk's response is too long", "see Asterisk's log")

    def command(self, line: str) -> list[str]:
        """The output lines of a command of Asterisk's CLI; empty if it is refused.  Raises ProbeError."""
        text = self.ask("Command", Command=line).raw.decode("utf-8", "replace")
        return [row.removeprefix("Output: ") for row in text.split("\r\n") if row.startswith("Output: ")]

    def _receive(self, size: int, deadline: float) -> bytes:
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = self.socket.recv(size)
        except TimeoutError:
            text = f"Asterisk does not answer within {self._timeout:g} s"
            raise ProbeError(text, "check whether it hangs: asterisk -rx 'core show uptime'") from None
        except OSError as error:
            raise ProbeError(f"the connection was lost: {error.strerror}", "see Asterisk's log") from None
        if not data:
            remedy = "check denied addresses and limits in manager.conf, and Asterisk's log"
            raise ProbeError("Asterisk closed the connection", remedy)
        return data


def _unreachable(error: OSError, section: str) -> str:
    """What to do if no connection could be made."""
    if isinstance(error, socket.gaierror):
        return f"correct {section}.host, or the name server of this machine"
    return "start it; check enabled = yes and bindaddr in manager.conf"
