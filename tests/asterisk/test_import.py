"""An imported manager.conf gives each user the rights that Asterisk gives by the same file."""

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from amiproxy.ami.privilege import parse_classes
from amiproxy.config import parse_users
from amiproxy.core.model.acl import AccessList
from amiproxy.tools.importers import import_manager_conf
from tests.asterisk.lab.asterisk import Asterisk

_QUIRKS = """
[quirk-short]
secret = s
read = c,dtmf
write = call, agent
[quirk-empty]
secret = s
read = call,,dtmf
[template](!)
secret = s
read = call
[inherits](template)
read += ,agent
write = originate
"""


def classes_shown(asterisk: Asterisk, user: str, which: str) -> set[str]:
    """The classes of the user according to Asterisk itself."""
    for line in asterisk.cli(f"manager show user {user}").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == f"{which} perm":
            return set(value.strip().split(",")) - {"<none>", "none", ""}
    raise AssertionError(f"Asterisk does not know {user}")


@pytest.fixture
def manager_conf(asterisk22: Asterisk) -> Iterator[Path]:
    asterisk22.reload_manager(_QUIRKS)
    yield asterisk22.directory / "etc/manager.conf"
    asterisk22.reload_manager("")


def test_no_user_has_a_class_that_asterisk_does_not_give(asterisk22: Asterisk, manager_conf: Path) -> None:
    imported = import_manager_conf(str(manager_conf), manager_conf.read_text(), lambda _: [])
    users = parse_users(Path("users.yaml"), imported.users_yaml()).users
    assert {"inherits", "quirk-short", "quirk-empty", *asterisk22.users} <= set(users)
    for name, entry in users.items():
        for which, mask in (("read", entry.read_mask), ("write", entry.write_mask)):
            theirs = parse_classes(",".join(classes_shown(asterisk22, name, which)))
            assert mask & ~theirs == 0, (name, which)
            if not name.startswith(("quirk", "inherits")):
                assert mask == theirs, (name, which)


def test_asterisks_own_sample_is_imported(asterisk22: Asterisk) -> None:
    sample = asterisk22.directory.parents[1] / "usr/share/asterisk/conf/samples/manager.conf.sample"
    imported = import_manager_conf(str(sample), sample.read_text(), lambda _: [])
    assert not [note for note in imported.notes if note.level == "lost"]
    assert imported.users == {}


_LISTS = """
[lo]
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.0/255.255.255.252
[not-one]
deny = 127.0.0.1
[not-two]
deny = 127.0.0.2
"""
_LISTED = {
    "one": "lo",
    "two": "lo,not-one",
    "three": "not-one, not-two,lo",
    "gone": "lo,gone",
    "behind": "lo ,not-one",
    "empty": "lo,",
    "twice": "lo,not-one,LO",
}
_SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.9")


def accepts_login(asterisk: Asterisk, user: str, source: str) -> bool:
    """Whether Asterisk's own door accepts the login of this user from this address."""
    with socket.create_connection((asterisk.host, asterisk.port), 20, (source, 0)) as client:
        client.sendall(f"Action: Login\r\nUsername: {user}\r\nSecret: s\r\nEvents: off\r\n\r\n".encode())
        with client.makefile("rb") as answers:
            # The banner, then the answer's first line.
            return b"Response: Success\r\n" in [answers.readline() for _ in range(2)]


@pytest.fixture
def listed(asterisk: Asterisk) -> Iterator[Asterisk]:
    acl = asterisk.directory / "etc/acl.conf"
    acl.write_text(_LISTS)
    asterisk.cli("module reload acl")
    users = "".join(f"[{user}]\nsecret = s\nacl = {names}\n" for user, names in _LISTED.items())
    asterisk.reload_manager(users)
    yield asterisk
    acl.write_text("")
    asterisk.cli("module reload acl")
    asterisk.reload_manager("")


def test_several_lists_allow_the_addresses_that_asterisk_allows(listed: Asterisk) -> None:
    def files(name: str) -> Sequence[tuple[str, str]]:
        return [("acl.conf", _LISTS)] if name == "acl.conf" else []

    text = (listed.directory / "etc/manager.conf").read_text()
    imported = import_manager_conf("manager.conf", text, files)
    users = parse_users(Path("users.yaml"), imported.users_yaml()).users
    tried = [(user, source) for user in _LISTED for source in _SOURCES]
    # Asterisk takes a second for each that it refuses.
    with ThreadPoolExecutor(len(tried)) as threads:
        theirs = list(threads.map(lambda one: accepts_login(listed, *one), tried))
    access = {user: AccessList.from_lines(users[user].acl) for user in _LISTED}
    ours = [not users[user].disabled and access[user].allows(source) for user, source in tried]
    assert dict(zip(tried, ours, strict=True)) == dict(zip(tried, theirs, strict=True))


def test_a_byte_order_mark_is_skipped_as_by_asterisk(asterisk: Asterisk) -> None:
    file = asterisk.directory / "etc/manager.conf"
    asterisk.reload_manager("[marked]\nsecret = s\nread = call\n")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    try:
        asterisk.cli("manager reload")
        assert classes_shown(asterisk, "marked", "read") == {"call"}
        imported = import_manager_conf(str(file), file.read_text(), lambda _: [])
        assert imported.users["marked"]["read"] == ["call"]
    finally:
        asterisk.reload_manager("")
