"""``ami-proxy explain`` with several servers: where an action goes, and the rights there."""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amiproxy.cli import explain

USERS = """\
users:
  dialer:
    md5_secret: 0123456789abcdef0123456789abcdef
    servers: ["*"]
    default_server: pbx1
    read: [call, agent]
    write: [call, reporting]
    on:
      pbx2: {read: [call], write: [call]}
  board:
    md5_secret: 0123456789abcdef0123456789abcdef
    servers: [pbx2]
    read: [agent]
  lost:
    md5_secret: 0123456789abcdef0123456789abcdef
    servers: [pbx1, pbx2]
    write: [call]
"""
CONFIG = """\
servers:
  pbx1: {username: proxy, secret_file: link.secret}
  pbx2: {port: 5138, username: proxy, secret_file: link.secret}
listeners: [{address: "[::]:5039", certificates: [{chain: chain.crt, key: key}]}]
users_file: users.yaml
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    tmp_path.chmod(0o700)
    for name, content in (("link.secret", "s3cret\n"), ("users.yaml", USERS), ("chain.crt", ""), ("key", "")):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(content)
    config = tmp_path / "proxy.yaml"
    config.touch(0o600)
    config.write_text(CONFIG)

    def run_explain(
        text: str, *arguments: str, by: tuple[str, ...] = ("--config", str(config))
    ) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        parser = argparse.ArgumentParser()
        explain.register(parser.add_subparsers())
        parsed = parser.parse_args(["explain", *by, *arguments])
        status = parsed.run(parsed)
        out, err = capsys.readouterr()
        return status, out, err

    return run_explain


@pytest.mark.parametrize(
    ("user", "options", "headers", "status", "said"),
    [
        ("dialer", (), "Hangup\nChannel: PJSIP/1-1\n", 0, "server   pbx1: the user's default server"),
        ("dialer", (), "Hangup\nChannel: PJSIP/1-1\nServer: PBX2\n", 0, "server   pbx2: named by its header"),
        ("dialer", (), "CoreStatus\nServer: pbx1\n", 0, "server   pbx1"),
        ("dialer", (), "CoreStatus\nServer: pbx2\n", 1, "REFUSED by classes"),
        ("dialer", ("--server", "pbx2"), "CoreStatus\n", 1, "REFUSED by classes"),
        ("dialer", ("--server", "pbx1"), "CoreStatus\nServer: pbx2\n", 1, "No such server"),
        ("dialer", (), "CoreStatus\nServer: pbx9\n", 1, "No such server"),
        ("dialer", (), "CoreStatus\nServer: *\n", 1, "Not for several servers"),
        ("dialer", (), "ProxyServers\n", 0, "answered by the proxy itself"),
        ("dialer", (), "Ping\n", 0, "server   none"),
        ("board", (), "Ping\n", 0, "server   pbx2: the only server of the session"),
        ("board", (), "Ping\nServer: pbx1\n", 1, "No such server"),
        ("board", ("--server", "pbx1"), "Ping\n", 1, "may not use the server pbx1"),
        ("lost", (), "Hangup\nChannel: PJSIP/1-1\n", 1, "Server header required"),
    ],
)
def test_an_action_is_judged_with_the_rights_where_it_goes(
    run: Run, user: str, options: tuple[str, ...], headers: str, status: int, said: str
) -> None:
    found, out, _ = run(f"Action: {headers}", "--user", user, *options)
    assert (found, said in out) == (status, True), out
    assert "Server: PBX2" not in out, "the header is taken off"


def test_a_list_of_all_servers_is_judged_at_each_whose_rights_differ(run: Run) -> None:
    status, out, _ = run("Action: CoreShowChannels\n", "--user", "dialer")
    assert status == 0
    assert "ServersMissing: pbx2" in out
    assert "server   pbx1, pbx2: one list of all servers" in out
    first, _, second = out.partition("at pbx2, write call")
    assert "at pbx1, write call,reporting" in first
    assert ("REFUSED" in first, "REFUSED" in second) == (False, True)
    status, out, _ = run("Action: CoreShowChannels\n", "--user", "lost")
    assert "\nat pbx" not in out


def test_the_classes_at_a_server_are_named_where_they_are_fewer(run: Run) -> None:
    getvar = "Action: Getvar\nVariable: A\nServer: {}\n"
    assert "\nat pbx2, write call\n" in run(getvar.format("pbx2"), "--user", "dialer")[1]
    assert "\nat pbx1" not in run(getvar.format("pbx1"), "--user", "dialer")[1]


def test_an_event_is_judged_with_the_rights_where_it_comes_from(run: Run) -> None:
    event = "Event: AgentLogin\nPrivilege: agent,all\nAgent: 1\n"
    status, out, _ = run(event)
    assert status == 0
    assert "  dialer  pbx1: sees it; pbx2: does not see it: read lacks agent\n" in out
    assert "  board   pbx1: does not see it: it may not use this server; pbx2: sees it\n" in out
    status, out, _ = run(event, "--server", "pbx2", "--user", "dialer")
    assert status == 1
    assert out.endswith("  dialer  does not see it: read lacks agent\n")


def test_an_unknown_server_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    status, _, err = run("Action: Ping\n", "--user", "board", "--server", "pbx9")
    assert (status, "known servers: pbx1, pbx2" in err) == (2, True)
    by = ("--users", str(tmp_path / "users.yaml"))
    status, _, err = run("Action: Ping\n", "--user", "board", "--server", "pbx1", by=by)
    assert (status, "--config" in err) == (2, True)


def test_a_users_file_alone_is_judged_without_servers(run: Run, tmp_path: Path) -> None:
    by = ("--users", str(tmp_path / "users.yaml"))
    status, out, _ = run("Action: CoreStatus\n", "--user", "dialer", by=by)
    assert (status, "server  " in out) == (0, False)
