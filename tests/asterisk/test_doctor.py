"""The doctor with a real Asterisk: its questions are answered, and its findings are true."""

from pathlib import Path

from amiproxy.config import Config, ListenerSettings, UpstreamSettings
from amiproxy.config.address import Address
from amiproxy.tools.doctor import asterisk as doctor
from amiproxy.tools.doctor.finding import DoctorFinding
from tests.asterisk.lab.asterisk import Asterisk


def examined(asterisk: Asterisk, user: str, secret: str, directory: Path) -> dict[str, DoctorFinding]:
    directory.chmod(0o700)
    file = directory / "upstream.secret"
    file.write_text(secret)
    file.chmod(0o600)
    config = Config(
        upstream=UpstreamSettings(username=user, secret_file=file, port=asterisk.port),
        listeners=(ListenerSettings(address=Address.from_text("127.0.0.1:0")),),
        users_file=file,
    )
    return {finding.text: finding for finding in doctor.examine(config)}


def test_the_links_user_and_the_settings_are_found(asterisk: Asterisk, tmp_path: Path) -> None:
    found = examined(asterisk, asterisk.user, asterisk.secret, tmp_path)
    assert found[f"logged in as {asterisk.user}"].level == "ok"
    assert found[f"port {asterisk.port} is open on loopback only"].level == "ok"
    # The lab has its own TLS, for comparisons.
    [tls] = [text for text in found if "TLS port of its own" in text]
    assert found[tls].level == "warn"
    assert found[f"bindaddr is 127.0.0.1:{asterisk.port}"].level == "ok"
    assert found["webenabled is no"].level == "ok"
    assert found[f"writetimeout of {asterisk.user} is 5000 ms"].level == "ok"
    assert found["live_dangerously is no"].level == "ok"
    # The links of other tests to the same Asterisk may be up: their number is not this test's business.
    [beside] = [text for text in found if text.startswith(f"other sessions logged in as {asterisk.user}: ")]
    assert found[beside].level in {"ok", "warn"}
    # The lab's own: no list of addresses, a short secret, displayconnects at Asterisk's default.
    [secret] = [text for text in found if "secret has 11 characters" in text]
    assert found[secret].level == "warn"
    [shown] = [text for text in found if "displayconnects" in text]
    assert found[shown].level == "warn"
    assert not [text for text, finding in found.items() if finding.level == "unknown"]
    versions = [text for text in found if text.startswith(f"version {asterisk.version}.")]
    assert versions
    assert ("CVE-2024-42365" in "".join(versions)) == (asterisk.version == "16")
    assert not [finding for finding in found.values() if finding.level == "fail"]


def test_a_user_with_fewer_rights_is_reported(asterisk: Asterisk, tmp_path: Path) -> None:
    found = examined(asterisk, "limited", asterisk.users["limited"], tmp_path)
    assert any("may not run CLI commands" in text for text in found)
    told = " ".join(text for text, finding in found.items() if finding.level == "unknown")
    for key in ("bindaddr", "webenabled", "tlsenable", "writetimeout", "live_dangerously", "displayconnects"):
        assert key in told


def test_a_wrong_secret_is_a_failure(asterisk: Asterisk, tmp_path: Path) -> None:
    found = examined(asterisk, asterisk.user, "wrong", tmp_path)
    [failure] = [finding for finding in found.values() if finding.level == "fail"]
    assert "refused the login" in failure.text
    assert [finding.level for finding in found.values()][-1] == "unknown"


def test_live_dangerously_is_found(asterisk: Asterisk, tmp_path: Path) -> None:
    file = asterisk.directory / "etc/asterisk.conf"
    before = file.read_text()
    try:
        file.write_text(f"{before}\nlive_dangerously = yes\n")
        found = examined(asterisk, asterisk.user, asterisk.secret, tmp_path)
    finally:
        file.write_text(before)
    [text] = [text for text in found if "live_dangerously" in text]
    assert found[text].level == "warn"
