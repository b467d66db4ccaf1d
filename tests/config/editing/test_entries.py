"""Changes to one user's entry: the effect, and every other line of the file byte for byte."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.config import ConfigErrors, Unfit, UserEntry, parse_users
from amiproxy.config.editing.entries import changed, entry_of, find, places_of, removed, renamed
from amiproxy.config.reading.document import MAX_BYTES, dump

FILE = Path("users.yaml")
ROOT = Path(__file__).parents[3]
HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pzROa0WzGQXg1oZtBNgZtpGUNH8RAj/KA3SdRScQ91g"
MIXED = f"""\
# our users, Zoë keeps them
users:
    alice:      # indented by four
        secret:   "{HASH}"     # aligned
        read: [ call,agent ]
        acl:
            - deny 0.0.0.0/0   # all
            # the office
            - 'permit 10.0.0.0/8'
        setvar: {{NOTE: "{"a long text " * 30}"}}
        #disabled: true

    # about bob
    bob: {{secret: '{HASH}',  read:  all}}
    "0100":
      secret: {HASH}
      scope:
        channels: ["PJSIP/1*"]
# the end"""
LAYOUTS = {
    "mixed": MIXED.encode(),
    "crlf": MIXED.replace("\n", "\r\n").encode(),
    "final newline": f"{MIXED}\n".encode(),
    "mark": f"\ufeff---\n{MIXED}\n".encode(),
    "flow": f"users: {{alice: {{secret: '{HASH}'}}, bob: {{secret: '{HASH}', read: all}}, '0100': "
    f"{{secret: '{HASH}'}}}}\n".encode(),
    "json": f'{{"users": {{"alice": {{"secret": "{HASH}"}}, "bob": {{"secret": "{HASH}"}}, '
    f'"0100": {{"secret": "{HASH}"}}}}}}'.encode(),
    "shipped": (ROOT / "deploy/users.yaml").read_bytes(),
    "examples": (ROOT / "deploy/examples/users.yaml").read_bytes(),
}
CHANGES: list[dict[str, Any]] = [
    {"disabled": True},
    {"read": ["call", "cdr"], "write": ["originate"]},
    {"acl": ["deny 0.0.0.0/0", "permit 192.0.2.0/24"]},
    {"acl": None, "secret": None, "md5_secret": 'it\'s a "secret": #1, ü'},
    {"scope": {"channels": ["PJSIP/1*", "PJSIP/2"], "more_events": True}},
    {"actions": {"allow": ["Ping"], "deny": ["Originate"]}, "contexts": []},
]


def users_of(text: bytes) -> dict[str, UserEntry]:
    return parse_users(FILE, text).users


def lines_outside(text: bytes, name: str) -> list[bytes]:
    """The lines of a block layout that do not belong to one user's entry."""
    lines, found, inside = text.splitlines(keepends=True), [], False
    for line in lines:
        stripped = line.lstrip()
        indent = len(line) - len(stripped)
        if stripped.strip(b"\r\n") and not stripped.startswith(b"#") and indent in (2, 4):
            inside = stripped.startswith((name.encode() + b":", b'"' + name.encode() + b'"'))
        elif indent < 4 and stripped.startswith(b"#"):
            inside = False
        if not inside:
            found.append(line)
    return found


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_change_concerns_the_entry_alone(layout: str, changes: dict[str, Any]) -> None:
    text = LAYOUTS[layout]
    for name in users_of(text):
        after = changed(FILE, text, name, changes)
        wanted = {**entry_of(FILE, text, name), **changes}
        bound = users_of(dump({"users": {name: {k: v for k, v in wanted.items() if v is not None}}}).encode())
        assert users_of(after) == {**users_of(text), name: bound[name]}
        assert list(users_of(after)) == list(users_of(text))
        if layout not in ("flow", "json"):
            before = text.splitlines(keepends=True)
            kept = [line for line in before if line in after.splitlines(keepends=True)]
            assert len(before) - len(kept) <= len(changes) + 3
        again = entry_of(FILE, after, name)
        assert changed(FILE, after, name, {key: again.get(key) for key in changes}) == after


@pytest.mark.parametrize("layout", ["mixed", "crlf", "final newline", "mark"])
@pytest.mark.parametrize("name", ["alice", "bob", "0100"])
def test_all_lines_of_others_keep_their_bytes(layout: str, name: str) -> None:
    text = LAYOUTS[layout]
    for after in (
        changed(FILE, text, name, {"disabled": True, "read": ["cdr"], "acl": ["permit 10.0.0.0/8"]}),
        renamed(FILE, text, name, "zoë"),
        removed(FILE, text, name),
    ):
        others = [line for line in text.splitlines(keepends=True) if line in lines_outside(text, name)]
        rest = after.splitlines(keepends=True)
        missing = [line for line in others if line.strip() and line not in rest]
        assert [line.rstrip(b"\r\n") for line in missing] in ([], [b"# the end"])
        assert after.endswith(b"\n") is text.endswith(b"\n")
        assert (b"\r\n" in after) is (b"\r\n" in text)
        assert after.count(b"\n") == after.count(b"\r\n") or b"\r" not in after


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_user_is_removed_until_none_is_left(layout: str) -> None:
    text = LAYOUTS[layout]
    for name in list(users_of(text)):
        before = users_of(text)
        text = removed(FILE, text, name)
        del before[name]
        assert users_of(text) == before
    assert users_of(text) == {}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("new", ["0100x", "on", "a: b", "#x", "ü", "a'b", '"', "{x}", "~"])
def test_a_renamed_user_keeps_its_entry_and_its_place(layout: str, new: str) -> None:
    text = LAYOUTS[layout]
    names = list(users_of(text))
    after = users_of(renamed(FILE, text, names[0], new))
    assert list(after) == [new, *names[1:]]
    assert after[new] == users_of(text)[names[0]]


def test_a_name_may_change_in_case_only_and_not_become_anothers() -> None:
    assert "Alice" in users_of(renamed(FILE, LAYOUTS["mixed"], "alice", "Alice"))
    with pytest.raises(Unfit, match="has a user bob already"):
        renamed(FILE, LAYOUTS["mixed"], "alice", "BOB")
    with pytest.raises(ConfigErrors):
        renamed(FILE, LAYOUTS["mixed"], "alice", "a\nb")


def test_what_the_entry_may_not_have_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigErrors, match=r"users\.bob\.read: 'cal' is not a privilege class"):
        changed(FILE, LAYOUTS["mixed"], "bob", {"read": ["cal"]})


def test_a_layout_that_cannot_be_kept_is_refused_with_the_files_name() -> None:
    text = f"users:\n  ? bob\n  : secret: '{HASH}'\n".encode()
    with pytest.raises(Unfit, match=f"^{FILE}"):
        removed(FILE, text, "bob")


def test_a_file_does_not_grow_beyond_the_readable_size() -> None:
    text = LAYOUTS["mixed"] + b"#" * (MAX_BYTES - len(LAYOUTS["mixed"]) - 10)
    with pytest.raises(Unfit, match="would be larger"):
        changed(FILE, text, "bob", {"disabled": True, "read": ["call", "cdr"]})


def test_names_are_found_whatever_their_case() -> None:
    users = users_of(LAYOUTS["mixed"])
    assert (find(users, "ALICE"), find(users, "nobody")) == ("alice", None)


def test_places_that_name_a_user_are_found_in_values_and_certificates() -> None:
    bob = {"secret": HASH, "certificate": ["cn:Bob"], "scope": {"accountcodes": ["bob", "bobby"]}}
    eve = {"secret": HASH, "setvar": {"WHO": "bob"}}
    text = dump({"users": {"bob": bob, "eve": eve}}).encode()
    found = [place.partition(": ")[2] for place in places_of(FILE, text, "bob")]
    assert found == ["users.bob.certificate[0]", "users.bob.scope.accountcodes[0]", "users.eve.setvar.WHO"]


_WORDS = st.text("ab \"'#:,[]{}ü~-", min_size=1, max_size=8).map(lambda text: f"x{text}x")
_SCOPED = "users:\n  a:\n    secret: '%s'\n    scope:\n      accountcodes:%s\n      more_events: true\n"


@given(st.lists(_WORDS, max_size=4), st.lists(_WORDS, max_size=4), st.booleans())
def test_any_list_of_texts_can_become_any_other(old: list[str], new: list[str], is_block: bool) -> None:
    items = "".join(f"\n        - {dump([one]).strip()[1:-1]}" for one in old)
    text = _SCOPED % (HASH, items if is_block and items else f" {dump(old).strip()}")
    scope = {"accountcodes": new, "more_events": True}
    after = users_of(changed(FILE, text.encode(), "a", {"scope": scope}))["a"].scope
    assert after is not None
    assert after.accountcodes == tuple(new)


def test_users_whose_names_differ_in_more_than_ascii_case_are_two(tmp_path: Path) -> None:
    users = dict.fromkeys(["Änne", "\u212aarl"])
    assert find(users, "änne") is None
    assert find(users, "Karl") is None
    assert find(users, "ÄNNE") == "Änne"
