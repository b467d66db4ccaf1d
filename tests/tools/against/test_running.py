"""What is asked of a running service, of this version and of older ones."""

from collections.abc import Iterator
from typing import Any

import pytest

from amiproxy.tools.against.running import running

KEY = b"k" * 32
REPLIES: dict[str, Any] = {
    "status": {"version": "0.9", "pid": 7, "uptime": 5.0, "authenticated": 2, "log_level": "info"},
    "certs": [{"listener": "127.0.0.1:5039", "served": []}],
    "rehearse": {"problems": ["x"], "warnings": [], "closes": {}},
    "users": [{"name": "u", "disabled": False, "read": "call", "write": "none", "sessions": 2, "login": []}],
    "upstream": {"host": "127.0.0.1", "port": 5038, "username": "amiproxy", "state": "up"},
    "limits": [{"name": "connections", "value": 1024, "used": 1, "hits": 0}],
}
HEAD: dict[str, Any] = {
    "version": "1.0", "core": "python", "python": "3.11.2", "openssl": "3.0", "path": "/etc/proxy.yaml",
    "uid": 1, "gid": 2, "groups": [2, 3], "generation": 1, "config": {"limits": {}}, "users": 2,
    "upstream_secrets": {"asterisk": "fingerprint:1"}, "files": [],
}  # fmt: skip
BATCHES = [{"users": [["u", {"read": "call"}, 2]]}, {"users": [["v", {"read": "none"}, 0]]}]


class Replies:
    """Gives prepared replies."""

    def __init__(
        self, *known: str, batches: list[dict[str, Any]] = BATCHES, head: dict[str, Any] = HEAD
    ) -> None:
        self._known = known
        self._head = head
        self._batches = batches
        self.asked: list[str] = []

    def ask(self, command: str, **arguments: str) -> Any:
        self.asked.append(command)
        if command == "commands":
            return [{"name": name} for name in (*REPLIES, *self._known) if name != "rehearse" or self._known]
        return REPLIES[command]

    def stream(self, command: str, *, key: str) -> Iterator[Any]:
        assert (command, key) == ("configuration", KEY.hex())
        yield self._head
        yield from self._batches


def test_a_service_of_this_version_tells_everything() -> None:
    found = running(Replies("configuration"), KEY)
    assert found.is_whole
    assert found.users == {"u": {"read": "call"}, "v": {"read": "none"}}
    assert found.sessions == {"u": 2, "v": 0}
    assert found.account == (1, 2, (2, 3))
    assert found.rehearsal == REPLIES["rehearse"]
    assert (found.interpreter["version"], found.unknown) == ("1.0", ())


def test_a_service_that_knows_one_asterisk_only_has_one_secret() -> None:
    head = {**HEAD, "upstream_secret": "fingerprint:2"}
    del head["upstream_secrets"]
    assert running(Replies("configuration", head=head), KEY).upstream_secrets == {"asterisk": "fingerprint:2"}


def test_an_older_service_is_asked_only_what_it_knows() -> None:
    asker = Replies()
    found = running(asker, KEY)
    assert "rehearse" not in asker.asked
    assert not found.is_whole
    assert found.unknown
    assert found.config == {
        "upstream": {"host": "127.0.0.1", "port": 5038, "username": "amiproxy"},
        "listeners": [{"address": "127.0.0.1:5039"}],
        "limits": {"connections": 1024},
    }
    assert found.users == {"u": {"disabled": False, "read": "call", "write": "none"}}
    assert found.rehearsal is None


def test_a_service_that_ends_meanwhile_is_not_compared() -> None:
    with pytest.raises(ConnectionError):
        running(Replies("configuration", batches=BATCHES[:1]), KEY)
