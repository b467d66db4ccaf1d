"""A second server beside the one under test: the same tests, through sessions that are bound to one of two.

The environment variable AMIPROXY_TWIN switches it on, for every ``ProxyProcess``, and says how its sessions
are bound:

- ``listener``: the listener has ``server: here``;
- ``user``: each user has ``servers: [here]``;
- ``login``: clients log in as NAME/here (only those of ours, ``AmiClient``).

The second server is a simulator, or an Asterisk that ``beside`` names.  It makes events all the time, and no
client may be sent one of them.
"""

import atexit
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_port

HERE: Final = "here"
THERE: Final = "there"
WAYS: Final = ("listener", "user", "login")
#: How sessions are bound to one of two servers; "" if there is only one.
WAY: Final = os.environ.get("AMIPROXY_TWIN", "")
assert WAY in {"", *WAYS}, f"AMIPROXY_TWIN is none of {', '.join(WAYS)}"
#: Part of each event of the second server; no client may be sent it.
NOISE: Final = f"FromTheOtherServer{secrets.token_hex(4)}".encode()
#: What AmiClient adds to user names.
SUFFIX: Final = f"/{HERE}" if WAY == "login" else ""

Link = tuple[str, int, str, str]


#: The Asterisk to put beside the one that has this port.
_beside: dict[int, Link] = {}
_simulated: list[Link] = []
_noisy: set[Link] = set()


def put_beside(port: int, link: Link) -> None:
    """Use this server (host, port, user, secret) as the second one of proxies in front of ``port``."""
    _beside[port] = link


def permitted(users: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Users that may use the server under test; unchanged if there is only one."""
    if not WAY:
        return {name: {**entry} for name, entry in users.items()}
    server = HERE if WAY == "user" else "*"
    return {name: {"servers": [server], **entry} for name, entry in users.items()}


def configured(configuration: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """A configuration with a second server; unchanged if that is switched off."""
    changed = dict(configuration)
    if not WAY:
        return changed
    host, port, user, secret = link = _beside.get(changed["upstream"]["port"]) or _simulator()
    _make_noise(link)
    (directory / "there.secret").write_text(f"{secret}\n")
    there = {"host": host, "port": port, "username": user, "secret_file": "there.secret"}
    changed = with_upstream({"servers": {THERE: there}, **changed}, changed.pop("upstream"))
    return {**changed, "listeners": with_server(changed["listeners"])}


def with_server(listeners: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Listeners that bind sessions to the server under test, if that is the way."""
    bound = {"server": HERE} if WAY == "listener" else {}
    return [{**listener, **bound} for listener in listeners]


def with_upstream(configuration: Mapping[str, Any], upstream: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with another upstream, or with another server under test if there are two."""
    if not WAY:
        return {**configuration, "upstream": upstream}
    rest = {key: value for key, value in configuration.items() if key != "upstream"}
    return {**rest, "servers": {**configuration.get("servers", {}), HERE: dict(upstream)}}


def _simulator() -> Link:
    """A simulator in a process of its own, for all tests of this one."""
    if not _simulated:
        port = free_port()
        file = Path(tempfile.mkdtemp(prefix="twin-")) / "secret"
        options = "--listen", f"127.0.0.1:{port}", "--secret-file", str(file), "--calls-per-minute", "120"
        process = subprocess.Popen(
            [sys.executable, "-m", "amiproxy", "simulate", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        atexit.register(process.kill)
        _simulated.append(("127.0.0.1", port, "amiproxy", file.read_text().strip()))
    return _simulated[0]


def _make_noise(link: Link) -> None:
    """Have the server send an event about ten times a second, until this process ends."""
    if link not in _noisy:
        _noisy.add(link)
        threading.Thread(target=_events, args=(link, threading.Event()), daemon=True).start()


def _events(link: Link, never: threading.Event) -> None:
    host, port, user, secret = link
    while True:
        with suppress(OSError), socket.create_connection((host, port), timeout=5) as door:
            door.sendall(
                f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\nEvents: off\r\n\r\n".encode()
            )
            while True:
                door.sendall(b"Action: UserEvent\r\nUserEvent: %b\r\n\r\n" % NOISE)
                door.settimeout(5)
                door.recv(65536)
                never.wait(0.1)
        never.wait(1)
