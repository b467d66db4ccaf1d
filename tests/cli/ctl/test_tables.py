import json

import pytest

from amiproxy.cli import main
from amiproxy.cli.ctl import tables
from amiproxy.net.admin.control import COMMANDS
from tests.cli.ctl.answering import RELOAD, RESULTS, STATUS, UPSTREAM, Answering, ctl, reply


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        (
            "status",
            [
                "1.2.3, pid 7, up 1 h 01 m",
                "2 logged in, of 1 user; 1 not logged in, 1 in the TLS handshake",
                "3 configured",
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
        ("drain", ["draining: 2 sessions, 1 action in flight"]),
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


#: Commands that ``ami-proxy check --against-running`` sends.
OF_CHECK = {"configuration", "rehearse"}


def test_each_command_of_the_socket_has_a_verb_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ctl", "--help"])
    text = capsys.readouterr().out
    # "certs reload" and "learn start" are verbs with an argument.
    verbs = {name.partition("-")[0] if name.startswith(("certs", "learn")) else name for name in COMMANDS}
    verbs -= {"commands", *OF_CHECK}
    assert all(f"\n    {verb} " in text for verb in verbs)
    assert set(tables.TABLES) == set(COMMANDS) - {
        "commands",
        *OF_CHECK,
        "tail",
        "trace",
        "learn-start",
        "learn-stop",
    }


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
