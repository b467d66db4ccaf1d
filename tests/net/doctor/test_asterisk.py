"""What the doctor says of the Asterisk behind."""

import os
import pwd
from pathlib import Path

import pytest

from proxy.config import Config, Listener, Upstream
from proxy.config.address import Address
from proxy.config.limits import Limits
from proxy.net.doctor import asterisk
from proxy.net.doctor.finding import Finding
from tests.net.doctor.manager import LINK_USER, SETTINGS, Manager, command_output
from tests.support.ports import free_port

_ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    file = tmp_path / "upstream.secret"
    file.write_text("hunter2\n")
    file.chmod(0o600)
    return file


def examined(port: int, secret: Path, expect_user: str | None = _ME, timeout: float = 5.0) -> list[Finding]:
    upstream = Upstream(username="amiproxy", secret_file=secret, port=port, expect_user=expect_user)
    config = Config(
        upstream=upstream,
        listeners=(Listener(address=Address.from_text("127.0.0.1:0")),),
        users_file=secret,
        limits=Limits(upstream_connect_timeout=timeout, upstream_login_timeout=timeout),
    )
    return list(asterisk.examine(config))


def test_all_is_well(secret: Path) -> None:
    with Manager() as manager:
        found = examined(manager.port, secret)
    assert [str(finding) for finding in found if finding.level != "ok"] == []
    told = "\n".join(map(str, found))
    assert f"port {manager.port} is open on loopback only" in told
    assert "logged in as amiproxy" in told
    assert f"its port is {_ME}'s, as expected" in told
    # By challenge: the secret is neither on the wire nor in a finding.
    assert b"hunter2" not in manager.heard
    assert "hunter2" not in told


def changed(rows: dict[str, str], **changes: str) -> bytes:
    return command_output({**rows, **{key.replace("_", " "): value for key, value in changes.items()}})


@pytest.mark.parametrize(
    ("answers", "level", "part"),
    [
        ({"Login": b"Response: Error\r\nMessage: Authentication failed\r\n"}, "fail", "refuses the login of"),
        ({"CoreSettings": b"Response: Success\r\nAsteriskVersion: 18.0.0\r\n"}, "warn", "CVE-2024-42365"),
        ({"CoreSettings": b"Response: Success\r\nAsteriskVersion: GIT-x\r\n"}, "warn", "is no release"),
        ({"manager show user amiproxy": b"Response: Error\r\n"}, "warn", "may not use the command line"),
        (
            {"manager show user amiproxy": changed(LINK_USER, write_perm="call,agent")},
            "fail",
            "less than write",
        ),
        (
            {"manager show user amiproxy": changed(LINK_USER, read_perm="call")},
            "fail",
            "less than read = all",
        ),
        ({"manager show user amiproxy": changed(LINK_USER, ACL="no")}, "warn", "from any address"),
        ({"manager show user amiproxy": changed(LINK_USER, allowmultiplelogin="no")}, "warn", "log in once"),
        ({"manager show user amiproxy": changed(LINK_USER, Variables="A = b")}, "fail", "setvar lines"),
        (
            {"manager show settings": command_output({**SETTINGS, "Web Manager (AMI/HTTP)": "Yes"})},
            "warn",
            "open over HTTP",
        ),
        ({"manager show settings": changed(SETTINGS, TLS_Enable="Yes")}, "warn", "TLS of its own"),
        (
            {"manager show settings": changed(SETTINGS, Disabled_events="VarSet, OriginateResponse")},
            "fail",
            "turns off OriginateResponse",
        ),
    ],
)
def test_what_is_not_well_has_its_remedy(
    answers: dict[str, bytes], level: str, part: str, secret: Path
) -> None:
    with Manager(**answers) as manager:
        found = [finding for finding in examined(manager.port, secret) if finding.level != "ok"]
    matching = [finding for finding in found if part in finding.text]
    assert [finding.level for finding in matching] == [level]
    assert matching[0].remedy


def test_nobody_is_there(secret: Path) -> None:
    [finding] = examined(free_port(), secret)
    assert finding.level == "fail"
    assert "cannot be reached" in finding.text


def test_somebody_else_is_there(secret: Path) -> None:
    with Manager(banner=b"220 mail.example.org ESMTP\r\n") as manager:
        assert "does not greet as an Asterisk manager" in examined(manager.port, secret)[-1].text
    with Manager() as manager:
        found = examined(manager.port, secret, expect_user="nobody" if _ME != "nobody" else "root")
        assert any(finding.level == "fail" and "not nobody's" in finding.text for finding in found)


def test_it_says_nothing(secret: Path) -> None:
    with Manager(banner=b"") as manager:
        finding = examined(manager.port, secret, timeout=0.05)[-1]
    assert finding.level == "fail"
    assert "does not answer within 0.1 s" in finding.text


def test_a_port_that_nobody_watches_is_told_of(secret: Path) -> None:
    with Manager() as manager:
        found = examined(manager.port, secret, expect_user=None)
    [finding] = [finding for finding in found if finding.level == "warn"]
    assert finding.remedy == f"set upstream.expect_user: {_ME}"


def test_the_secret_cannot_be_read(secret: Path) -> None:
    secret.chmod(0o644)
    with Manager() as manager:
        finding = examined(manager.port, secret)[-1]
    assert (finding.level, finding.subject) == ("fail", "configuration")
    assert "readable by everybody" in finding.text


_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
_TAIL = "00:00000000 00:00000000 00000000 0 0 1\n"


@pytest.mark.parametrize(
    ("table", "address", "level"),
    [
        ("tcp", "0100007F:13AE 00000000:0000 0A", "ok"),
        ("tcp", "00000000:13AE 00000000:0000 0A", "fail"),
        ("tcp", "0100000A:13AE 00000000:0000 0A", "fail"),
        ("tcp6", f"{'0' * 32}:13AE {'0' * 32}:0000 0A", "fail"),
        ("tcp6", f"{'0' * 24}01000000:13AE {'0' * 32}:0000 0A", "ok"),
        # Another port; a connection and no listener.
        ("tcp", "00000000:13AF 00000000:0000 0A", None),
        ("tcp", "00000000:13AE 00000000:0000 01", None),
    ],
)
def test_open_ports_are_seen(
    table: str, address: str, level: str | None, tmp_path: Path, secret: Path
) -> None:
    (tmp_path / table).write_text(f"{_HEAD}   0: {address} {_TAIL}")
    upstream = Upstream(username="amiproxy", secret_file=secret)
    found = list(asterisk.open_ports(upstream, tmp_path))
    assert [finding.level for finding in found] == ([level] if level else [])


def test_a_remote_asterisk_has_its_ports_elsewhere(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "tcp").write_text(f"{_HEAD}   0: 00000000:13AE 00000000:0000 0A {_TAIL}")
    for host in ("192.0.2.1", "pbx.example.org"):
        upstream = Upstream(username="amiproxy", secret_file=secret, host=host, insecure_remote=True)
        assert list(asterisk.open_ports(upstream, tmp_path)) == []
