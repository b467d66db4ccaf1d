"""A control socket that gives prepared answers, and the command against it."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amiproxy.cli import main
from tests.support.fleets import EDGE

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "pid": 7,
    "state": "serving",
    "started": 0.0,
    "uptime": 3700.0,
    "listeners": ["[::]:5039"],
    "connections": 2,
    "handshaking": 1,
    "unauthenticated": 1,
    "authenticated": 2,
    "users": 3,
    "users_logged_in": 1,
    "link": {"state": "up", "reason": ""},
    "side_link": {"state": "refused", "reason": "Login Already In Use"},
    "list_link": {"state": "closed", "reason": ""},
    "in_flight": 4,
    "outbox_bytes": 5000,
    "certificates": {
        "kind": "certificate",
        "names": ["dns:pbx"],
        "not_after": 1_800_000_000.0,
        "state": "fine",
    },
    "refused": [],
    "reload": None,
    "log_level": "info",
    "loop_lag": 0.0012,
    "cpu_seconds": 370.0,
    "counters": {
        "events_in": 100,
        "deliveries": 1000,
        "actions": 10,
        "denied": 1,
        "logins": 2,
        "login_failures": 0,
        "slow_consumers": 0,
    },
}

_LINKS = {name: STATUS[name] for name in ("link", "side_link", "list_link")}
#: Of a service with several servers.
STATUS_OF_SEVERAL: dict[str, Any] = {
    **{name: value for name, value in STATUS.items() if name not in _LINKS},
    "servers": [
        {"server": "pbx1", **_LINKS},
        {
            "server": "pbx2",
            "link": {"state": "down", "reason": "connection refused"},
            "side_link": {"state": "closed", "reason": ""},
            "list_link": {"state": "closed", "reason": ""},
        },
    ],
}

SESSION: dict[str, Any] = {
    "id": "5f1e09c2ab34",
    "user": "[red]wall",
    "peer": "192.0.2.1",
    "port": 4711,
    "state": "ready",
    "age": 75.0,
    "asterisk_seconds": 1.0,
    "proxy_seconds": 0.5,
    "bytes_in": 10,
    "bytes_out": 3_000_000,
    "outbox": 2048,
    "denied": 3,
}

STRANGER = {**SESSION, "id": "000000000001", "user": None, "outbox": 0}

DETAIL = {
    **SESSION,
    "doing": "logged in, nothing under way",
    "tls": "TLSv1.3/X",
    "local": "192.0.2.9",
    "local_port": 5039,
    "opened": 0.0,
    "login_name": "WALL\\x1b",
    "read": "call",
    "write": "none",
    "events": "call",
    "filters": 1,
    "sharing_view": 3,
}

UPSTREAM = {
    "host": "127.0.0.1",
    "port": 5038,
    "username": "amiproxy",
    "state": "down",
    "reason": "connection refused",
    "banner": "Asterisk Call Manager/11.0.0",
    "last_loss": {
        "at": 0.0,
        "reason": "gone",
        "sessions": {"closed": 12, "told": 3, "kept": 0, "no events": 0},
    },
    "ups": 1,
    "downs": 1,
    "in_flight": 0,
    "waiting": 0,
    "side_links": [
        {"link": "side", "state": "up", "reason": "", "ups": 2, "in_flight": 3},
        {"link": "lists", "state": "refused", "reason": "Login Already In Use", "ups": 0, "in_flight": 0},
    ],
    "actions_known": 1,
    "timeouts": 0,
    "orphans": 0,
}

UPSTREAMS: dict[str, Any] = {
    "servers": [
        {**UPSTREAM, "server": "pbx1", "default": True, "state": "up", "reason": ""},
        {**UPSTREAM, "server": "pbx2", "default": False, "host": "pbx2.example.org", "timeouts": 7},
    ]
}

USER = {
    "name": "wall",
    "disabled": True,
    "sessions": 2,
    "read": "call",
    "write": "none",
    "login": ["plain", "md5"],
}

CERTIFICATE = {
    "listener": "[::]:5039",
    "generation": 2,
    "since": 0.0,
    "last_reload": "certificates reloaded, generation 2 (watch)",
    "waiting": ["/etc/new.crt"],
    "served": [
        {
            "subject": "CN=pbx",
            "issuer": "CN=ca",
            "names": ["dns:pbx", "dns:pbx2"],
            "serial": "01",
            "sha256": "ab" * 32,
            "key": "ECDSA P-256",
            "not_before": 0.0,
            "not_after": 1_800_000_000.0,
            "ends_by": "CN=Middle",
            "days_left": 12.5,
            "state": "warning",
        }
    ],
    "clients": [
        {
            "kind": "client-ca",
            "name": "CN=Clients",
            "not_after": 1_800_000_000.0,
            "state": "fine",
            "said": "client CA CN=Clients expires in 90 days (2027-01-15)",
        },
        {
            "kind": "revocation-list",
            "name": "CN=Clients",
            "not_after": 1_800_000_000.0,
            "state": "expired",
            "said": "revocation list of CN=Clients ran out 5 hours ago (2027-01-15)",
        },
    ],
}

RELOAD = {
    "succeeded": True,
    "trigger": "control",
    "at": 0.0,
    "problems": [],
    "changed": ["log.level"],
    "users_added": ["new"],
    "users_removed": ["old"],
    "users_changed": {"wall": ["read", "secret"]},
    "certificates": ["certificates unchanged, generation 1 (control)"],
    "only_certificates": False,
}

LIMITS = [
    {"name": "connections", "value": 1024, "used": 3, "hits": 2},
    {"name": "exempt", "value": ["::1/128"], "used": None, "hits": 0},
]

KINDS = [
    {
        "kind": "channels",
        "state": "ready",
        "reason": "",
        "items": 24,
        "seeded": 2470.0,
        "seeds": 4,
        "failures": 0,
        "drift": 0,
    },
    {
        "kind": "conferences",
        "state": "unavailable",
        "reason": "Unknown command",
        "items": 9,
        "seeded": None,
        "seeds": 0,
        "failures": 1,
        "drift": 0,
    },
]
STATE: dict[str, Any] = {
    "journal": {
        "events": 18204,
        "bytes": 8_283_750,
        "age": 192.0,
        "began": 0.0,
        "most_bytes": 8 << 20,
        "most_seconds": 300.0,
    },
    "kinds": KINDS,
    "snapshots": {"complete": 12, "partial": 1, "failed": 0, "shared": 3},
    "resumes": {"resumed": 240, "gap": 2, "overtaken": 0},
    "replayed": 3411,
    "catching_up": 1,
    "repairs": {"repaired": 7, "given up": 1},
}
#: Of a server of which nothing is kept.
NO_STATE: dict[str, Any] = {
    **STATE,
    "journal": None,
    "kinds": None,
    "snapshots": dict.fromkeys(STATE["snapshots"], 0),
    "resumes": dict.fromkeys(STATE["resumes"], 0),
    "replayed": 0,
    "catching_up": 0,
    "repairs": {"repaired": 0, "given up": 0},
}
STATES: dict[str, Any] = {"servers": [{"server": "pbx1", **STATE}, {"server": "pbx2", **NO_STATE}]}

RESULTS: dict[str, Any] = {
    "status": STATUS,
    "sessions": [SESSION, STRANGER],
    "session": DETAIL,
    "users": [USER],
    "upstream": UPSTREAM,
    "state": STATE,
    "fleet": EDGE,
    "certs": [CERTIFICATE],
    "certs-reload": ["certificates unchanged"],
    "limits": LIMITS,
    "kick": {"kicked": ["5f1e09c2ab34"]},
    "drain": {"sessions": 2, "in_flight": 1},
    "reload": RELOAD,
    "learn": {"recording": True, "began": 0.0, "until": 60.0, "actions": 1, "events": 2, "lost": 0},
    "log-level": {"before": "info", "level": "debug"},
}

Lines = list[bytes]


class Answering:
    """A control socket in a thread, which answers each line it receives with the lines of ``answer``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Lines] = lambda asked: [reply(RESULTS[asked["command"]])]
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            client, _ = self._socket.accept()
            # The client may have disconnected.
            with contextlib.suppress(OSError), client, client.makefile("rb") as lines:
                for line in lines:
                    if line == b"end\n":
                        return
                    self.asked.append(json.loads(line))
                    answers = self.answer(self.asked[-1])
                    client.sendall(b"".join(answers))
                    if not answers or not answers[-1].endswith(b"\n"):
                        break

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))
            last.sendall(b"end\n")
            self._thread.join(10)
        self._socket.close()


def reply(result: Any) -> bytes:
    return json.dumps({"ok": True, "result": result}).encode() + b"\n"


def ctl(answering: Answering, *arguments: str) -> int:
    return main(["ctl", "--socket", str(answering.path), *arguments])
