"""The changes that a reload would make, by name and key."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.config import Config, UsersFile, load, load_config, parse_users
from amiproxy.config.differences import Differences, differences, needs_restart
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.core.model.phc import dummy_hash

HASH = dummy_hash()


def both(folder: Path) -> tuple[Config, UsersFile]:
    return load(folder / "proxy.yaml")[:2]


def with_lines(folder: Path, *lines: str) -> Config:
    with (folder / "proxy.yaml").open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return both(folder)[0]


def test_equal_files_have_no_differences(folder: Path) -> None:
    found = differences(both(folder), both(folder))
    assert not found
    assert found.lines() == []


def test_keys_are_named_and_values_are_not(folder: Path) -> None:
    old = both(folder)
    new = with_lines(folder, "limits: {sessions_per_user: 7, action_rate: 9}", "log: {level: debug}")
    found = differences(old, (new, old[1]))
    assert found.keys == ("limits.sessions_per_user", "limits.action_rate", "log.level")
    assert found.lines()[0] == "changed limits.sessions_per_user"


def users(text: str) -> UsersFile:
    return parse_users(Path("users.yaml"), text.encode())


def test_users_are_added_removed_and_changed_by_key(folder: Path) -> None:
    config, _ = both(folder)
    old = users(f'users: {{a: {{secret: "{HASH}"}}, b: {{secret: "{HASH}", read: [call]}}}}')
    new = users(f'users: {{b: {{md5_secret: "{"s" * 30}"}}, c: {{secret: "{HASH}"}}}}')
    found = differences((config, old), (config, new))
    assert found == Differences((), ("c",), ("a",), (("b", ("secret", "md5_secret", "read")),))
    assert found.lines() == ["added user c", "removed user a", "changed user b: secret, md5_secret, read"]


def test_users_whose_pattern_matches_another_server_are_changed(folder: Path) -> None:
    file = folder / "proxy.yaml"
    server = "{username: a, secret_file: upstream.secret}"
    text = file.read_text().partition("\n")[2]
    file.write_text(f"servers: {{pbx1: {server}}}\n{text}")
    one = load_config(file)
    file.write_text(f"servers: {{pbx1: {server}, pbx2: {server}}}\n{text}")
    two = load_config(file)
    found = users(f'''users:
      all: {{secret: "{HASH}", servers: ["*"]}}
      one: {{secret: "{HASH}", servers: [pbx1]}}
    ''')
    for old, new in ((one, two), (two, one)):
        assert differences((old, found), (new, found)).users_changed == (("all", ("servers",)),)
        assert needs_restart(old, new) == []


@given(secret=st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=24, max_size=40))
def test_no_secret_is_ever_shown(secret: str) -> None:
    config = object()
    old = users(f'users: {{b: {{secret: "{HASH}"}}}}')
    new = users(f'users: {{b: {{md5_secret: "{secret}", setvar: {{PIN: "{secret}"}}}}}}')
    found = differences((config, old), (config, new))  # type: ignore[arg-type]
    assert found
    assert secret not in repr(found)
    assert HASH not in repr(found)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["metrics: {address: '127.0.0.1:1'}"],
            ["metrics: changes only with a restart: its socket is bound"],
        ),
        (["control: {socket: c.sock}"], ["control: changes only with a restart: its socket is bound"]),
        (
            ["limits: {hash_threads: 4, connections: 2000}"],
            ["limits.hash_threads: changes only with a restart"],
        ),
        (["limits: {connections: 2000}"], []),
        (["fan_out: {flush_interval: 0}", "log: {format: json}", "tls: {policy: modern}"], []),
    ],
)
def test_changes_that_need_a_restart_are_named(folder: Path, lines: list[str], says: list[str]) -> None:
    old, _ = both(folder)
    told = needs_restart(old, with_lines(folder, *lines))
    assert len(told) == len(says)
    assert all(line.startswith(start) for line, start in zip(told, says, strict=True))


def test_a_listener_may_change_its_certificates_but_not_its_address(folder: Path) -> None:
    old, _ = both(folder)
    file = folder / "proxy.yaml"
    text = file.read_text()
    file.write_text(text.replace("chain: server.crt", "chain: clients-ca.crt"))
    assert needs_restart(old, both(folder)[0]) == []
    file.write_text(text.replace("users_file", "    proxy_protocol: [192.0.2.10]\nusers_file"))
    assert needs_restart(old, both(folder)[0]) == []
    assert differences((old, UsersFile(users={})), (both(folder)[0], UsersFile(users={}))).keys == (
        "listeners[0].proxy_protocol",
    )
    file.write_text(text.replace("127.0.0.1:0", "127.0.0.1:5039"))
    (told,) = needs_restart(old, both(folder)[0])
    assert told.startswith("listeners[0].address: ")


def test_an_additional_listener_needs_a_restart(folder: Path) -> None:
    old, _ = both(folder)
    more = '  - {address: "127.0.0.1:0", certificates: [{chain: server.crt, key: server.key}]}\n'
    file = folder / "proxy.yaml"
    file.write_text(file.read_text().replace("users_file", more + "users_file"))
    (told,) = needs_restart(old, both(folder)[0])
    assert told.startswith("listeners: ")


@pytest.mark.parametrize(
    ("old", "new", "needs"),
    [
        ("doors: [ajam]", "doors: [ajam, ws]", ["doors"]),
        ("door: http", "door: ami", ["door"]),
        ("insecure_local: true", "insecure_local: false", ["insecure_local"]),
        ("prefix: /a", "prefix: /b", []),
        ("prefix: /a", "prefix: /a, names: [b.example], hsts: 7", []),
        ("prefix: /a", "prefix: /a, allowed_origins: ['https://b.example']", []),
        ("prefix: /a", "prefix: /a, trusted_proxies: [127.0.0.1]", []),
        ("prefix: /a", "prefix: /a, ajam: {timeout: 30, get_login: refuse}", []),
    ],
)
def test_a_listener_for_http_may_change_all_but_what_it_serves(
    folder: Path, old: str, new: str, needs: list[str]
) -> None:
    http = "{address: '127.0.0.1:0', door: http, doors: [ajam], insecure_local: true, prefix: /a}"
    config = yaml.safe_load((folder / "proxy.yaml").read_text())
    before = convert(config, yaml.safe_load(http))
    after = convert(config, yaml.safe_load(http.replace(old, new)))
    named = [
        line.partition(": ")[0].partition("].")[2].partition("[")[0] for line in needs_restart(before, after)
    ]
    assert named == needs


def convert(config: dict[str, Any], http: dict[str, Any]) -> Config:
    """A configuration with one more listener, as typed and not checked."""
    config = {**config, "listeners": [{**http, "address": ["127.0.0.1", 0, ""]}]}
    return msgspec.convert(config, Config, dec_hook=lambda kind, value: kind(value))


FLEET = """\
fleet:
  role: edge
  name: one
  engines: [nats1]
  ca: server.crt
  seed_file: one.seed
  token_key_file: token.key
  servers: {berlin: {agents: [a]}}
"""


def test_the_part_in_a_fleet_is_fixed_and_its_other_settings_are_not(folder: Path) -> None:
    for name, text in (("one.seed", seed_of(bytes(32)).decode()), ("token.key", "0" * 32)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    file = folder / "proxy.yaml"
    text = file.read_text().partition("\n")[2]
    server = "servers: {pbx1: {username: a, secret_file: upstream.secret}}\n"
    file.write_text(server + text)
    without = load_config(file)
    file.write_text(server + text + FLEET)
    one = load_config(file)
    assert [line.partition(":")[0] for line in needs_restart(without, one)] == ["fleet"]
    assert [line.partition(":")[0] for line in needs_restart(one, without)] == ["fleet"]
    file.write_text(
        server
        + text
        + FLEET.replace("name: one", "name: two\n  max_lag: 3\n  prefix: x").replace("[a]", "[a, b]")
    )
    two = load_config(file)
    none = UsersFile(users={})
    keys = ("fleet.name", "fleet.prefix", "fleet.max_lag", "fleet.servers.berlin.agents")
    assert differences((one, none), (two, none)).keys == keys
    assert [line.partition(":")[0] for line in needs_restart(one, two)] == list(keys[:2])
