"""``ami-proxy doctor``: one line per finding, and the worst one decides the exit status."""

import json
import re
from pathlib import Path

import pytest

from amiproxy.cli import doctor, main
from amiproxy.tools.doctor import DoctorFinding
from tests.support import tls_door
from tests.support.openssl import without_any_suite
from tests.support.ports import free_port
from tests.tools.doctor.manager import SECRET, Manager


def written(directory: Path, port: int) -> Path:
    directory.chmod(0o700)
    chain, key = tls_door.install(directory)
    (directory / "upstream.secret").write_text(SECRET)
    (directory / "upstream.secret").chmod(0o600)
    (directory / "users.yaml").write_text("users: {}\n")
    (directory / "users.yaml").chmod(0o600)
    config = directory / "proxy.yaml"
    config.write_text(
        f"upstream: {{port: {port}, username: amiproxy, secret_file: upstream.secret}}\n"
        f'listeners: [{{address: "127.0.0.1:0", certificates: [{{chain: {chain}, key: {key}}}]}}]\n'
        "users_file: users.yaml\n"
    )
    return config


def test_warnings_give_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Manager() as manager:
        assert main(["doctor", "--config", str(written(tmp_path, manager.port))]) == 1
    shown = capsys.readouterr().out
    assert "ok    asterisk      logged in as amiproxy" in shown
    assert "warn  configuration users: no client can log in" in shown
    assert "?     unit          not known: " in shown
    assert "fail  " not in shown
    assert SECRET not in shown


def test_unknown_findings_give_status_1_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [DoctorFinding("ok", "a", "b"), DoctorFinding("unknown", "c", "not known: d", "look at e")]
    monkeypatch.setattr(doctor, "examine", lambda _: iter(found))
    assert main(["doctor", "--config", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok    a             b",
        "?     c             not known: d",
        "                    look at e",
    ]


def test_failures_give_status_2_and_json_is_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json", "--config", str(written(tmp_path, free_port()))]) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [failure] = [finding for finding in found if finding["level"] == "fail"]
    assert failure["subject"] == "asterisk"
    assert set(failure) == {"level", "subject", "text", "remedy"}


def test_the_host_is_checked_even_if_the_configuration_is_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "proxy.yaml"
    config.write_text("listener: []\n")
    assert main(["doctor", "--json", "--config", str(config)]) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(finding["remedy"] == "did you mean 'listeners'?" for finding in found)
    assert any(finding["subject"] == "tls" for finding in found)
    [asterisk] = [finding for finding in found if finding["subject"] == "asterisk"]
    assert asterisk["level"] == "unknown"


def test_suites_that_openssl_does_not_know_are_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(tmp_path, free_port())
    config.write_text(config.read_text() + "tls: {suites: [ECDHE-RSA-CHACHA20-POLY1305]}\n")
    without_any_suite(monkeypatch)
    assert main(["doctor", "--config", str(config)]) == 2
    assert "fail  certificates  tls.suites: OpenSSL knows none of the suites" in capsys.readouterr().out


def test_files_and_certificates_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, free_port())
    config.chmod(0o666)
    [key] = tmp_path.rglob("*.key")
    key.chmod(0o644)
    assert main(["doctor", "--json", "--config", str(config)]) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert f"chmod go-w {config}" in [finding["remedy"] for finding in found]
    assert any(finding["subject"] == "certificates" and str(key) in finding["text"] for finding in found)


def test_a_key_that_no_longer_has_an_effect_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, free_port())
    config.write_text(config.read_text() + "limits: {login_bytes: 9999}\n")
    main(["doctor", "--json", "--config", str(config)])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [warning] = [finding for finding in found if "limits.login_bytes" in finding["text"]]
    assert warning["level"] == "warn"
    assert warning["remedy"] == "remove it: a client may send 4096 bytes before its login"


@pytest.mark.parametrize("width", [80, 60])
def test_no_word_is_broken_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    text = "the certificate expires soon and nothing on this host renews it, so clients will be refused"
    found = [DoctorFinding("warn", "certificates", text, f"renew: {text}")]
    monkeypatch.setattr(doctor, "examine", lambda _: iter(found))
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["doctor", "--config", str(tmp_path)]) == 1
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == ["warn", "certificates", *text.split(), "renew:", *text.split()]
