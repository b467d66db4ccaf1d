from pathlib import Path

from msgspec import structs

from amiproxy.ami.privilege import AGENT, ALL, CALL
from amiproxy.config import UsersFile, parse_users
from amiproxy.config.users.usertable import building_table, table_of
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.phc import dummy_hash
from amiproxy.core.model.users import UserTable
from amiproxy.steps import result_of

SECRET = dummy_hash("$argon2id$v=19$m=64,t=1,p=1$$")
TABLE = f"""\
users:
  Wallboard:
    secret: "{SECRET}"
    read: [call, agent]
    acl: ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]
    eventfilter: ["!Event: RTCPSent"]
    setvar: {{PBXACCOUNT: edvina, B: "ü"}}
    allowmultiplelogin: false
    contexts: [outbound]
    history: true
    upstream_lost: repair
  admin:
    md5_secret: "s3crüt"
    write: all
    disabled: true
"""


def table(text: str = TABLE) -> UserTable:
    return table_of(parse_users(Path("users.yaml"), text.encode()))


def test_an_entry_becomes_a_user() -> None:
    user = table().find(b"wallboard")
    assert user is not None
    assert (user.name, user.read, user.write) == ("Wallboard", CALL | AGENT, 0)
    assert (user.secret, user.md5_secret) == (SECRET, None)
    assert user.acl == AccessList.from_lines(["deny 0.0.0.0/0", "permit 10.0.0.0/8"])
    assert user.setvar == ((b"PBXACCOUNT", b"edvina"), (b"B", "ü".encode()))
    assert (user.allowmultiplelogin, user.disabled) == (False, False)
    assert user.rules is not None
    assert user.rules.contexts == ("outbound",)
    assert user.filters
    assert (user.history, user.upstream_lost) == (True, "repair")


def test_missing_keys_of_an_entry_get_defaults() -> None:
    user = table().find(b"admin")
    assert user is not None
    assert (user.read, user.write, user.secret, user.md5_secret) == (0, ALL, None, "s3crüt".encode())
    assert user.acl == AccessList()
    assert (user.setvar, user.allowmultiplelogin, user.disabled, user.rules) == ((), True, True, None)
    assert not user.filters
    assert (user.history, user.upstream_lost) == (False, None)


def test_a_user_with_an_unchanged_entry_is_kept_and_others_are_rebuilt() -> None:
    text = "users:\n  same: {secret: '%s'}\n  other: {secret: '%s', read: [call]}\n"
    before = parse_users(Path("users.yaml"), (text % (SECRET, SECRET)).encode())
    old = table_of(before)
    after = UsersFile(
        users={"same": before.users["same"], "other": structs.replace(before.users["other"], read="all")}
    )
    new = result_of(building_table(after, old, before))
    assert new.find(b"same") is old.find(b"same")
    other = new.find(b"other")
    assert other is not None
    assert other.read == ALL
