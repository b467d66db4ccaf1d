"""The doctor before a real Asterisk: what it asks is answered, and what it says is so."""

from pathlib import Path

from proxy.config import Config, Listener, Upstream
from proxy.config.address import Address
from proxy.net.doctor import asterisk as doctor
from proxy.net.doctor.finding import Finding
from tests.asterisk.lab.asterisk import Asterisk


def examined(asterisk: Asterisk, user: str, secret: str, directory: Path) -> dict[str, Finding]:
    directory.chmod(0o700)
    file = directory / "upstream.secret"
    file.write_text(secret)
    file.chmod(0o600)
    config = Config(
        upstream=Upstream(username=user, secret_file=file, port=asterisk.port),
        listeners=(Listener(address=Address.from_text("127.0.0.1:0")),),
        users_file=file,
    )
    return {finding.text: finding for finding in doctor.examine(config)}


def test_the_links_user_and_the_settings_are_seen(asterisk: Asterisk, tmp_path: Path) -> None:
    found = examined(asterisk, asterisk.user, asterisk.secret, tmp_path)
    assert found[f"logged in as {asterisk.user}"].level == "ok"
    assert found[f"port {asterisk.port} is open on loopback only"].level == "ok"
    # The lab has its own TLS, for comparisons.
    assert found["its manager has TLS of its own, past the proxy"].level == "warn"
    versions = [text for text in found if text.startswith(f"version {asterisk.version}.")]
    assert versions
    assert ("CVE-2024-42365" in "".join(versions)) == (asterisk.version == "16")
    assert not [finding for finding in found.values() if finding.level == "fail"]


def test_a_user_with_less_is_found_out(asterisk: Asterisk, tmp_path: Path) -> None:
    found = examined(asterisk, "limited", asterisk.users["limited"], tmp_path)
    assert any("may not use the command line" in text for text in found)


def test_a_wrong_secret_is_a_failure(asterisk: Asterisk, tmp_path: Path) -> None:
    found = examined(asterisk, asterisk.user, "wrong", tmp_path)
    assert [finding.level for finding in found.values()][-1] == "fail"
