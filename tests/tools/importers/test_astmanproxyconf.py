"""astmanproxy.conf: a proposal for the service, read as AstManProxy 1.30 reads the file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.tools.importers import Imported, import_astmanproxy_conf

SAMPLES = Path(__file__).parent / "samples"

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
        "control": {"socket": "/run/ami-proxy/control.sock"},
    }
    assert result.secrets == {"upstream.secret": b"hunter2"}
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
        ("host=pbx.example.org,5038,u,s,on,off", "link in plain text"),
        ("host=::1,5039,u,s,on,on", "did not verify the certificate of Asterisk"),
        ("listenaddress = somewhere", "listenaddress is not an IPv4 address"),
        ("colour = red", "colour is not a key"),
        ("host=localhost,5038,u,s,off,off", "the link asked for no events"),
        ("filterlocal = enforce", "filterlocal: a user with a channel may not originate to Local channels"),
        ('forcebanner = "Asterisk Call Manager/1.1"', "forcebanner: "),
        ("certfile = /etc/SSL/proxy.pem", "certfile: AstManProxy reads a value without quotes in lower case"),
        ('proxykey = "a;b"', "proxykey: the closing quote is missing"),
    ],
)
def test_differences_of_the_service_are_reported(text: str, part: str) -> None:
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
def test_the_listening_address_is_proposed(text: str, address: str) -> None:
    assert proposal(text)[0]["listeners"][0]["address"] == address


@pytest.mark.parametrize(
    ("line", "username", "secret"),
    [
        ("host = localhost, 5038, amuser, amp ass, on, off", "amuser", b"ampass"),
        ("host = localhost,5038,AmUser,AmP=ss,on,off", "AmUser", b"AmP=ss"),
        ('host = "localhost, 5038, amuser, my secret, on, off"', "amuser", b"my secret"),
        ('host="localhost,5038,am user,Two  Words,on,off" ; quoted', "am user", b"Two  Words"),
        # Inside a value a quote is an ordinary byte.
        ('host = localhost,5038,amuser,am"p"ass,on,off', "amuser", b'am"p"ass'),
        # A comment ends the line even between quotes.
        ('host = "localhost,5038,amuser,my sec#ret,on,off"', "amuser", b"my sec"),
    ],
)
def test_the_secret_is_the_one_that_astmanproxy_sends(line: str, username: str, secret: bytes) -> None:
    proxy, result = proposal(line)
    assert proxy["upstream"]["username"] == username
    assert result.secrets == {"upstream.secret": secret}
    assert secret.decode() not in "\n".join(map(str, result.notes))


@pytest.mark.parametrize(
    ("line", "chain"),
    [
        ("certfile = /etc/ssl/my proxy.pem", "/etc/ssl/myproxy.pem"),
        ("certfile = /etc/SSL/Proxy.pem", "/etc/ssl/proxy.pem"),
        ('certfile = "/etc/SSL/my Proxy, new=1.pem"', "/etc/SSL/my Proxy, new=1.pem"),
        ('certfile = /etc/SSL/"My Proxy".pem', "/etc/ssl/My Proxy"),
        ('CertFile = "/p.pem" and more', "/p.pem"),
    ],
)
def test_a_quoted_value_keeps_its_bytes(line: str, chain: str) -> None:
    assert proposal(line)[0]["listeners"][0]["certificates"][0]["chain"] == chain


def test_every_key_of_1_30_is_known() -> None:
    result = proposal((SAMPLES / "astmanproxy-1.30" / "astmanproxy.conf").read_text())[1]
    assert not [note for note in result.notes if "is not a key that AstManProxy" in note.text]
    assert {note.text.partition(": ")[0] for note in result.notes} >= {"filterlocal", "forcebanner"}


@pytest.mark.parametrize("line", ["filterlocal = off", "forcebanner =", 'forcebanner = ""'])
def test_a_key_that_changes_nothing_is_not_reported(line: str) -> None:
    key = line.split(maxsplit=1)[0]
    assert not [note for note in proposal(line)[1].notes if note.text.startswith(f"{key}: ")]
