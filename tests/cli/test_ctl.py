"""``ami-proxy ctl`` against a scripted socket: tables, JSON, exit statuses."""

import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from amiproxy.cli import main
from amiproxy.cli.ctl import connection, tables, top
from amiproxy.cli.ctl.connection import Connection, NotReachable
from amiproxy.net.admin.control import COMMANDS

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
RESULTS: dict[str, Any] = {
    "status": STATUS,
    "sessions": [SESSION, STRANGER],
    "session": DETAIL,
    "users": [USER],
    "upstream": UPSTREAM,
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


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    made = Answering(tmp_path / "c.sock")
    yield made
    made.close()


def ctl(answering: Answering, *arguments: str) -> int:
    return main(["ctl", "--socket", str(answering.path), *arguments])


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        (
            "status",
            [
                "1.2.3, pid 7, up 1 h 01 m",
                "2 logged in, 1 not logged in, 1 in the TLS handshake; 3 users",
                "1.2 ms",
            ],
        ),
        (
            "sessions",
            ["5f1e09c2ab34", "[red]wall", "192.0.2.1:4711", "1 m 15 s", "2.9 MiB", "2.0 KiB", "2 sessions"],
        ),
        ("session x", ["TLSv1.3/X", "logged in, nothing under way", "WALL", "call, 1 filter of its own"]),
        ("users", ["wall", "disabled", "plain+md5", "1 user"]),
        (
            "upstream",
            [
                "127.0.0.1:5038 as amiproxy",
                "down (connection refused)",
                "1 action",
                "(gone): sessions 12 closed, 3 told",
            ],
        ),
        (
            "certs",
            [
                "dns:pbx2",
                "2027-01-15",
                "12.5",
                "warning",
                "[::]:5039: subject CN=pbx\n",
                f"[::]:5039: sha256  {'ab' * 32}\n",
                "certificates reloaded, generation 2 (watch)",
                "on disk, not served: /etc/new.crt",
                "[::]:5039: dns:pbx expires with CN=Middle, which signs it",
                "[::]:5039: client CA CN=Clients expires in 90 days (2027-01-15)",
                "[::]:5039: revocation list of CN=Clients ran out 5 hours ago (2027-01-15)",
            ],
        ),
        ("certs reload", ["certificates unchanged"]),
        ("limits", ["connections", "1024", "::1/128"]),
        ("kick x", ["1 session ended"]),
        ("drain", ["draining: 2 sessions, 1 actions in flight"]),
        (
            "reload",
            ["reloaded", "changed log.level", "added user new", "removed user old", "wall: read, secret"],
        ),
        ("log-level debug", ["log level debug (was info)"]),
    ],
)
def test_results_are_tables_or_json(
    answering: Answering, capsys: pytest.CaptureFixture[str], verb: str, shown: list[str]
) -> None:
    assert ctl(answering, *verb.split()) == 0
    out = capsys.readouterr().out
    assert all(text in out for text in shown), out
    assert ctl(answering, "--json", *verb.split()) == 0
    command = answering.asked[-1]["command"]
    assert json.loads(capsys.readouterr().out) == RESULTS[command]
    # The option is accepted after the verb, too.
    assert ctl(answering, *verb.split(), "--json") == 0
    assert json.loads(capsys.readouterr().out) == RESULTS[command]


def test_arguments_are_sent_to_the_proxy(answering: Answering) -> None:
    for verb, expected in (
        (["kick", "user:wall"], {"target": "user:wall"}),
        (["session", "5f"], {"id": "5f"}),
        (["log-level", "debug"], {"level": "debug"}),
        (["status"], {}),
    ):
        ctl(answering, *verb)
        assert answering.asked[-1] == {"command": verb[0], "arguments": expected}


def test_each_command_of_the_socket_has_a_verb_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ctl", "--help"])
    text = capsys.readouterr().out
    # "certs reload" and "learn start" are verbs with an argument.
    verbs = {name.partition("-")[0] if name.startswith(("certs", "learn")) else name for name in COMMANDS}
    verbs.remove("commands")
    assert all(f"\n    {verb} " in text for verb in verbs)
    assert set(tables.TABLES) == set(COMMANDS) - {"commands", "trace", "learn-start", "learn-stop"}


@pytest.mark.parametrize("verb", ["status", "kick", "certs", "drain", "reload", "trace", "top", "log-level"])
def test_each_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", verb, "--help"])
    assert ended.value.code == 0
    assert f"example: ami-proxy ctl {verb}" in capsys.readouterr().out


def test_certs_status_is_the_same_as_ctl_certs(
    answering: Answering, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["certs", "status", "--socket", str(answering.path)]) == 0
    assert answering.asked[-1]["command"] == "certs"
    assert "dns:pbx2" in capsys.readouterr().out
    assert main(["certs", "status", "--socket", str(answering.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [CERTIFICATE]
    monkeypatch.setattr("amiproxy.cli.ctl.DEFAULT_SOCKET", answering.path.parent / "none.sock")
    assert main(["certs", "status"]) == 3
    assert "none.sock" in capsys.readouterr().err


# -- errors ----------------------------------------------------------------


def test_a_refusal_is_printed_with_every_reason(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"ok": False, "error": "not reloaded", "problems": ["proxy.yaml:1: a\x1b[2J", "users.yaml:2: b"]}
    answering.answer = lambda _: [json.dumps(said).encode() + b"\n"]
    assert ctl(answering, "reload") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["proxy.yaml:1: a\\x1b[2J", "users.yaml:2: b", "ami-proxy ctl: not reloaded"]
    assert ctl(answering, "reload", "--json") == 1
    assert json.loads(capsys.readouterr().err) == {"error": said["error"], "problems": said["problems"]}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([], "closed the connection"),
        ([b"hello\n"], "is not ami-proxy"),
        ([b"{"], "closed the"),
    ],
)
def test_a_socket_without_valid_answers_is_not_reachable(
    answering: Answering, capsys: pytest.CaptureFixture[str], answer: Lines, says: str
) -> None:
    answering.answer = lambda _: answer
    assert ctl(answering, "status") == 3
    assert says in capsys.readouterr().err


def test_a_socket_without_a_proxy_is_not_reachable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.sock"
    assert main(["ctl", "--socket", str(path), "status"]) == 3
    assert "is ami-proxy running" in capsys.readouterr().err
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert main(["ctl", "--socket", str(path), "status"]) == 3
    assert "start ami-proxy" in capsys.readouterr().err
    assert main(["ctl", "--socket", str(path) + "x" * 120, "status"]) == 3
    assert "with --socket or --config" in capsys.readouterr().err


def test_missing_permission_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(connection.socket, "socket", Forbidden)
    with pytest.raises(NotReachable, match=r"root .*the user that ami-proxy runs as"):
        Connection(Path("/x"))


def test_waiting_for_an_answer_has_a_timeout(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_PATIENCE", 0.01)
    hold = threading.Event()

    def wait(_: object) -> Lines:
        hold.wait(10)
        return []

    answering.answer = wait
    asking = Connection(answering.path)
    with pytest.raises(NotReachable, match=r"no answer within 0\.01 s"):
        asking.ask("status")
    hold.set()
    asking.close()


@pytest.mark.parametrize(
    "arguments", [["none"], [], ["kick"], ["log-level", "loud"], ["top", "--interval", "0"]]
)
def test_misuse_gives_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", *arguments])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


# -- finding the socket ----------------------------------------------------


def test_the_socket_is_found_even_if_the_rest_of_the_configuration_is_wrong(
    answering: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text("colour: blue\ncontrol: {socket: c.sock}\n")
    assert main(["ctl", "--config", str(file), "status"]) == 0
    assert main(["ctl", "status", "--config", str(file)]) == 0
    file.write_text("control: {socket: 'fd:control'}\n")
    assert main(["ctl", "--config", str(file), "status"]) == 3
    assert "takes its socket from the service manager (fd:control)" in capsys.readouterr().err
    for text in ("users_file: x\n", "control: {colour: blue}\n", "- a\n", "}{"):
        file.write_text(text)
        assert main(["ctl", "--config", str(file), "status"]) == 3
        assert "has no control section that can be used" in capsys.readouterr().err
    assert main(["ctl", "--config", str(tmp_path / "none.yaml"), "status"]) == 2
    assert "none.yaml: No such file" in capsys.readouterr().err


# -- streams ---------------------------------------------------------------

TRACED = {
    "at": 1.5,
    "session": "5f1e09c2ab34",
    "direction": "received",
    "message": "Action: Ping\r\nX: \x1b[31m\xe9\r\n\r\n",
    "missed": 0,
}


def test_trace_escapes_characters_that_a_terminal_might_interpret(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = {"user": "wall", "sessions": ["5f1e09c2ab34"]}
    later = {**TRACED, "direction": "sent", "missed": 3}
    answering.answer = lambda _: [reply(begun), reply(TRACED), reply(later), b"{"]
    assert ctl(answering, "trace", "wall") == 0
    assert capsys.readouterr().out.splitlines() == [
        "tracing wall: 1 session; Ctrl-C to stop",
        "00:00:01.500 5f1e09c2ab34 from client",
        "    Action: Ping",
        "    X: \\x1b[31m\xe9",
        "(3 messages missed)",
        "00:00:01.500 5f1e09c2ab34 to client",
        "    Action: Ping",
        "    X: \\x1b[31m\xe9",
    ]
    assert ctl(answering, "trace", "wall", "--json") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [begun, TRACED, later]


def test_ctrl_c_ends_top_without_failure(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(top.time, "sleep", interrupt)
    assert ctl(answering, "top") == 0
    assert "events in" in capsys.readouterr().out
    assert ctl(answering, "top", "--json") == 1
    assert "status --json" in capsys.readouterr().err


def test_top_polls_until_the_proxy_stops_answering(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([reply(STATUS), reply([SESSION])] * 3)
    answering.answer = lambda _: [next(looks, b"{")]
    monkeypatch.setattr(top.time, "sleep", lambda _: None)
    assert ctl(answering, "top") == 3
    assert len(answering.asked) == 7


# -- the live screen -------------------------------------------------------


def drawn(before: top.Look, now: top.Look, width: int, height: int) -> str:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(top.screen(before, now, height))
    return console.export_text()


def test_the_screen_shows_rates_and_the_busiest_sessions_first() -> None:
    before = top.Look(0.0, STATUS, [SESSION])
    counters = {**STATUS["counters"], "events_in": 1100, "deliveries": 5000}
    busy = {**SESSION, "id": "bbbbbbbbbbbb", "outbox": 0, "bytes_out": 9000}
    now = top.Look(
        2.0,
        {**STATUS, "counters": counters},
        [STRANGER, busy, {**SESSION, "bytes_out": SESSION["bytes_out"] + 4096}],
    )
    text = drawn(before, now, 100, 24)
    assert "events in 500/s" in text
    assert "delivered 2,000/s" in text
    rows = [line.split() for line in text.splitlines() if "192.0.2.1" in line]
    assert [row[0] for row in rows] == ["5f1e09c2ab34", "000000000001", "bbbbbbbbbbbb"]
    assert "2.0 KiB" in text
    assert "Ctrl-C to quit" in text


def test_the_screen_fits_its_terminal() -> None:
    sessions = [{**SESSION, "id": f"{number:012x}"} for number in range(200)]
    look = top.Look(1.0, STATUS, sessions)
    for width, height in ((80, 24), (120, 50), (200, 12)):
        lines = drawn(look, look, width, height).splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert "more" in lines[-1]
    assert "-" in drawn(look, look, 80, 24), "without elapsed time there is no rate"


# -- formats ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (200_000, "195 KiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 20, "3.0 MiB"),
    ],
)
def test_sizes_are_printed_with_a_unit(number: int, text: str) -> None:
    assert tables.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 m 01 s"), (7260, "2 h 01 m"), (180_000, "2 d 02 h")],
)
def test_time_spans_are_printed_in_two_units(seconds: float, text: str) -> None:
    assert tables.span(seconds) == text


def test_failed_and_unchanged_reloads_are_shown(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {**RELOAD, "succeeded": False, "problems": ["proxy.yaml:1: wrong"]}
    answering.answer = lambda _: [reply({**STATUS, "reload": failed, "link": UPSTREAM})]
    ctl(answering, "status")
    out = capsys.readouterr().out
    assert "FAILED, the previous configuration stays in force" in out
    assert "proxy.yaml:1: wrong" in out
    assert "down (connection refused)" in out
    refused = {
        **STATUS,
        "reload": {**failed, "only_certificates": True},
        "refused": ["[::]:5039: certificates NOT reloaded (watch): server.key: wrong"],
        "certificates": {**STATUS["certificates"], "kind": "revocation-list", "names": ["CN=C"]},
    }
    answering.answer = lambda _: [reply(refused)]
    ctl(answering, "status")
    out = capsys.readouterr().out
    assert "certificates were refused (control, 1970-01-01 00:00:00 UTC)" in out
    assert "in force" not in out
    assert "REFUSED, the previous ones stay in use" in out
    assert "[::]:5039: certificates NOT reloaded (watch): server.key: wrong" in out
    assert "fine: revocation list of CN=C until 2027-01-15" in out
    answering.answer = lambda _: [reply({**refused, "refused": []})]
    ctl(answering, "status")
    out = capsys.readouterr().out
    assert "certificates were refused (control, 1970-01-01 00:00:00 UTC), and have been fixed since" in out
    assert "as on disk" in out
    same = {**RELOAD, "changed": [], "users_added": [], "users_removed": [], "users_changed": {}}
    answering.answer = lambda _: [reply(same)]
    ctl(answering, "reload")
    assert "configuration and users are the same as before" in capsys.readouterr().out
