"""Which servers a user may use: patterns, defaults, and the errors about them."""

import itertools
from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors, load
from amiproxy.config.users.servers import ServerNames, unmatched, unused
from amiproxy.config.users.usertable import table_of
from amiproxy.core.model.users import LONE_SERVER, User

SEVERAL = ServerNames(("pbx1", "eu-1", "eu-2"), "pbx1", named=True)
_SETTINGS = "{username: amiproxy, secret_file: upstream.secret}"
SERVERS = f"servers: {{{', '.join(f'{name}: {_SETTINGS}' for name in SEVERAL.names)}}}\n"


def user_of(folder: Path, keys: str, servers: str = SERVERS) -> User:
    (folder / "users.yaml").write_text(f'users:\n  u: {{md5_secret: "{"s" * 30}", {keys}}}\n')
    text = (folder / "proxy.yaml").read_text()
    upstream = text.splitlines(keepends=True)[0]
    (folder / "proxy.yaml").write_text(text.replace(upstream, servers) if servers else text)
    config, users, _ = load(folder / "proxy.yaml")
    user = table_of(users, config.server_names).find(b"u")
    assert user is not None
    return user


def problems_of(folder: Path, keys: str, servers: str = SERVERS) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        user_of(folder, keys, servers)
    return [f"{problem.key_path}: {problem.text}; {problem.remedy}" for problem in errors.value.problems]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("*",), ("pbx1", "eu-1", "eu-2")),
        (("eu-2", "eu-*", "pbx1"), ("pbx1", "eu-1", "eu-2")),
        (("eu-*",), ("eu-1", "eu-2")),
        (("*-2",), ("eu-2",)),
        (("e*1", "none"), ("eu-1",)),
        (("eu",), ()),
        ((), ()),
        (None, ()),
    ],
)
def test_patterns_stand_for_servers_in_the_order_of_the_configuration(
    patterns: tuple[str, ...] | None, names: tuple[str, ...]
) -> None:
    assert SEVERAL.matching(patterns) == names
    assert SEVERAL.matching(patterns) is SEVERAL.matching(patterns), "many users share one tuple"


@pytest.mark.parametrize(("patterns", "allowed"), [(None, True), (("*",), True), (("pbx1",), False)])
def test_upstream_is_the_only_server_and_has_no_name(patterns: tuple[str, ...] | None, allowed: bool) -> None:
    assert ServerNames().matching(patterns) == ((LONE_SERVER,) if allowed else ())


def test_without_names_of_its_own_a_user_may_use_the_only_server() -> None:
    assert ServerNames(("pbx1",), named=True).matching(None) == ("pbx1",)


@pytest.mark.parametrize(
    ("servers", "own", "default"),
    [
        (("pbx1", "eu-1"), None, "pbx1"),
        (("pbx1", "eu-1"), "eu-1", "eu-1"),
        (("eu-1", "eu-2"), None, ""),
        (("eu-1",), "pbx1", ""),
    ],
)
def test_the_default_is_the_user_s_own_or_that_for_all_if_it_may_use_it(
    servers: tuple[str, ...], own: str | None, default: str
) -> None:
    assert SEVERAL.default_for(servers, own) == default


def test_names_that_match_no_server_are_found() -> None:
    assert unmatched(("eu-*", "us-*", "pbx1", "pbx9"), SEVERAL) == ["us-*", "pbx9"]
    assert unmatched(None, SEVERAL) == []
    assert unused({"pbx1": 1, "eu-1": 2}, ("pbx1",)) == ["eu-1"]


def test_a_user_has_its_rights_at_each_of_its_servers(folder: Path) -> None:
    user = user_of(folder, "read: [call, agent], write: [call], servers: ['*'], on: {eu-1: {read: [call]}}")
    assert user.servers == ("pbx1", "eu-1", "eu-2")
    assert user.at("pbx1") is user
    assert user.at("eu-1").read < user.read
    assert user.at("eu-1").write == user.write
    assert user.at("none") == user.at("none")
    assert (user.at("none").read, user.at("none").write, user.at("none").rules) == (0, 0, None)


def test_with_upstream_nothing_is_said_about_servers(folder: Path) -> None:
    user = user_of(folder, "read: [call]", servers="")
    assert (user.servers, user.default_server) == ((LONE_SERVER,), "")
    assert user.at(LONE_SERVER) is user


def test_a_user_may_name_all_servers_before_there_are_several(folder: Path) -> None:
    assert user_of(folder, 'read: [call], servers: ["*"]', servers="").servers == (LONE_SERVER,)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("read: [call]", "users.u: there are 3 servers, and the user does not say which it may use; "
                         'add the key servers: [pbx1], or ["*"] for all'),
        ("servers: [us-*]", "users.u.servers: no server of proxy.yaml has such a name; "
                            "it has pbx1, eu-1, eu-2"),
        ("servers: []", 'users.u.servers: names no server; name some, or write ["*"] for all of them'),
        ("servers: null", 'users.u.servers: names no server; name some, or write ["*"] for all of them'),
        ("servers: [PBX1]", "users.u.servers[0]: 'PBX1' matches no server; "
                            "use lower-case letters, digits and hyphens, at most 32: pbx1, or eu-*"),
        ("servers: [pbx1], default_server: eu-1",
         "users.u.default_server: the user may not use eu-1; name one of pbx1"),
        ("servers: ['*'], on: {eu1: {write: []}}",
         "users.u.on.eu1: proxy.yaml has no such server; did you mean 'eu-1'?"),
        ("servers: ['*'], on: {'eu-*': {write: []}}",
         "users.u.on.eu-*: a pattern is not possible here; write an entry for each server"),
        ("servers: ['*'], on: {zzz: {write: []}}",
         "users.u.on.zzz: proxy.yaml has no such server; it has pbx1, eu-1, eu-2"),
    ],
)  # fmt: skip
def test_what_a_user_says_about_servers_must_be_possible(folder: Path, keys: str, expected: str) -> None:
    assert problems_of(folder, keys) == [expected]


@pytest.mark.parametrize("keys", ["servers: [pbx1]", "default_server: pbx1", "on: {pbx1: {read: []}}"])
def test_with_upstream_a_user_can_name_no_server(folder: Path, keys: str) -> None:
    (problem,) = problems_of(folder, keys, servers="")
    assert problem.startswith(f"users.u.{keys.partition(':')[0]}: proxy.yaml has upstream")


def test_users_are_compared_with_the_servers_of_a_proxy_yaml_with_problems(folder: Path) -> None:
    broken = SERVERS.replace("username: amiproxy", "user: amiproxy", 1)
    assert len(problems_of(folder, "servers: [pbx9]", broken)) == 2
    both = "upstream: {username: x, secret_file: upstream.secret}\n" + SERVERS
    assert len(problems_of(folder, "servers: [pbx9]", both)) == 1, "it is unclear which servers there are"


def test_an_unchanged_user_is_built_again_if_its_servers_change(folder: Path) -> None:
    _, users, _ = load(folder / "proxy.yaml")
    lone = table_of(users).find(b"wallboard")
    assert lone is not None
    for before, after in itertools.permutations(
        [ServerNames(), ServerNames(("pbx1",), named=True), ServerNames(("eu-1",), "eu-1", named=True)], 2
    ):
        old = table_of(users, before)
        new = table_of(users, after)
        assert [user.servers for user in old] == [before.names]
        assert [user.servers for user in new] == [after.names]
