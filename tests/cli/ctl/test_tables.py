import json

import pytest

from amiproxy.cli import main
from amiproxy.cli.ctl import tables
from amiproxy.net.admin.control import COMMANDS
from amiproxy.tools.terminal import lines_of
from tests.cli.ctl.answering import (
    RELOAD,
    RESULTS,
    SESSION,
    STATUS,
    STATUS_OF_SEVERAL,
    STRANGER,
    UPSTREAM,
    UPSTREAMS,
    USER,
    Answering,
    ctl,
    reply,
)


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        (
            "status",
            [
                "1.2.3, pid 7, up 1 h 01 m",
                "2 logged in, 0 by HTTP, of 1 user; 1 not logged in, 1 in the TLS handshake",
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
            "state",
            [
                "18204 events, 7.9 MiB, the oldest 3 m 12 s old; at most 8.0 MiB and 5 m 00 s",
                "since 1970-01-01 00:00:00 UTC, without a gap",
                "what exists now: 1 of 2 known",
                "12 complete, 1 partial, 0 failed; 3 of them shared",
                "240 resumed, 2 with a gap, 0 overtaken",
                "3411 events, 1 session catching up now",
                "7 sessions brought up to date after lost links, 1 closed instead",
                "unavailable (Unknown command)",
                "41 m 10 s ago",
            ],
        ),
        ("fleet", ["edge1, subjects ami.v1", "berlin-b", "no agent has been heard", "2 servers"]),
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


class TestSeveralServers:
    def test_status_has_a_row_for_each(self) -> None:
        lines = lines_of(tables.status(STATUS_OF_SEVERAL), 80)
        assert [line.split()[1:3] for line in lines if line.startswith("link ")] == [
            ["pbx1", "up;"],
            ["pbx2", "down"],
        ]
        assert not any(line.startswith(("side link", "list link")) for line in lines)

    def test_upstream_fits_80_columns_with_a_row_for_each(self) -> None:
        lines = lines_of(tables.upstream(UPSTREAMS), 80)
        assert max(map(len, lines)) <= 80
        assert lines[0].split() == [
            "server",
            "asterisk",
            "link",
            "in",
            "flight",
            "waiting",
            "timeouts",
            "lost",
        ]
        assert lines[2].split()[:3] == ["pbx1", "127.0.0.1:5038", "up"]
        assert "default server: pbx1" in lines

    def test_a_server_of_a_fleet_has_an_agent_and_no_port(self) -> None:
        of_a_fleet = {**UPSTREAM, "server": "berlin", "default": False}
        of_a_fleet |= {"host": "agent berlin-a", "port": 0, "username": ""}
        row = lines_of(tables.upstream({"servers": [of_a_fleet]}), 80)[2]
        assert row.split()[:4] == ["berlin", "agent", "berlin-a", "down"]
        assert "asterisk      agent berlin-a" in lines_of(tables.server(of_a_fleet), 80)

    def test_upstream_of_one_shows_its_details(
        self, answering: Answering, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answering.answer = lambda _: [reply(UPSTREAMS)]
        assert ctl(answering, "upstream", "PBX2") == 0
        out = capsys.readouterr().out
        assert "pbx2.example.org:5038 as amiproxy" in out
        assert "pbx1" not in out
        assert ctl(answering, "upstream", "pbx2", "--json") == 0
        assert json.loads(capsys.readouterr().out) == UPSTREAMS["servers"][1]

    @pytest.mark.parametrize(("found", "says"), [(UPSTREAMS, "pbx1, pbx2"), (UPSTREAM, "has no name")])
    def test_upstream_of_a_server_that_does_not_exist_is_refused(
        self, answering: Answering, capsys: pytest.CaptureFixture[str], found: object, says: str
    ) -> None:
        answering.answer = lambda _: [reply(found)]
        assert ctl(answering, "upstream", "pbx3") == 1
        assert says in capsys.readouterr().err

    def test_sessions_show_their_servers_at_80_columns(self) -> None:
        rows = [
            {**SESSION, "servers": ["pbx1"]},
            {**SESSION, "servers": ["pbx1", "pbx2"]},
            {**SESSION, "servers": ["a", "b", "c"]},
            {**STRANGER, "servers": []},
        ]
        lines = lines_of(tables.sessions(rows), 80)
        assert max(map(len, lines)) <= 80
        assert lines[0].split()[:3] == ["id", "user", "server"]
        shown = "\n".join(lines)
        assert all(text in shown for text in ("pbx1", "pbx1,pbx2", "3 servers"))

    def test_sessions_show_their_doors_if_any_is_not_ami(self) -> None:
        rows = [{**SESSION, "door": "ajam"}, {**STRANGER, "door": "ami"}]
        lines = lines_of(tables.sessions(rows), 80)
        assert lines[0].split()[:3] == ["id", "user", "door"]
        assert lines[2].split()[2] == "ajam"
        assert "door" not in lines_of(tables.sessions(rows[1:]), 80)[0]

    def test_one_session_names_all_its_servers(self) -> None:
        found = {**RESULTS["session"], "servers": ["a", "b", "c"]}
        assert "servers        a, b, c" in lines_of(tables.session(found), 80)

    def test_users_show_where_they_have_fewer_rights(self) -> None:
        rows = [{**USER, "servers": ["pbx1", "pbx2"], "narrowed": ["pbx2"]}]
        lines = lines_of(tables.users(rows), 80)
        assert "pbx1,(pbx2)" in lines[2]
        assert any("fewer rights" in line for line in lines)

    def test_limits_of_one_server_name_it(self) -> None:
        own = {"server": "pbx2", "name": "action_timeout", "value": 3.0, "used": None, "hits": None}
        lines = lines_of(tables.limits([*RESULTS["limits"], own]), 80)
        assert lines[0].split() == ["limit", "server", "value", "used", "hits"]
        assert lines[-1].split() == ["action_timeout", "pbx2", "3.0"]


def test_status_names_the_doors_of_listeners_for_http() -> None:
    listening = {**STATUS, "listeners": ["[::]:5039", "unix:/run/a"], "doors": [["ami"], ["ajam", "ws"]]}
    (row,) = [line for line in lines_of(tables.status(listening), 120) if line.startswith("listeners")]
    assert row.split(maxsplit=1)[1] == "[::]:5039, unix:/run/a (http: ajam ws)"
    (row,) = [line for line in lines_of(tables.status(STATUS), 120) if line.startswith("listeners")]
    assert row.split() == ["listeners", "[::]:5039"], "an older service tells no doors"
