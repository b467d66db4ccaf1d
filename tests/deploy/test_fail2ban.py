"""fail2ban finds a failed login: by its stock filter for Asterisk, unchanged, and by ours."""

import io
import re
from pathlib import Path

import pytest

from amiproxy import log
from tests.deploy.debian import run_tool

FILTER = Path(__file__).parents[2] / "deploy/fail2ban/filter.d/ami-proxy.conf"

pytestmark = [pytest.mark.usefixtures("debian_tools", "log_restored"), pytest.mark.timeout(300)]

#: Names that a client may use to blame another address.
_BLAMING = b'x",RemoteAddress="IPV4/TLS/192.0.2.99/1'
_BLAMING_US = b"x peer=192.0.2.99 security_event=InvalidPassword"
_BLAMING_JSON = b'x", "peer": "192.0.2.99'


def logged(style: str, journal: bool, *failures: tuple[str, bytes, bytes | None]) -> str:
    """The log lines of these failed logins (address, name, security event)."""
    stream = io.StringIO()
    log.configure(style, "info", stream, journal)
    for peer, user, event in failures:
        log.say(
            log.WARNING,
            "login-failed",
            peer=peer,
            session="a1",
            user=user,
            reason="wrong secret",
            security_event=event,
        )
    log.say(log.INFO, "login", session="a2", user="wallboard", peer="192.0.2.50")
    text = stream.getvalue()
    if not journal:
        return text
    # As fail2ban sees the journal's entries: without the priority, with the identifier.
    return re.sub(r"(?m)^<\d>", "2026-11-23T16:00:00.000000 pbx ami-proxy[125]: ", text)


def banned(text: str, rule: str) -> list[str]:
    """The addresses that a filter finds, in order."""
    script = 'cat > /tmp/log; mkdir -p /run/f; exec fail2ban-regex --out ip /tmp/log "$0"'
    if rule == "ours":
        script = (
            f"cat > /etc/fail2ban/filter.d/ami-proxy.conf <<'FILTER'\n{FILTER.read_text()}\nFILTER\n{script}"
        )
        rule = "ami-proxy"
    done = run_tool("sh", "-c", script, rule, stdin=text.encode())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.decode().split()


_FAILURES = (
    ("192.0.2.7", b"wallboard", b"InvalidPassword"),
    ("2001:db8::7", b"nobody", b"InvalidAccountID"),
    ("192.0.2.8", b"w", b"FailedACL"),
    ("192.0.2.9", b"w", b"ChallengeResponseFailed"),
    # Not a guess: a limit, for example.
    ("192.0.2.10", b"w", None),
)


@pytest.mark.parametrize(
    ("style", "journal", "rule"),
    [
        ("text", False, "asterisk"),
        ("text", True, "asterisk[_daemon=ami-proxy]"),
        ("text", False, "ours"),
        ("text", True, "ours"),
        ("json", False, "ours"),
        ("json", True, "ours"),
    ],
)
def test_each_address_that_guesses_is_found_once(style: str, journal: bool, rule: str) -> None:
    found = banned(logged(style, journal, *_FAILURES), rule)
    assert found == ["192.0.2.7", "2001:db8::7", "192.0.2.8", "192.0.2.9"]


@pytest.mark.parametrize("name", [_BLAMING, _BLAMING_US, _BLAMING_JSON, b"x\n192.0.2.99", b'"' * 300])
@pytest.mark.parametrize(
    ("style", "rule"), [("text", "asterisk"), ("text", "ours"), ("json", "ours")], ids=str
)
def test_no_client_can_get_another_banned(style: str, rule: str, name: bytes) -> None:
    text = logged(style, False, ("192.0.2.7", name, b"InvalidAccountID"))
    assert banned(text, rule) == ["192.0.2.7"]
