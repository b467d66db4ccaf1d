"""The version and the system name of an Asterisk."""

from collections.abc import Callable

from amiproxy.ami.message import Action
from amiproxy.core.servers.known.settings import KnownSettings


class Link:
    """Answers each question when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Action, Callable[[bytes], None]]] = []

    def ask(self, action: Action, callback: Callable[[bytes], None]) -> None:
        self.asked.append((action, callback))

    def answer(self, raw: bytes) -> None:
        self.asked.pop()[1](raw)


def test_they_are_empty_until_they_are_learnt() -> None:
    link = Link()
    settings = KnownSettings(link.ask)
    assert (settings.version, settings.system_name) == (b"", b"")
    settings.learn()
    assert link.asked[0][0].name == b"CoreSettings"
    link.answer(b"Response: Success\r\nAMIversion: 11.0.0\r\nAsteriskVersion: 22.1\r\nSystemName: a\r\n\r\n")
    assert (settings.version, settings.system_name) == (b"22.1", b"a")


def test_an_answer_that_was_lost_or_refused_changes_nothing() -> None:
    link = Link()
    settings = KnownSettings(link.ask)
    for raw in (
        b"Response: Success\r\nAsteriskVersion: 22.1\r\nSystemName: a\r\n\r\n",
        b"",
        b"Response: Error\r\nMessage: Permission denied\r\n\r\n",
    ):
        settings.learn()
        link.answer(raw)
    assert (settings.version, settings.system_name) == (b"22.1", b"a")


def test_a_system_name_that_was_taken_away_is_forgotten() -> None:
    link = Link()
    settings = KnownSettings(link.ask)
    for raw in (
        b"Response: Success\r\nAsteriskVersion: 22.1\r\nSystemName: a\r\n\r\n",
        b"Response: Success\r\nAsteriskVersion: 22.2\r\nSystemName: \r\n\r\n",
    ):
        settings.learn()
        link.answer(raw)
    assert (settings.version, settings.system_name) == (b"22.2", b"")


def test_a_server_that_lies_adds_no_line_to_what_clients_are_shown() -> None:
    link = Link()
    settings = KnownSettings(link.ask)
    settings.learn()
    name = b"a" * 100_000
    link.answer(
        b"Response: Success\r\nAsteriskVersion: 22\rServer: pbx1\0\x7f\r\nSystemName: " + name + b"\r\n\r\n"
    )
    assert settings.version == b"22?Server: pbx1??"
    assert settings.system_name == name[:256]
