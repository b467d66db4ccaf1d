from pathlib import Path

import pytest

from amiproxy.ami.privilege import AGENT, CALL, ORIGINATE
from amiproxy.config import ConfigErrors, Unfit, parse_users
from amiproxy.config.additions import Addition, table_with

FILE = Path("users.yaml")
SECRET = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pzROa0WzGQXg1oZtBNgZtpGUNH8RAj/KA3SdRScQ91g"
ENTRY = f'"{SECRET}"'


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# nobody yet\n",
        "users:\n",
        "users: {}\n",
        "users: {}  # nobody\n",
        "users: ~\n",
        "---\nusers:",
        f"# mine\nusers:\n  old: {{secret: {ENTRY}}}   # the first\n",
        f"users:\n    # indented by four\n\n    old:\n        secret: {ENTRY}",
        f"users:\n  old:\n    secret: {ENTRY}\n    read: [call]\n\n# the end\n",
    ],
)
def test_the_user_is_added_and_the_rest_is_unchanged(before: str) -> None:
    addition = Addition("Dialer", "call, agent", "originate", ("deny 0.0.0.0/0", "permit 10.0.0.0/8"))
    text = table_with(FILE, before.encode(), addition, SECRET)
    users = parse_users(FILE, text).users
    old = parse_users(FILE, before.encode()).users if "users" in before else {}
    assert {name: entry for name, entry in users.items() if name != "Dialer"} == old
    added = users["Dialer"]
    assert (added.secret, added.read_mask, added.write_mask) == (SECRET, CALL | AGENT, ORIGINATE)
    assert added.acl == addition.acl
    for line in before.splitlines():
        if "{}" not in line and "~" not in line:
            assert line in text.decode().splitlines()


@pytest.mark.parametrize("name", ["0100", "on", "no", "~", "a: b", "#x", "ü", "a'b", '"', "- x", "{x}", "<<"])
def test_any_name_can_be_read_back(name: str) -> None:
    assert list(parse_users(FILE, table_with(FILE, b"", Addition(name), SECRET)).users) == [name]


def test_a_user_with_history_has_the_key_and_others_do_not() -> None:
    text = table_with(FILE, b"", Addition("board", history=True), SECRET)
    assert parse_users(FILE, text).users["board"].history
    assert b"history" not in table_with(FILE, b"", Addition("desk"), SECRET)


def test_an_entry_can_be_checked_without_a_secret() -> None:
    with pytest.raises(ConfigErrors, match="'agnt' is not a privilege class"):
        table_with(FILE, b"", Addition("x", read="call,agnt"))
    assert b"argon2id" in table_with(FILE, b"", Addition("x", read="call"))


@pytest.mark.parametrize(
    "addition",
    [Addition("x", write="call,,agent"), Addition("x", acl=("allow all",)), Addition(""), Addition("a\nb")],
)
def test_mistakes_in_the_entry_are_reported_for_the_entry(addition: Addition) -> None:
    with pytest.raises(ConfigErrors) as errors:
        table_with(FILE, f"users:\n  old: {{secret: {ENTRY}}}\n".encode(), addition, SECRET)
    assert all(problem.line == 0 for problem in errors.value.problems)


def test_a_name_that_exists_in_another_case_is_refused() -> None:
    with pytest.raises(Unfit, match="has a user OLD already"):
        table_with(FILE, f"users:\n  old: {{secret: {ENTRY}}}\n".encode(), Addition("OLD"), SECRET)


@pytest.mark.parametrize(
    "before", [f"users: {{old: {{secret: {ENTRY}}}}}\n", f"users:\n  old: {{secret: {ENTRY}}}\n...\n"]
)
def test_a_layout_that_cannot_be_extended_is_refused_not_broken(before: str) -> None:
    with pytest.raises(Unfit, match="no user can be appended"):
        table_with(FILE, before.encode(), Addition("new"), SECRET)


def test_a_user_with_doors_has_the_key_and_others_do_not() -> None:
    text = table_with(FILE, b"", Addition("board", doors=("ws", "api")), SECRET)
    assert parse_users(FILE, text).users["board"].doors == ("ws", "api")
    assert b"doors" not in table_with(FILE, b"", Addition("desk"), SECRET)
    with pytest.raises(ConfigErrors):
        table_with(FILE, b"", Addition("desk", doors=("pages",)), SECRET)
