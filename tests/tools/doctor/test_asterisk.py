"""The doctor's findings about the Asterisk behind the proxy."""

import os
import pwd
import socket
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from amiproxy.config import Config, ListenerSettings, UpstreamSettings
from amiproxy.config.address import Address
from amiproxy.config.schema import ServerSettings, UpstreamTls
from amiproxy.core.model.limits import Limits, ServerLimits
from amiproxy.tools.doctor import asterisk
from amiproxy.tools.doctor.finding import DoctorFinding
from amiproxy.tools.doctor.openports import open_ports
from tests.support.ports import free_port
from tests.support.servercert import ServerCertificate
from tests.tools.doctor.manager import (
    LINK_SECTION,
    LINK_USER,
    SECRET,
    SETTINGS,
    Manager,
    command_output,
    config_answer,
    connected,
)

_ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    file = tmp_path / "upstream.secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    return file


def examined(
    port: int,
    secret: Path,
    expect_user: str | None = _ME,
    timeout: float = 5.0,
    tls: UpstreamTls | None = None,
) -> list[DoctorFinding]:
    upstream = UpstreamSettings(
        username="amiproxy", secret_file=secret, port=port, expect_user=expect_user, tls=tls
    )
    config = Config(
        upstream=upstream,
        listeners=(ListenerSettings(address=Address.from_text("127.0.0.1:0")),),
        users_file=secret,
        limits=Limits(upstream_connect_timeout=timeout, upstream_login_timeout=timeout),
    )
    return list(asterisk.examine(config))


def test_a_good_installation_has_only_ok_findings(secret: Path) -> None:
    with Manager() as manager:
        found = examined(manager.port, secret)
    assert [str(finding) for finding in found if finding.level != "ok"] == []
    told = "\n".join(map(str, found))
    assert f"port {manager.port} is open on loopback only" in told
    assert "logged in as amiproxy" in told
    assert f"its port belongs to {_ME}, as expected" in told
    assert "the link's secret has 48 characters" in told
    assert "bindaddr is 127.0.0.1:5038" in told
    assert "writetimeout of amiproxy is 5000 ms" in told
    assert "live_dangerously is no" in told
    for key in ("webenabled", "tlsenable", "displayconnects"):
        assert f"{key} is no" in told
    # By challenge: the secret is neither on the wire nor in a finding.
    assert SECRET.encode() not in manager.heard
    assert SECRET not in told


def changed(rows: dict[str, str], **changes: str) -> bytes:
    return command_output({**rows, **{key.replace("_", " "): value for key, value in changes.items()}})


def without(rows: dict[str, str], *keys: str) -> bytes:
    return command_output({key: value for key, value in rows.items() if key not in keys})


def section(*lines: str, instead_of: str = "") -> bytes:
    """The link's section, with these lines in place of those that begin the same."""
    kept = [line for line in LINK_SECTION if not instead_of or not line.startswith(instead_of)]
    return config_answer("amiproxy", *kept, *lines)


_REFUSED = b"Response: Error\r\nMessage: Permission denied\r\n"


@pytest.mark.parametrize(
    ("answers", "level", "part"),
    [
        ({"Login": b"Response: Error\r\nMessage: Authentication failed\r\n"}, "fail", "refused the login of"),
        ({"CoreSettings": b"Response: Success\r\nAsteriskVersion: 18.0.0\r\n"}, "warn", "CVE-2024-42365"),
        ({"CoreSettings": b"Response: Success\r\nAsteriskVersion: GIT-x\r\n"}, "warn", "not a release"),
        ({"CoreSettings": _REFUSED}, "unknown", "its version"),
        ({"manager show user amiproxy": _REFUSED}, "warn", "may not run CLI commands"),
        ({"manager show settings": _REFUSED}, "unknown", "bindaddr, webenabled, tlsenable, disabledevents"),
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
        ({"manager show user amiproxy": changed(LINK_USER, allowmultiplelogin="no")}, "warn", "only once"),
        ({"manager show user amiproxy": changed(LINK_USER, Variables="A = b")}, "fail", "setvar lines"),
        (
            {"manager show settings": command_output({**SETTINGS, "Web Manager (AMI/HTTP)": "Yes"})},
            "warn",
            "open over HTTP",
        ),
        ({"manager show settings": changed(SETTINGS, TLS_Enable="Yes")}, "warn", "TLS port of its own"),
        (
            {"manager show settings": changed(SETTINGS, TCP_Bindaddress="0.0.0.0:5038")},
            "fail",
            "bindaddr is 0.0.0.0:5038",
        ),
        (
            {"manager show settings": changed(SETTINGS, TCP_Bindaddress="[::]:5038")},
            "fail",
            "bindaddr is [::]:5038",
        ),
        ({"manager show settings": without(SETTINGS, "TCP Bindaddress")}, "unknown", "bindaddr"),
        ({"manager show settings": without(SETTINGS, "TLS Enable")}, "unknown", "tlsenable"),
        ({"manager show settings": without(SETTINGS, "Web Manager (AMI/HTTP)")}, "unknown", "webenabled"),
        ({"manager show settings": without(SETTINGS, "Disabled events")}, "unknown", "disabledevents"),
        (
            {"manager show user amiproxy": changed(LINK_USER, displayconnects="yes")},
            "warn",
            "each login of the link",
        ),
        # In an older Asterisk, keys missing from the user's section apply from the general one.
        (
            {
                "manager show user amiproxy": without(LINK_USER, "displayconnects"),
                "manager show settings": changed(SETTINGS, Display_connects="Yes"),
            },
            "warn",
            "each login of the link",
        ),
        (
            {
                "manager show user amiproxy": without(LINK_USER, "displayconnects"),
                "manager show settings": without(SETTINGS, "Display connects"),
            },
            "unknown",
            "displayconnects",
        ),
        ({"manager show user amiproxy": without(LINK_USER, "ACL")}, "unknown", "acl"),
        (
            {"manager show user amiproxy": without(LINK_USER, "allowmultiplelogin")},
            "unknown",
            "allowmultiplelogin",
        ),
        (
            {"manager.conf": section("writetimeout=100", instead_of="writetimeout")},
            "warn",
            "writetimeout of amiproxy is 100 ms",
        ),
        # Asterisk's own.
        ({"manager.conf": section(instead_of="writetimeout")}, "warn", "writetimeout of amiproxy is 100 ms"),
        (
            {"manager.conf": section("writetimeout=soon", instead_of="writetimeout")},
            "warn",
            "writetimeout of amiproxy is 100 ms",
        ),
        ({"manager.conf": _REFUSED}, "unknown", "writetimeout"),
        ({"manager.conf": config_answer("somebody", "writetimeout=5000")}, "unknown", "writetimeout"),
        (
            {"manager.conf": section("permit=192.0.2.0/255.255.255.0")},
            "warn",
            "may log in from 192.0.2.0/24",
        ),
        ({"manager.conf": section(instead_of="deny")}, "warn", "no rule that denies all other addresses"),
        ({"manager.conf": section("acl=office")}, "unknown", "the named acl office"),
        ({"manager show connected": connected(*["amiproxy"] * 3)}, "warn", "logged in as amiproxy: 2"),
        ({"manager show connected": _REFUSED}, "unknown", "other sessions logged in"),
        ({"asterisk.conf": config_answer("options", "live_dangerously = yes")}, "warn", "live_dangerously"),
        ({"asterisk.conf": _REFUSED}, "unknown", "live_dangerously"),
        (
            {"manager show settings": changed(SETTINGS, Disabled_events="VarSet, OriginateResponse")},
            "fail",
            "turns off OriginateResponse",
        ),
    ],
)
def test_a_problem_has_a_level_and_a_remedy(
    answers: dict[str, bytes], level: str, part: str, secret: Path
) -> None:
    with Manager(**answers) as manager:
        found = [finding for finding in examined(manager.port, secret) if finding.level != "ok"]
    matching = [finding for finding in found if part in finding.text]
    assert [finding.level for finding in matching] == [level]
    assert matching[0].remedy


def test_a_missing_setting_has_asterisks_default(secret: Path) -> None:
    with Manager(**{"asterisk.conf": config_answer("options", "systemname=lab")}) as manager:
        found = examined(manager.port, secret)
    assert [finding for finding in found if finding.level != "ok"] == []
    assert "live_dangerously is no" in "\n".join(map(str, found))


@pytest.mark.parametrize(("length", "level"), [(5, "warn"), (47, "warn"), (48, "ok"), (64, "ok")])
def test_the_length_of_the_secret_is_judged_without_showing_it(length: int, level: str, secret: Path) -> None:
    word = "x9!" * length
    secret.write_text(word[:length])
    with Manager() as manager:
        found = examined(manager.port, secret)
    [finding] = [finding for finding in found if "secret has" in finding.text]
    assert finding.level == level
    assert f"has {length} characters" in finding.text
    assert bool(finding.remedy) == (level == "warn")
    assert word[:length] not in "".join(map(str, found))


def test_while_asterisk_is_down_the_secret_is_judged_and_the_rest_unknown(secret: Path) -> None:
    secret.write_text("short")
    found = examined(free_port(), secret)
    assert [finding.level for finding in found] == ["warn", "fail", "unknown"]
    assert "has 5 characters" in found[0].text
    assert "cannot be reached" in found[1].text
    for key in ("bindaddr", "writetimeout", "live_dangerously", "version"):
        assert key in found[2].text
    assert "asterisk -rx" in found[2].remedy


def test_over_a_network_the_section_with_the_secret_is_not_requested(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk, "is_loopback", lambda _: False)
    with Manager() as manager:
        found = examined(manager.port, secret)
    assert b"manager.conf" not in manager.heard
    assert b"asterisk.conf" in manager.heard
    told = {finding.text: finding.level for finding in found}
    assert [text for text, level in told.items() if level == "unknown" and "writetimeout" in text]
    assert [text for text, level in told.items() if level == "unknown" and "owner of its port" in text]


def test_an_asterisk_that_cannot_be_reached_is_a_failure(secret: Path) -> None:
    [finding] = [finding for finding in examined(free_port(), secret) if finding.level == "fail"]
    assert "cannot be reached" in finding.text


def test_a_name_that_cannot_be_looked_up_is_to_be_corrected(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", fail)
    [finding] = [finding for finding in examined(free_port(), secret) if finding.level == "fail"]
    assert "upstream.host" in finding.remedy


def test_an_owner_of_the_port_that_is_hidden_is_unknown(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk, "owner_of", lambda *_: None)
    with Manager() as manager:
        found = [finding for finding in examined(manager.port, secret) if finding.level != "ok"]
    [finding] = found
    assert finding.level == "unknown"
    assert "owner of its port" in finding.text


def test_another_program_on_the_port_is_a_failure(secret: Path) -> None:
    with Manager(banner=b"220 mail.example.org ESMTP\r\n") as manager:
        [finding] = [finding for finding in examined(manager.port, secret) if finding.level == "fail"]
    assert "banner" in finding.text
    with Manager() as manager:
        found = examined(manager.port, secret, expect_user="nobody" if _ME != "nobody" else "root")
        assert any(finding.level == "fail" and "its port belongs to" in finding.text for finding in found)


def test_a_port_that_sends_nothing_is_a_failure(secret: Path) -> None:
    with Manager(banner=b"") as manager:
        found = examined(manager.port, secret, timeout=0.05)
    [finding] = [finding for finding in found if finding.level == "fail"]
    assert "does not answer within 0.1 s" in finding.text
    # A TLS port says nothing to a client that speaks plain text.
    assert "upstream.tls" in finding.remedy


def test_a_port_without_expected_owner_is_warned_about(secret: Path) -> None:
    with Manager() as manager:
        found = examined(manager.port, secret, expect_user=None)
    [finding] = [finding for finding in found if finding.level == "warn"]
    assert finding.remedy == f"set upstream.expect_user: {_ME}"


def test_a_secret_file_that_cannot_be_read_is_a_failure(secret: Path) -> None:
    secret.chmod(0o644)
    with Manager() as manager:
        found = examined(manager.port, secret)
    [finding] = [finding for finding in found if finding.level == "fail"]
    assert finding.subject == "configuration"
    assert "writetimeout" in "".join(one.text for one in found if one.level == "unknown")
    assert "readable by all users" in finding.text


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
def test_open_ports_are_found(
    table: str, address: str, level: str | None, tmp_path: Path, secret: Path
) -> None:
    (tmp_path / table).write_text(f"{_HEAD}   0: {address} {_TAIL}")
    upstream = UpstreamSettings(username="amiproxy", secret_file=secret)
    found = list(open_ports(upstream, tmp_path))
    assert [finding.level for finding in found] == ([level] if level else [])


def test_open_ports_are_not_checked_for_a_remote_asterisk(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "tcp").write_text(f"{_HEAD}   0: 00000000:13AE 00000000:0000 0A {_TAIL}")
    for host in ("192.0.2.1", "pbx.example.org"):
        upstream = UpstreamSettings(username="amiproxy", secret_file=secret, host=host, insecure_remote=True)
        assert list(open_ports(upstream, tmp_path)) == []


class TestSeveralServers:
    """Of several servers each is examined, and their ids must be different."""

    def examined(self, secret: Path, **servers: UpstreamSettings) -> list[DoctorFinding]:
        config = Config(
            servers={
                name: ServerSettings(
                    **{key: getattr(one, key) for key in UpstreamSettings.__struct_fields__},
                    limits=ServerLimits(upstream_connect_timeout=5.0, upstream_login_timeout=5.0),
                )
                for name, one in servers.items()
            },
            listeners=(ListenerSettings(address=Address.from_text("127.0.0.1:0")),),
            users_file=secret,
        )
        return list(asterisk.examine(config))

    @pytest.mark.parametrize(
        ("names", "level", "part"),
        [
            (("one", "two"), "ok", "each has another systemname"),
            (("", "two"), "ok", "each has another systemname"),
            (("", ""), "warn", "empty at pbx1, pbx2:"),
            (("lab", "lab"), "warn", "'lab' at pbx1, pbx2"),
        ],
    )
    def test_empty_and_equal_system_names_are_warned_about(
        self, secret: Path, names: tuple[str, str], level: str, part: str
    ) -> None:
        with ExitStack() as stack:
            servers = {}
            for server, name in zip(("pbx1", "pbx2"), names, strict=True):
                manager = stack.enter_context(Manager(CoreSettings=core_settings(name)))
                servers[server] = UpstreamSettings(
                    username="amiproxy", secret_file=secret, port=manager.port, expect_user=_ME
                )
            found = self.examined(secret, **servers)
        last = found[-1]
        assert (last.level, last.subject) == (level, "servers")
        assert part in last.text
        assert bool(last.remedy) == (level == "warn")
        assert {finding.subject for finding in found} == {"pbx1", "pbx2", "servers"}

    def test_one_that_is_down_does_not_hide_the_others(self, secret: Path) -> None:
        with Manager(CoreSettings=core_settings("two")) as manager:
            down = UpstreamSettings(username="amiproxy", secret_file=secret, port=free_port())
            up = msgspec.structs.replace(down, port=manager.port)
            found = self.examined(secret, pbx1=down, pbx2=up)
        assert [finding.subject for finding in found if finding.level == "fail"] == ["pbx1"]
        assert [finding.remedy for finding in found if "expect_user" in finding.remedy] == [
            f"set servers.pbx2.expect_user: {_ME}"
        ]
        assert not [finding for finding in found if finding.subject == "servers"]


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> ServerCertificate:
        return ServerCertificate(tmp_path)

    def examined(
        self, manager: Manager, secret: Path, certificate: ServerCertificate, name: str | None = None
    ) -> list[DoctorFinding]:
        tls = UpstreamTls(ca=certificate.ca_file, name=name)
        return examined(manager.port, secret, None, tls=tls)

    def test_its_certificate_takes_the_place_of_the_port_s_owner(
        self, secret: Path, certificate: ServerCertificate
    ) -> None:
        answers = {"manager show settings": changed(SETTINGS, TLS_Enable="Yes")}
        with Manager(tls=certificate.context(), **answers) as manager:
            found = self.examined(manager, secret, certificate)
        assert [str(finding) for finding in found if finding.level != "ok"] == []
        told = "\n".join(map(str, found))
        assert "its certificate is valid for 127.0.0.1" in told
        assert "tlsenable is yes, and the link uses TLS" in told
        assert "belongs to" not in told

    def test_it_logs_in_with_the_secret_itself_as_the_link_does(
        self, secret: Path, certificate: ServerCertificate
    ) -> None:
        # An ami-proxy there may have only a hash of the secret, with which no challenge works.
        with Manager(tls=certificate.context()) as manager:
            found = self.examined(manager, secret, certificate)
        assert "logged in as amiproxy" in [finding.text for finding in found]
        assert f"Secret: {SECRET}\r\n".encode() in manager.heard
        assert b"Challenge" not in manager.heard

    def test_a_refused_login_leads_to_the_log_of_an_ami_proxy_too(
        self, secret: Path, certificate: ServerCertificate
    ) -> None:
        refused = b"Response: Error\r\nMessage: Authentication failed\r\n"
        with Manager(tls=certificate.context(), Login=refused) as manager:
            found = self.examined(manager, secret, certificate)
        [finding] = [finding for finding in found if finding.level == "fail"]
        assert "manager.conf" in finding.remedy
        assert "login-failed" in finding.remedy

    def test_another_name_is_a_failure_and_the_secret_is_not_sent(
        self, secret: Path, certificate: ServerCertificate
    ) -> None:
        with Manager(tls=certificate.context()) as manager:
            found = self.examined(manager, secret, certificate, "pbx.example.org")
        [finding] = [finding for finding in found if finding.level == "fail"]
        assert "not valid for pbx.example.org" in finding.text
        assert "tls.name" in finding.remedy
        assert not manager.heard

    def test_a_port_without_tls_is_a_failure(self, secret: Path, certificate: ServerCertificate) -> None:
        with Manager() as manager:
            found = self.examined(manager, secret, certificate)
        [finding] = [finding for finding in found if finding.level == "fail"]
        assert "does not speak TLS" in finding.text


def test_over_a_network_in_plain_text_bindaddr_is_a_warning(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk, "is_loopback", lambda _: False)
    answers = {
        "manager show settings": changed(SETTINGS, TCP_Bindaddress="0.0.0.0:5038"),
        "manager show user amiproxy": changed(LINK_USER, ACL="no"),
    }
    with Manager(**answers) as manager:
        found = examined(manager.port, secret)
    [bound] = [finding for finding in found if "bindaddr" in finding.text]
    assert (bound.level, "tls" in bound.remedy) == ("warn", True)
    [acl] = [finding for finding in found if "from any address" in finding.text]
    assert "the proxy's address" in acl.remedy


def core_settings(system_name: str) -> bytes:
    return f"Response: Success\r\nAsteriskVersion: 22.10.1\r\nSystemName: {system_name}\r\n".encode()
