"""The configuration as plain data, in which secrets are fingerprints."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.config import Config, UserEntry, load
from amiproxy.config.plain import (
    ABSENT,
    SHOWN,
    Change,
    changes,
    defaults,
    fingerprints,
    is_hidden,
    plain,
    plain_user,
)
from amiproxy.config.users.narrowing import Narrowing
from amiproxy.config.users.userfiles import parse_users
from amiproxy.core.model.phc import dummy_hash
from amiproxy.core.model.rules import Require, Rule, Scope

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
)


def user(text: str) -> UserEntry:
    return parse_users(Path("users.yaml"), f"users: {{u: {text}}}".encode()).users["u"]


def test_a_configuration_is_the_same_after_json(folder: Path) -> None:
    text = (folder / "proxy.yaml").read_text()
    (folder / "proxy.yaml").write_text(
        text.replace("server.key}]", "server.key}]\n    proxy_protocol: [10.0.0.0/8]")
        + "control: {socket: c.sock}\nmetrics: {address: '127.0.0.1:9539', hosts: [pbx.example.org]}\n"
        "actions: {Foo: {classes: [call], headers: {Mode: {one_of: [a, b]}, Name: text}}}\n"
    )
    found = plain(load(folder / "proxy.yaml").config)
    assert json.loads(json.dumps(found)) == found
    assert found["listeners"][0]["address"] == "127.0.0.1:0"
    assert found["listeners"][0]["proxy_protocol"] == ["10.0.0.0/8"]
    assert found["control"]["socket"] == str(folder / "c.sock")
    assert found["actions"]["Foo"]["headers"]["Mode"]["one_of"] == ["a", "b"]
    assert set(found) == set(Config.__struct_fields__)


def test_rights_at_a_server_are_shown_and_hidden_as_those_of_the_user() -> None:
    rules = (Rule(action="Originate", header="Exten", require=Require(exact="4711")),)
    narrowing = Narrowing(read="call,agent", rules=rules, scope=Scope(channels=("PJSIP/1*",)))
    found = plain_user(UserEntry(on={"pbx2": narrowing}), fingerprints(bytes(32)))["on"]["pbx2"]
    assert (found["read"], found["write"]) == ("call,agent", None)
    assert found["scope"]["channels"] == ["PJSIP/1*"]
    assert found["rules"][0]["action"] == "Originate"
    assert is_hidden(found["rules"][0]["require"]["exact"])


def test_every_key_of_a_user_that_may_be_secret_is_a_fingerprint() -> None:
    """A new key of users.yaml is hidden until somebody decides that it may be shown."""
    assert set(UserEntry.__struct_fields__) - SHOWN == {"secret", "md5_secret", "setvar", "rules", "on"}
    assert set(UserEntry.__struct_fields__) > SHOWN


@given(secret=st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=24, max_size=40))
def test_no_secret_is_in_the_plain_form(secret: str) -> None:
    entry = user(
        f'{{secret: "{dummy_hash()}", md5_secret: "{secret}", setvar: {{PIN: "{secret}"}}, write: [call], '
        f'rules: [{{action: Originate, header: Variable, set: "PIN={secret}"}}, '
        f'{{action: Setvar, header: Value, require: {{one_of: ["{secret}"]}}}}]}}'
    )
    found = plain_user(entry, fingerprints(b"k" * 32))
    assert secret not in json.dumps(found)
    assert "argon2" not in json.dumps(found)
    assert is_hidden(found["secret"])
    assert is_hidden(found["setvar"])
    assert found["rules"][0]["header"] == "Variable"


def test_fingerprints_are_equal_for_equal_secrets_under_one_key_only() -> None:
    one, other = fingerprints(b"1" * 32), fingerprints(b"2" * 32)
    assert one("a") == one("a")
    assert len({one("a"), one("b"), other("a")}) == 3
    assert one("\udcff")


def test_classes_are_compared_by_their_meaning() -> None:
    first, second = (
        user(f'{{md5_secret: "a secret of some length", read: {read}}}')
        for read in ("[call, agent]", '"agent,call"')
    )
    assert first.read != second.read
    assert not list(changes(plain_user(first, str), plain_user(second, str)))


@given(value=VALUES)
def test_equal_values_do_not_differ(value: Any) -> None:
    assert not list(changes(value, json.loads(json.dumps(value))))


@given(old=VALUES, new=VALUES)
def test_different_values_differ_in_at_least_one_key(old: Any, new: Any) -> None:
    assert bool(list(changes(old, new))) is (old != new)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [Change("b", 2, 3)]),
        ({"a": 1}, {"b": 1}, [Change("b", ABSENT, 1), Change("a", 1, ABSENT)]),
        ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 2}]}}, [Change("a.b[0].c", 1, 2)]),
        ({"a": [{"c": 1}]}, {"a": []}, [Change("a", [{"c": 1}], [])]),
        ({"a": None}, {"a": {"b": 1}}, [Change("a", None, {"b": 1})]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [Change("a", [1, 2], [1, 3])]),
    ],
)
def test_changes_are_as_deep_as_both_sides_have_the_same_shape(
    old: Any, new: Any, found: list[Change]
) -> None:
    assert list(changes(old, new)) == found


def test_defaults_are_those_of_the_schema(folder: Path) -> None:
    config = load(folder / "proxy.yaml").config
    found = defaults(config)
    assert found["limits"]["connections"] == 1024
    assert found["limits"]["exempt"] == ["127.0.0.0/8", "::1/128"]
    assert found["upstream"] == {
        "host": "127.0.0.1", "port": 5038, "expect_user": None, "insecure_remote": False, "tls": None,
    }  # fmt: skip
    assert found["actions"] == {}
    assert "listeners" not in found


def test_nothing_is_hidden_in_a_configuration(folder: Path) -> None:
    assert not is_hidden(plain(load(folder / "proxy.yaml").config))
    assert repr(ABSENT) == "ABSENT"
    assert isinstance(msgspec.json.encode(plain(load(folder / "proxy.yaml").config)), bytes)
