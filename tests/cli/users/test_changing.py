"""The verbs that change users, without a service: what is written, what is printed, what is refused."""

import io
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.cli.users.comparing import differences_of
from amiproxy.config import UserEntry, load_users
from amiproxy.config.users.usertable import user_of
from amiproxy.core.model.phc import verify
from amiproxy.core.model.users import check_plain
from tests.support.proxy_process import hashed

SECRET = hashed("old secret")
USERS = f"""\
# kept by the night shift
users:
  wallboard:  # in the hall
    secret: "{SECRET}"
    read: [call, agent]

  # the campaigns
  dialer:
    secret: "{SECRET}"
    read: [call]
    write: [originate]
    acl: ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]
    contexts: [outbound]
    setvar: {{WHO: dialer}}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    file = tmp_path / "users.yaml"
    file.touch(0o600)
    file.write_text(USERS)
    return file


@pytest.fixture
def run(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb on the file, with a secret on stdin; the exit status, stdout and stderr."""

    def run_it(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        status = main(["users", *words, "--users", str(file)])
        return status, *capsys.readouterr()

    return run_it


def removed_lines(file: Path) -> list[str]:
    """The lines of USERS that the file no longer has."""
    left = file.read_text().splitlines()
    return [line for line in USERS.splitlines() if line not in left]


class TestDisable:
    def test_a_disabled_user_keeps_everything_else(self, file: Path, run: Run) -> None:
        status, out, _ = run("disable", "WALLBOARD")
        assert status == 0
        assert "enabled -> disabled" in out
        assert load_users(file).users["wallboard"].disabled
        assert removed_lines(file) == []
        assert run("enable", "wallboard")[0] == 0
        assert file.read_text() == USERS

    def test_several_users_at_once_or_none(self, file: Path, run: Run) -> None:
        assert run("disable", "wallboard", "nobody")[0] == 1
        assert file.read_text() == USERS
        assert run("disable", "wallboard", "dialer")[0] == 0
        assert all(entry.disabled for entry in load_users(file).users.values())
        run("enable", "dialer")
        assert f"{file}: enabled wallboard\n" in run("enable", "dialer", "wallboard")[1]

    def test_a_second_time_changes_nothing(self, file: Path, run: Run) -> None:
        run("disable", "dialer")
        before = file.stat().st_ino
        status, out, _ = run("disable", "dialer")
        assert status == 0
        assert "nothing to change" in out
        assert file.stat().st_ino == before
        assert run("enable", "wallboard")[0] == 0

    def test_false_becomes_true_in_its_place(self, file: Path, run: Run) -> None:
        file.write_text(USERS.replace("    read: [call]\n", "    disabled: false  # not yet\n"))
        run("disable", "dialer")
        assert "    disabled: true  # not yet\n" in file.read_text()


class TestRemove:
    def test_the_entry_goes_and_comments_of_others_stay(self, file: Path, run: Run) -> None:
        assert run("remove", "wallboard")[0] == 0
        assert list(load_users(file).users) == ["dialer"]
        assert file.read_text().startswith(
            "# kept by the night shift\nusers:\n  # the campaigns\n  dialer:\n"
        )

    def test_the_last_user_leaves_an_empty_table(self, file: Path, run: Run) -> None:
        status, out, _ = run("remove", "wallboard", "dialer")
        assert status == 0
        assert "no user is left" in out
        assert load_users(file).users == {}

    def test_values_that_still_name_the_user_are_listed(self, file: Path, run: Run) -> None:
        file.write_text(USERS.replace("WHO: dialer", "WHO: wallboard"))
        _, out, _ = run("remove", "wallboard")
        assert f"{file}:" in out
        assert "users.dialer.setvar.WHO" in out


SERVERS = """\
servers:
  pbx1: {username: a, secret_file: s}
  eu-1: {username: a, secret_file: s}
listeners: [{address: "127.0.0.1:0", certificates: [{chain: c, key: k}]}]
users_file: users.yaml
"""


class TestServers:
    @pytest.fixture
    def several(self, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
        """Run a verb on the users of a proxy.yaml with several servers."""
        file.write_text(USERS.replace("    read:", "    servers: [pbx1]\n    read:"))
        config = file.parent / "proxy.yaml"
        config.write_text(SERVERS)
        for name in ("s", "c", "k"):
            (file.parent / name).write_text("a secret\n")
            (file.parent / name).chmod(0o600)

        def run_it(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            capsys.readouterr()
            changes = ["--no-reload"] if words[0] not in ("list", "show") else []
            status = main(["users", *words, "--config", str(config), *changes])
            return status, *capsys.readouterr()

        return run_it

    def test_a_name_that_no_server_has_is_warned_of(self, several: Run) -> None:
        status, _, err = several("allow", "dialer", "--servers", "eu-2")
        assert status == 0
        assert "eu-2 matches no server" in err
        assert "eu-2" not in several("allow", "dialer", "--servers", "eu-1")[2], "it is not new"

    def test_they_are_granted_and_taken_away(self, file: Path, several: Run) -> None:
        status, out, _ = several("allow", "dialer", "--servers", "eu-*")
        assert status == 0
        assert "+ eu-*" in out
        assert load_users(file).users["dialer"].servers == ("pbx1", "eu-*")
        assert several("deny", "dialer", "--servers", "eu-1")[0] == 1, "the pattern includes it"
        assert several("deny", "dialer", "--servers", "pbx1")[0] == 0
        assert load_users(file).users["dialer"].servers == ("eu-*",)
        before = file.read_text()
        assert several("deny", "dialer", "--servers", "eu-*")[0] == 1, "no server would be left"
        assert several("allow", "dialer", "--servers", "us-1", "--only")[0] == 1
        assert file.read_text() == before

    def test_a_new_user_must_name_its_own_before_its_secret_is_asked_for(
        self, file: Path, several: Run
    ) -> None:
        status, _, err = several("add", "admin", "--read", "all")
        assert (status, "--servers" in err) == (1, True)
        status, _, err = several("add", "admin", "--read", "all", "--servers", "us-*")
        assert (status, "pbx1, eu-1" in err) == (1, True)
        status, out, _ = several("add", "admin", "--servers", "pbx1, eu-*", stdin=b"a long secret of hers")
        assert status == 0
        assert "pbx1, eu-*" in out
        assert load_users(file).users["admin"].servers == ("pbx1", "eu-*")

    def test_rights_are_shown_for_each(self, file: Path, several: Run) -> None:
        several("allow", "dialer", "--servers", "eu-*")
        file.write_text(file.read_text() + '    on: {eu-1: {write: [], scope: {channels: ["PJSIP/1"]}}}\n')
        status, out, _ = several("show", "dialer")
        lines = {line[:29].rstrip(): line[29:].strip() for line in out.splitlines()}
        assert status == 0
        assert lines["servers"] == "pbx1, eu-1"
        assert lines["writes"] == "originate"
        assert lines["at eu-1: writes"] == "none"
        assert lines["at eu-1: may run (originate)"] == "none"
        assert "PJSIP/1" in lines["at eu-1: sees calls"]
        assert "at eu-1: reads events of" not in lines, "it is as everywhere"

    def test_they_are_listed(self, several: Run) -> None:
        several("allow", "dialer", "--servers", "eu-*")
        _, out, _ = several("list")
        assert "servers" in out.splitlines()[0]
        rows = [json.loads(line) for line in several("list", "--json")[1].splitlines()]
        assert [row["servers"] for row in rows] == [["pbx1"], ["pbx1", "eu-*"]]


class TestRename:
    def test_secret_and_rights_stay(self, file: Path, run: Run) -> None:
        before = load_users(file).users["dialer"]
        status, out, _ = run("rename", "Dialer", "crm")
        assert status == 0
        assert load_users(file).users["crm"] == before
        assert removed_lines(file) == ["  dialer:"]
        assert "users.crm.setvar.WHO" in out

    @pytest.mark.parametrize("new", ["WALLBOARD", "", "a\nb"])
    def test_a_name_that_cannot_be_used_is_refused(self, file: Path, run: Run, new: str) -> None:
        assert run("rename", "dialer", new)[0] == 1
        assert file.read_text() == USERS


class TestPasswd:
    @pytest.mark.parametrize(("secret", "warned"), [(b"hunter2\n", True), (b"x" * 12, False)])
    def test_a_secret_that_can_be_guessed_is_a_warning(self, run: Run, secret: bytes, warned: bool) -> None:
        status, _, err = run("passwd", "wallboard", stdin=secret)
        assert status == 0
        assert ("can be guessed" in err) is warned
        assert "hunter2" not in err

    def test_only_the_secret_changes(self, file: Path, run: Run) -> None:
        status, out, err = run("passwd", "dialer", stdin=b"n3w\n")
        assert status == 0
        assert verify(load_users(file).users["dialer"].secret or "", b"n3w")
        assert "n3w" not in out + err + file.read_text()
        assert verify(load_users(file).users["wallboard"].secret or "", b"old secret")

    def test_a_generated_secret_is_shown_once_it_is_written(self, file: Path, run: Run) -> None:
        _, out, _ = run("passwd", "dialer", "--generate")
        secret = out.splitlines()[0].removeprefix("secret: ")
        assert verify(load_users(file).users["dialer"].secret or "", secret.encode())
        file.chmod(0o644)
        status, out, _ = run("passwd", "dialer", "--generate")
        assert (status, out) == (1, "")

    @pytest.mark.parametrize(
        "keys", ['md5_secret: "readable old one"', f'secret: "{SECRET}"\n    md5_secret: old one']
    )
    def test_no_old_secret_stays_valid(self, file: Path, run: Run, keys: str) -> None:
        file.write_text(USERS.replace(f'    secret: "{SECRET}"\n    read: [call]\n', f"    {keys}\n"))
        assert run("passwd", "dialer", stdin=b"n3w secret")[0] == 0
        entry = load_users(file).users["dialer"]
        user = user_of("dialer", entry)
        assert entry.md5_secret == "n3w secret"
        assert check_plain(user, b"n3w secret")
        assert entry.secret is None or verify(entry.secret, b"n3w secret")

    def test_the_readable_secret_can_be_removed_and_stored(self, file: Path, run: Run) -> None:
        file.write_text(USERS.replace(f'    secret: "{SECRET}"\n    read: [call]\n', "    md5_secret: old\n"))
        run("passwd", "dialer", "--md5-secret", "remove", stdin=b"n3w")
        entry = load_users(file).users["dialer"]
        assert entry.md5_secret is None
        assert verify(entry.secret or "", b"n3w")
        run("passwd", "dialer", "--md5-secret", "store", stdin=b"n3wer")
        entry = load_users(file).users["dialer"]
        assert entry.md5_secret == "n3wer"
        assert verify(entry.secret or "", b"n3wer")

    def test_a_secret_that_has_no_effect_is_refused_before_it_is_asked_for(
        self, file: Path, run: Run
    ) -> None:
        file.write_text(
            USERS.replace("    read: [call]\n", "    certificate: [cn:x]\n    login: certificate\n")
        )
        assert run("passwd", "dialer", stdin=b"")[0] == 1
        assert "certificate" in run("passwd", "dialer")[2]

    @pytest.mark.parametrize("secret", [b"", b"a\nb\n", b"\xff"])
    def test_a_secret_that_cannot_be_stored_is_refused(self, file: Path, run: Run, secret: bytes) -> None:
        status, _, err = run("passwd", "dialer", "--md5-secret", "store", stdin=secret)
        assert status == 1
        assert err.count("\n") == 1
        assert file.read_text() == USERS


class TestRights:
    def test_rights_are_granted_and_the_difference_is_shown(self, file: Path, run: Run) -> None:
        status, out, err = run("allow", "dialer", "--read", "cdr", "--acl", "192.0.2.7", "--write", "system")
        assert status == 0
        lines = {line.split("  ")[1]: line for line in out.splitlines() if line.startswith("  ")}
        assert lines["reads events of"].endswith("+ cdr")
        assert lines["from"].endswith("  + permit 192.0.2.7")
        assert "full control" in err
        entry = load_users(file).users["dialer"]
        assert entry.read == ("call", "cdr")
        assert entry.acl == ("deny 0.0.0.0/0", "permit 10.0.0.0/8", "permit 192.0.2.7")
        assert len(removed_lines(file)) == 3

    def test_an_address_for_a_user_that_any_address_may_use_restricts_nothing_and_says_so(
        self, file: Path, run: Run
    ) -> None:
        assert "--only" not in run("allow", "dialer", "--acl", "10.0.0.0/8")[1]
        file.write_text(USERS.replace('    acl: ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]\n', ""))
        before = file.read_text()
        status, out, _ = run("allow", "dialer", "--acl", "10.0.0.0/8")
        assert (status, file.read_text()) == (0, before)
        assert "--only" in out
        assert "--only" not in run("allow", "dialer", "--acl", "10.0.0.0/8", "--only")[1]
        assert load_users(file).users["dialer"].acl == ("deny 0.0.0.0/0", "permit 10.0.0.0/8")

    def test_rights_are_taken_away(self, file: Path, run: Run) -> None:
        assert run("deny", "dialer", "--write", "originate", "--contexts", "outbound")[0] == 0
        entry = load_users(file).users["dialer"]
        assert (entry.write, entry.contexts) == ((), ())

    def test_a_list_can_be_given_as_a_whole(self, file: Path, run: Run) -> None:
        assert run("allow", "dialer", "--contexts", "a,b", "--channels", "PJSIP/1*", "--only")[0] == 0
        entry = load_users(file).users["dialer"]
        assert (entry.contexts, entry.channels) == (("a", "b"), ("PJSIP/1*",))

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["allow", "dialer"], "no right is named"),
            (["allow", "dialer", "--read", "cal"], "'cal' is not a privilege class"),
            (["allow", "dialer", "--read", "call,,cdr"], "empty value"),
            (["allow", "dialer", "--channels", "PJSIP/1"], "--only"),
            (["allow", "dialer", "--actions", "Orignate", "--only"], "unknown action"),
            (["deny", "dialer", "--channels", "PJSIP/1"], "--only"),
            (["deny", "dialer", "--acl", "nowhere"], "not a network"),
            (["allow", "diler", "--read", "cdr"], "did you mean dialer?"),
        ],
    )
    def test_what_cannot_be_done_is_refused(self, file: Path, run: Run, words: list[str], said: str) -> None:
        status, out, err = run(*words)
        assert status == 1
        assert said in err
        assert out == ""
        assert file.read_text() == USERS


class TestList:
    def test_all_users_are_listed(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        run("disable", "wallboard")
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("TERM", "dumb")  # without colours
        _, out, _ = run("list")
        rows = {line.split()[0]: line for line in out.splitlines() if line.split()}
        assert "disabled" in rows["wallboard"]
        assert "originate" in rows["dialer"]
        assert max(map(len, out.splitlines())) <= 80
        assert "2 users, 1 disabled" in out

    def test_a_user_who_cannot_log_in_here_has_no_login(self, file: Path, run: Run) -> None:
        file.write_text(f"{USERS}  remote: {{read: [call]}}\n")
        *_, remote = map(json.loads, run("list", "--json")[1].splitlines())
        assert (remote["name"], remote["login"]) == ("remote", [])
        [line] = [line for line in run("list")[1].splitlines() if line.startswith("remote")]
        assert line.split()[-2:] == ["none", "any"]

    def test_as_json(self, file: Path, run: Run) -> None:
        wallboard, dialer = map(json.loads, run("list", "--json")[1].splitlines())
        assert wallboard == {
            "name": "wallboard",
            "state": "enabled",
            "read": "call,agent",
            "write": "none",
            "login": ["secret"],
            "from": [],
            "history": False,
            "doors": ["ami"],
            "servers": None,
            "file": str(file),
        }
        assert dialer["from"] == ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]

    @pytest.mark.parametrize(
        ("keys", "ways"),
        [
            ("md5_secret: x", ["secret", "challenge"]),
            ("certificate: [cn:x]\n    login: certificate", ["certificate"]),
            (f'secret: "{SECRET}"\n    certificate: [cn:x]\n    login: both', ["secret", "certificate"]),
        ],
    )
    def test_how_each_logs_in(self, file: Path, run: Run, keys: str, ways: list[str]) -> None:
        file.write_text(f"users:\n  a:\n    {keys}\n")
        assert json.loads(run("list", "--json")[1])["login"] == ways


@pytest.mark.parametrize("verb", ["list", "passwd", "disable", "enable", "remove", "rename", "allow", "deny"])
def test_help_has_an_example_and_fits_a_terminal(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        main(["users", verb, "--help"])
    out = capsys.readouterr().out
    assert f"  ami-proxy users {verb}" in out
    assert max(map(len, out.splitlines())) <= 92


def without_users(folder: Path, control: str) -> Path:
    """A proxy.yaml whose users.yaml does not exist yet."""
    (folder / "s").touch(0o600)
    (folder / "s").write_text("secret\n")
    config = folder / "proxy.yaml"
    config.write_text(
        "upstream: {username: a, secret_file: s}\nusers_file: users.yaml\n"
        f"listeners: [{{address: '127.0.0.1:0', certificates: [{{chain: c, key: k}}]}}]\n{control}"
    )
    return config


def test_a_fresh_configuration_gets_its_users_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o750)
    config = without_users(tmp_path, "control: {socket: control.sock}\n")
    assert main(["users", "list", "--config", str(config)]) == 1
    assert "users add" in capsys.readouterr().err
    assert main(["users", "add", "wallboard", "--generate", "--config", str(config)]) == 0
    assert "no service runs" in capsys.readouterr().out
    made = tmp_path / "users.yaml"
    assert list(load_users(made).users) == ["wallboard"]
    assert (stat.S_IMODE(made.stat().st_mode), made.stat().st_gid) == (0o640, os.getegid())


@pytest.mark.parametrize(
    ("control", "said"), [("", "no control section"), ('control: {socket: "fd:ctl"}\n', "from systemd")]
)
def test_without_a_socket_to_ask_on_the_reload_is_left_to_the_operator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], control: str, said: str
) -> None:
    tmp_path.chmod(0o700)
    config = without_users(tmp_path, control)
    assert main(["users", "add", "x", "--generate", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert "systemctl reload" in out


class TestDifferences:
    def test_long_lists_are_cut(self) -> None:
        before = UserEntry(secret="h", write=())
        rows = dict(differences_of(before, UserEntry(secret="h", write=("call", "agent", "reporting"))))
        assert rows["writes"] == "+ call, agent, reporting"
        assert "more" in rows["may run"]

    def test_no_secret_is_shown(self) -> None:
        before, after = UserEntry(secret="old"), UserEntry(secret="n3w", md5_secret="n3w2")
        rows = dict(differences_of(before, after))
        assert (rows["secret"], rows["md5_secret"]) == ("replaced", "added")
        assert "n3w" not in str(rows)
        assert dict(differences_of(after, before))["md5_secret"] == "removed"

    def test_values_other_than_lists_are_shown_before_and_after(self) -> None:
        rows = dict(differences_of(UserEntry(secret="h"), UserEntry(secret="h", contexts=("a",))))
        assert rows["contexts"] == "any -> a"

    def test_a_user_that_is_gone_has_none(self) -> None:
        assert list(differences_of(UserEntry(secret="h"), None)) == []
