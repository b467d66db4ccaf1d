"""Files as FreePBX and AstManProxy ship them, from the import to a configuration that ``check`` accepts."""

import re
import shutil
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.config import load_users
from amiproxy.core.model.phc import verify
from tests.support import tls_door

SAMPLES = Path(__file__).parents[1] / "tools/importers/samples"


def imported(kind: str, file: Path, out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    """Import into ``out``; return the report's lines, without the file's folder."""
    assert main(["import", kind, str(file), "--out", str(out), *more]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return [line.replace(f"{file.parent}/", "") for line in said.out.splitlines()]


def about(report: list[str], level: str) -> list[str]:
    return [line for line in report if f": {level}: " in line]


def checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The output of ``check``, which must accept the files."""
    assert main(["check", "--config", str(folder / "proxy.yaml")]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_shipped_file_of_freepbx_is_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "moved"
    report = imported("manager.conf", SAMPLES / "freepbx" / "manager.conf", out, capsys)
    assert about(report, "lost") == []
    changed = about(report, "changed")
    # One about the acl of all users, one about users that originate, and one about Challenge.
    assert len(changed) == 3
    assert (
        sum("7 users (" in line and "all of IPv4 or all of IPv6 is denied" in line for line in changed) == 1
    )
    assert sum("may originate: " in line for line in changed) == 1
    assert any(line.startswith("manager.conf:5: fyi: port 5038 is open to other hosts") for line in report)
    assert "manager.conf:6: fyi: displayconnects is not carried over" in "\n".join(report)
    assert "7 users, 0 of them disabled: users.yaml, proxy.yaml" in report

    users = load_users(out / "users.yaml").users
    assert list(users) == [
        "admin",
        "cxpanel",
        "sangomartapi_conference",
        "srtapi_browserphone",
        "srtapi_aststate",
        "srtapi_realtime",
        "srtapi_amidefault",
    ]
    # The original has `command` twice.
    assert users["admin"].read[:7] == ("system", "call", "log", "verbose", "command", "agent", "user")
    assert users["admin"].read.count("command") == 1
    assert users["cxpanel"].acl == (
        "deny 0.0.0.0/0.0.0.0",
        "permit 127.0.0.1/255.255.255.0",
        "permit 192.0.2.16/255.255.255.240",
    )
    assert users["srtapi_browserphone"].eventfilter[-1] == "!Event: Hangup[A-Z]"
    assert len(users["srtapi_aststate"].eventfilter) == 11
    assert verify(users["cxpanel"].secret or "", b"cxmanager*con")

    # The report asks for the link's secret and a certificate.
    (out / "upstream.secret").write_text("x" * 48)
    (out / "certs").mkdir(mode=0o700)
    tls_door.install(out / "certs")
    for file in (out / "upstream.secret", out / "certs" / "server.key"):
        file.chmod(0o600)
    said = checked(out, capsys)
    assert "upstream   127.0.0.1:5038 as amiproxy" in said
    assert "users      7 users, 0 disabled" in said


def test_the_shipped_files_of_astmanproxy_are_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    came = tmp_path / "etc"
    shutil.copytree(SAMPLES / "astmanproxy", came)
    conf, users_file = came / "astmanproxy.conf", came / "astmanproxy.users"
    # Its certificate and key are one file.
    chain, key = tls_door.install(came)
    pem = came / "proxy-server.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(chain.read_bytes() + key.read_bytes())
    conf.write_text(conf.read_text().replace("/var/lib/asterisk/certs", str(came)))
    came.chmod(0o700)
    # All its users are in comments.
    users_file.write_text(re.sub(r"(?m)^; (?=\w+=\w+(,|$)(?!\[))", "", users_file.read_text()))

    out = tmp_path / "moved"
    report = imported("astmanproxy.conf", conf, out, capsys)
    assert [line.split(": ")[2] for line in about(report, "lost")] == [
        "acceptunencryptedconnection",
        "authrequired",
    ]
    assert [line.split(": ")[2] for line in about(report, "changed")] == ["autofilter"]
    named = {line.split(": ")[2] for line in about(report, "fyi")}
    assert named >= {"retryinterval", "maxretries", "sslclienthellotimeout", "logfile", "proc_user"}
    assert not [line for line in report if "is not a key that AstManProxy" in line]

    report = imported("astmanproxy.users", users_file, out, capsys)
    assert "3 users, 0 of them disabled: users.yaml" in report
    assert about(report, "lost") == []
    [channels] = [line for line in report if "SIP/10 covered SIP/1002" in line]
    assert ": changed: 2 users (steve, dave): " in channels
    users = load_users(out / "users.yaml").users
    assert list(users) == ["steve", "dave", "bill"]
    assert users["steve"].contexts == ("local",)
    assert users["dave"].scope is not None
    assert users["dave"].scope.more_events
    assert users["dave"].rules[0].set == "davesaccount"

    said = checked(out, capsys)
    assert "upstream   127.0.0.1:5038 as dave" in said
    assert "listener   0.0.0.0:1234" in said
    assert "users      3 users, 0 disabled" in said
    assert (out / "upstream.secret").read_text() == "moo\n"


def test_the_shipped_files_of_astmanproxy_1_30_are_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    came, out = SAMPLES / "astmanproxy-1.30", tmp_path / "moved"
    report = imported("astmanproxy.conf", came / "astmanproxy.conf", out, capsys)
    assert not [line for line in report if "is not a key that AstManProxy" in line]
    assert (out / "upstream.secret").read_bytes() == b"two words\n"

    report = imported("astmanproxy.users", came / "astmanproxy.users", out, capsys)
    assert "4 users, 0 of them disabled: users.yaml" in report
    assert sum("begins with $" in line for line in about(report, "lost")) == 1
    users = load_users(out / "users.yaml").users
    assert list(users) == ["billing", "desk", "board", "plain"]
    assert users["billing"].read == ("cdr",)
    assert [str(rule) for rule in users["billing"].compiled_filters()] == [
        "eventfilter(action(include),name(Cdr),method(none)) = "
    ]
    assert {rule.exclude for rule in users["desk"].compiled_filters()} == {True}
    assert users["board"].read == ("call",)
    assert users["plain"].eventfilter == ()


def test_several_asterisks_of_astmanproxy_are_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    came, out = tmp_path / "etc", tmp_path / "moved"
    shutil.copytree(SAMPLES / "astmanproxy-several", came)
    chain, key = tls_door.install(came)
    pem = came / "proxy-server.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(chain.read_bytes() + key.read_bytes())
    conf = came / "astmanproxy.conf"
    conf.write_text(conf.read_text().replace("/var/lib/asterisk/certs", str(came)))
    came.chmod(0o700)

    report = imported("astmanproxy.conf", conf, out, capsys)
    assert about(report, "lost") == []
    for name, secret in (("localhost", "moo"), ("pbx2", "baa"), ("192-168-1-173", "oink")):
        assert (out / f"{name}.secret").read_text() == f"{secret}\n"
    imported("astmanproxy.users", came / "astmanproxy.users", out, capsys)
    users = load_users(out / "users.yaml").users
    assert {name: entry.servers for name, entry in users.items()} == {
        "steve": ("192-168-1-173",),
        "dave": ("pbx2",),
        "bill": ("*",),
    }

    # The report asks for the CAs.
    (out / "certs").mkdir(mode=0o700)
    for name in ("pbx2", "192-168-1-173"):
        (out / "certs" / f"{name}-ca.crt").write_bytes(chain.read_bytes())
    said = checked(out, capsys)
    for name in ("localhost", "pbx2", "192-168-1-173"):
        assert name in said
    assert "users      3 users, 0 disabled" in said


def test_the_users_file_that_astmanproxy_ships_has_no_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "astmanproxy.users", str(SAMPLES / "astmanproxy" / "astmanproxy.users")]) == 0
    assert capsys.readouterr().out == "0 users, 0 of them disabled: nothing\n"
