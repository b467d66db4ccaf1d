"""AstManProxy's files: users get rules that say what its fields said, and never more."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config import parse_users
from proxy.config.phc import verify
from proxy.importers import Imported, import_astmanproxy_conf, import_astmanproxy_users
from proxy.importers.astmanproxy import DEFAULT_READ, DEFAULT_WRITE


def users(text: str) -> Imported:
    result = import_astmanproxy_users("astmanproxy.users", text, "md5")
    if result.users:
        parse_users(Path("users.yaml"), result.users_yaml())
    return result


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("bill=pass", {}),
        ("steve=pass,PJSIP/snom190", {
            "channels": ["PJSIP/snom190"],
            "scope": {"channels": ["PJSIP/snom190"], "more_events": False}}),
        ("steve=pass,SIP", {"channels": ["SIP/*"], "scope": {"channels": ["SIP/*"], "more_events": False}}),
        ("steve=pass,SIP/", {"channels": ["SIP/*"], "scope": {"channels": ["SIP/*"], "more_events": False}}),
        ("dave=pass,,outbound", {"contexts": ["outbound"]}),
        ("dave=pass,,,incoming", {"scope": {"contexts": ["incoming"], "more_events": False}}),
        ("dave=pass,,,incoming,,,yes", {"scope": {"contexts": ["incoming"], "more_events": True}}),
        ("dave=pass,SIP/1,,incoming", {
            "channels": ["SIP/1"], "scope": {"channels": ["SIP/1"], "more_events": False}}),
        ("dave=pass,,,,billing", {"rules": [{"action": "Originate", "header": "Account", "set": "billing"}]}),
        ("dave = pass , , , , , , on ; all that goes on", {}),
    ],
)  # fmt: skip
def test_a_field_becomes_a_rule(line: str, rules: dict[str, object]) -> None:
    result = users(line)
    [found] = result.users.values()
    assert found == {"md5_secret": "pass", "read": list(DEFAULT_READ), "write": list(DEFAULT_WRITE), **rules}


def test_lines_are_read_as_astmanproxy_reads_them() -> None:
    result = users("; comment\n# comment\n\n a b = s e=c #ret\nc=d\r\n")
    assert {name: entry["md5_secret"] for name, entry in result.users.items()} == {"ab": "sec", "c": "d"}


@pytest.mark.parametrize(
    ("text", "level", "part"),
    [
        ("a=s,SIP/10", "changed", "was the beginning of a channel's name"),
        ("a=s,,local", "changed", "AstManProxy looked at Context alone"),
        ("a=s,SIP/1,,in", "changed", "in all contexts, not only in in"),
        ("a=s,,,,,pbx2", "lost", "prefers the server pbx2"),
        ("a=", "lost", "AstManProxy lets in everybody"),
        ("=x", "lost", "a user's name is empty"),
        ("a=1\nA=2", "changed", "the user stands twice"),
        ("a=1,b|c", "lost", "comes over disabled"),
        ("a=1,,two&three", "lost", "comes over disabled"),
        ("a=1,,,,caf\udce9", "lost", "comes over disabled"),
        ("a=\udce9", "lost", "no text that YAML can hold"),
        ("a=1", "changed", "let every user run any action"),
    ],
)
def test_what_is_different_is_told(text: str, level: str, part: str) -> None:
    assert [note.level for note in users(text).notes if part in note.text] == [level]


@pytest.mark.parametrize("line", ["a=1,b|c", "a=1,,two&three", "a=1,,,a&b", "a=1,,,,caf\udce9"])
def test_a_user_whose_bounds_cannot_be_said_comes_over_disabled(line: str) -> None:
    assert users(line).users["a"]["disabled"] is True


def test_the_last_line_of_a_user_counts() -> None:
    assert users("a=1\nA=2").users == {
        "a": {"md5_secret": "2", "read": list(DEFAULT_READ), "write": list(DEFAULT_WRITE)}
    }


def test_secrets_are_hashed_and_classes_chosen() -> None:
    result = import_astmanproxy_users("f", "a=hunter2", "argon2id", ("call",), ())
    assert verify(str(result.users["a"]["secret"]), b"hunter2")
    assert result.users["a"]["read"] == ["call"]
    assert result.users["a"]["write"] == []
    report = "\n".join(map(str, result.notes))
    assert "Challenge" in report
    assert "hunter2" not in report


_CONF = """\
; a representative configuration
host = localhost, 5038, panel, hunter2, on, off
listenaddress = *
listenport = 1234
certfile = /var/lib/asterisk/certs/proxy-server.pem
acceptunencryptedconnection = yes
authrequired = no
proxykey = foobar
inputformat = standard
outputformat = xml
autofilter = off
retryinterval = 2
maxretries = 0
"""


def proposal(text: str) -> tuple[Any, Imported]:
    result = import_astmanproxy_conf("astmanproxy.conf", text)
    return yaml.safe_load(result.proxy_yaml()), result


def test_the_service_is_proposed() -> None:
    proxy, result = proposal(_CONF)
    pem = "/var/lib/asterisk/certs/proxy-server.pem"
    assert proxy == {
        "upstream": {
            "host": "127.0.0.1",
            "port": 5038,
            "username": "panel",
            "secret_file": "upstream.secret",
        },
        "listeners": [{"address": "0.0.0.0:1234", "certificates": [{"chain": pem, "key": pem}]}],
        "users_file": "users.yaml",
    }
    assert result.upstream_secret == b"hunter2"
    report = "\n".join(map(str, result.notes))
    assert "hunter2" not in report + repr(result)
    assert "foobar" not in report
    for key in ("acceptunencryptedconnection", "authrequired", "proxykey", "outputformat", "autofilter"):
        assert f"{key}: " in report
    for key in ("inputformat", "maxretries"):
        assert f"{key}: " not in report


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("host=pbx.example.org,5038,u,s,on,off", "a link in plain text"),
        ("host=::1,5038,u,s,on,on", "not TLS"),
        ("host=localhost,5038,u,s,on,off\nhost=pbx2,5038,u,s,on,off", "a further Asterisk, pbx2"),
        ("listenaddress = somewhere", "listenaddress is no address"),
        ("colour = red", "colour is no key"),
    ],
)
def test_what_the_service_does_differently_is_told(text: str, part: str) -> None:
    assert [note for note in proposal(text)[1].notes if part in note.text]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "0.0.0.0:1234"),
        ("listenaddress=192.0.2.1\nlistenport=9", "192.0.2.1:9"),
        ("listenport=99999", "0.0.0.0:1234"),
        ("listenaddress=::1", "0.0.0.0:1234"),
    ],
)
def test_where_it_listens(text: str, address: str) -> None:
    assert proposal(text)[0]["listeners"][0]["address"] == address
