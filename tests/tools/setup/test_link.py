"""Why the link is down: each cause is told apart, with what to do about it."""

from collections.abc import Sequence

import pytest

from amiproxy.tools.setup.link import trouble
from amiproxy.tools.setup.wishes import AsteriskAddress
from tests.support.ports import free_port
from tests.tools.doctor.manager import SECRET, Manager


def no_command(_: Sequence[str]) -> tuple[int, str]:
    raise AssertionError("Asterisk answers, so its console need not be asked")


def test_nothing_is_wrong_if_asterisk_accepts_the_login() -> None:
    with Manager() as manager:
        address = AsteriskAddress(port=manager.port)
        assert trouble(address, "amiproxy", SECRET.encode(), no_command) is None
    assert SECRET.encode() not in manager.heard


def test_a_wrong_secret_is_named() -> None:
    refusal = b"Response: Error\r\nMessage: Authentication failed\r\n"
    with Manager(Login=refusal) as manager:
        told = trouble(AsteriskAddress(port=manager.port), "amiproxy", b"wrong", no_command)
    assert told is not None
    assert "Authentication failed" in told[0]
    assert "manager.conf" in told[1]


@pytest.mark.parametrize(
    ("status", "text", "remedy"),
    [
        (0, "its manager does not listen", "enabled = yes"),
        (1, "is not running", "systemctl start asterisk"),
        (127, "cannot be reached", "manager.conf"),
    ],
)
def test_a_closed_port_is_explained_by_asterisks_console(status: int, text: str, remedy: str) -> None:
    told = trouble(AsteriskAddress(port=free_port()), "amiproxy", b"s", lambda _: (status, ""))
    assert told is not None
    assert text in told[0]
    assert remedy in told[1]


def test_another_service_on_the_port_is_recognised() -> None:
    with Manager(banner=b"220 mail.example.org ESMTP\r\n") as manager:
        told = trouble(AsteriskAddress(port=manager.port), "amiproxy", b"s", no_command)
    assert told is not None
    assert "banner" in told[0]
