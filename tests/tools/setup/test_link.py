"""Why the link is down: each cause is told apart, with what to do about it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from amiproxy.tools.setup.link import trouble
from amiproxy.tools.setup.wishes import AsteriskAddress
from tests.support.ports import free_port
from tests.tools.doctor.manager import SECRET, Manager

FILE = Path("/etc/ami-proxy/upstream.secret")
REFUSAL = b"Response: Error\r\nMessage: Authentication failed\r\n"


def no_command(_: Sequence[str]) -> tuple[int, str]:
    raise AssertionError("Asterisk answers, so its console need not be asked")


def test_nothing_is_wrong_if_asterisk_accepts_the_login() -> None:
    with Manager() as manager:
        address = AsteriskAddress(port=manager.port)
        assert trouble(address, "amiproxy", SECRET.encode(), FILE, no_command) is None
    assert SECRET.encode() not in manager.heard


@pytest.mark.parametrize(
    ("status", "said", "text", "remedy"),
    [
        (127, "", "Authentication failed", "manager.conf"),
        (0, "Unable to connect to remote asterisk", "Authentication failed", "manager.conf"),
        (0, "There is no manager called amiproxy", "no account [amiproxy]", "add it"),
        (
            0,
            "       username: amiproxy\n         secret: <Set>\n            ACL: no",
            f"{FILE}",
            f"into {FILE}",
        ),
        (0, "       username: amiproxy\n         secret: <Set>\n            ACL: yes", "deny", "permit"),
    ],
)
def test_a_refused_login_is_explained_by_asterisks_console(
    status: int, said: str, text: str, remedy: str
) -> None:
    with Manager(Login=REFUSAL) as manager:
        address = AsteriskAddress(port=manager.port)
        told = trouble(address, "amiproxy", b"wrong", FILE, lambda _: (status, said))
    assert told is not None
    assert text in told[0]
    assert remedy in told[1]


@pytest.mark.parametrize(
    ("status", "text", "remedy"),
    [
        (0, "its manager does not listen", "enabled = yes"),
        (1, "is not running", "systemctl start asterisk"),
        (127, "cannot be reached", "manager.conf"),
    ],
)
def test_a_closed_port_is_explained_by_asterisks_console(status: int, text: str, remedy: str) -> None:
    told = trouble(AsteriskAddress(port=free_port()), "amiproxy", b"s", FILE, lambda _: (status, ""))
    assert told is not None
    assert text in told[0]
    assert remedy in told[1]


def test_another_service_on_the_port_is_recognised() -> None:
    with Manager(banner=b"220 mail.example.org ESMTP\r\n") as manager:
        told = trouble(AsteriskAddress(port=manager.port), "amiproxy", b"s", FILE, no_command)
    assert told is not None
    assert "banner" in told[0]
