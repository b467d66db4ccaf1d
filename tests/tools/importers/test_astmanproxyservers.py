"""Several Asterisks of AstManProxy: their names, and what users may use."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.config import parse_users
from amiproxy.tools.importers import (
    Imported,
    astmanproxy_servers,
    import_astmanproxy_conf,
    import_astmanproxy_users,
)
from amiproxy.tools.importers.astmanproxyservers import names_of

TWO = """\
host = localhost, 5038, panel, hunter2, on, off
host = PBX2.example.org, 5039, other, s3cret, off, on
"""


def proposal(text: str) -> tuple[Any, Imported]:
    result = import_astmanproxy_conf("astmanproxy.conf", text)
    return yaml.safe_load(result.proxy_yaml()), result


def users(text: str, conf: str | None = None) -> Imported:
    servers = None if conf is None else astmanproxy_servers(conf)
    result = import_astmanproxy_users("astmanproxy.users", text, "md5", servers=servers)
    parse_users(Path("users.yaml"), result.users_yaml())
    return result


def texts(result: Imported, level: str) -> str:
    return "\n".join(str(note) for note in result.notes if note.level == level)


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (["pbx1.example.org", "pbx2.example.org"], ["pbx1", "pbx2"]),
        (
            ["pbx.north.example.org", "pbx.south.example.org"],
            ["pbx-north-example-org", "pbx-south-example-org"],
        ),
        (["192.168.1.173", "localhost", "fe80::1"], ["192-168-1-173", "localhost", "fe80-1"]),
        (["localhost", "localhost"], ["localhost-1", "localhost-2"]),
        (["pbx_1", "pbx-1", "_", ""], ["pbx-1", "pbx-1-2", "server", "server-2"]),
        (["a" * 40, "a" * 39 + "b"], ["a" * 32, "a" * 30 + "-2"]),
    ],
)
def test_names_are_made_from_hosts(hosts: list[str], names: list[str]) -> None:
    assert names_of([(host, number) for number, host in enumerate(hosts, 1)]) == names


def test_several_hosts_become_servers_with_secrets_of_their_own() -> None:
    proxy, result = proposal(TWO)
    assert "upstream" not in proxy
    assert proxy["servers"] == {
        "localhost": {
            "host": "127.0.0.1",
            "port": 5038,
            "username": "panel",
            "secret_file": "localhost.secret",
        },
        "pbx2": {
            "host": "pbx2.example.org",
            "port": 5039,
            "username": "other",
            "secret_file": "pbx2.secret",
            "tls": {"ca": "certs/pbx2-ca.crt"},
        },
    }
    assert proxy["default_server"] == "localhost"
    assert result.secrets == {"localhost.secret": b"hunter2", "pbx2.secret": b"s3cret"}
    assert "s3cret" not in repr(result) + texts(result, "fyi") + texts(result, "changed")
    changed = texts(result, "changed")
    assert "astmanproxy.conf:1: changed: an action without Server goes to localhost" in changed
    assert "astmanproxy.conf:2: changed: the server pbx2.example.org is called pbx2 now" in changed
    assert "to certs/pbx2-ca.crt" in changed
    assert "write on: {pbx2: {read: []}}" in changed
    assert texts(result, "lost") == ""


def test_a_plain_link_to_another_host_needs_a_decision() -> None:
    proxy, result = proposal(TWO + "host = 192.0.2.7, 5038, u, s, on, off\n")
    assert proxy["servers"]["192-0-2-7"] == {
        "host": "192.0.2.7",
        "port": 5038,
        "username": "u",
        "secret_file": "192-0-2-7.secret",
    }
    assert (
        "astmanproxy.conf:3: changed: Asterisk was reached at 192.0.2.7, over a link in plain text"
        in texts(result, "changed")
    )


@pytest.mark.parametrize(
    ("line", "host", "tls"),
    [
        ("host=pbx.example.org,5039,u,s,on,on", "pbx.example.org", {"ca": "certs/upstream-ca.crt"}),
        ("host=localhost,5039,u,s,on,on", "127.0.0.1", {"ca": "certs/upstream-ca.crt", "name": "localhost"}),
        ("host=pbx.example.org,5038,u,s,on,off", "127.0.0.1", None),
    ],
)
def test_one_host_becomes_the_upstream(line: str, host: str, tls: dict[str, str] | None) -> None:
    proxy, _ = proposal(line)
    assert "servers" not in proxy
    assert proxy["upstream"]["host"] == host
    assert proxy["upstream"].get("tls") == tls


def test_a_user_may_use_the_server_that_it_preferred_otherwise_all() -> None:
    result = users("a=s,,,,,pbx2.example.org\nb=s\nc=s,,,,,elsewhere\n", TWO)
    assert {name: entry["servers"] for name, entry in result.users.items()} == {
        "a": ["pbx2"],
        "b": ["*"],
        "c": ["*"],
    }
    changed = texts(result, "changed")
    assert "user a: preferred one server and saw events of all" in changed
    assert "user b: may use all servers" in changed
    assert "prefers the server elsewhere, which astmanproxy.conf does not have" in texts(result, "lost")


def test_a_user_may_use_all_servers_at_the_host_that_it_preferred() -> None:
    conf = "host=pbx,5038,u,s,on,on\nhost=pbx,5138,u,s,on,on\nhost=other,5038,u,s,on,on\n"
    assert users("a=s,,,,,pbx", conf).users["a"]["servers"] == ["pbx-5038", "pbx-5138"]


def test_users_of_one_server_name_none() -> None:
    result = users("a=s,,,,,localhost\nb=s\nc=s,,,,,elsewhere\n", "host = localhost, 5038, u, s, on, off")
    assert not [entry for entry in result.users.values() if "servers" in entry]
    assert texts(result, "lost").count("prefers the server") == 1


def test_without_astmanproxy_conf_names_are_made_from_the_preferred_hosts() -> None:
    result = users("a=s,,,,,pbx2.example.org\nb=s\n")
    assert {name: entry["servers"] for name, entry in result.users.items()} == {"a": ["pbx2"], "b": ["*"]}
    assert "astmanproxy.conf is not in the same folder" in texts(result, "changed")
    assert "servers" not in users("b=s\n").users["b"]
