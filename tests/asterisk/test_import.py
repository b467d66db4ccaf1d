"""manager.conf imported gives each user what the Asterisk that reads it gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.ami.privilege import parse_classes
from proxy.config import parse_users
from proxy.importers import import_manager_conf
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


def told(asterisk: Asterisk, user: str, which: str) -> set[str]:
    """The classes that Asterisk itself says the user has."""
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


def test_nobody_has_a_class_that_asterisk_does_not_give(asterisk22: Asterisk, manager_conf: Path) -> None:
    imported = import_manager_conf(str(manager_conf), manager_conf.read_text(), lambda _: [])
    users = parse_users(Path("users.yaml"), imported.users_yaml()).users
    assert {"inherits", "quirk-short", "quirk-empty", *asterisk22.users} <= set(users)
    for name, entry in users.items():
        for which, mask in (("read", entry.read_mask), ("write", entry.write_mask)):
            theirs = parse_classes(",".join(told(asterisk22, name, which)))
            assert mask & ~theirs == 0, (name, which)
            if not name.startswith(("quirk", "inherits")):
                assert mask == theirs, (name, which)


def test_asterisks_own_sample_is_read(asterisk22: Asterisk) -> None:
    sample = asterisk22.directory.parents[1] / "usr/share/asterisk/conf/samples/manager.conf.sample"
    imported = import_manager_conf(str(sample), sample.read_text(), lambda _: [])
    assert not [note for note in imported.notes if note.level == "lost"]
    assert imported.users == {}
