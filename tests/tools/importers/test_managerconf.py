"""manager.conf: how every key is imported, what is reported, and that users.yaml accepts the result."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.config import UsersFile, parse_users
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.phc import verify
from amiproxy.tools.importers import Imported, SecretForm, findings, import_manager_conf

_GENERAL = "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n"


def imported(text: str, form: SecretForm = "md5", **others: str) -> Imported:
    def files(name: str) -> Sequence[tuple[str, str]]:
        return [(f"{key}.conf", content) for key, content in others.items() if f"{key}.conf" == name]

    return import_manager_conf("manager.conf", text, files, form)


def table(result: Imported) -> UsersFile:
    """The written text as the service reads it: ConfigErrors would fail the test."""
    return parse_users(Path("users.yaml"), result.users_yaml())


def entry(lines: str, **others: str) -> dict[str, Any]:
    result = imported(f"{_GENERAL}[u]\nsecret = s3cret\n{lines}", **others)
    table(result)
    return dict(result.users["u"])


def said(result: Imported) -> list[str]:
    """The report without the notes of every import."""
    return [
        str(note)
        for note in result.notes
        if not note.text.startswith(("no certificate", "the proxy logs in", "secrets were hashed"))
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", {"read": [], "write": []}),
        ("read = call,agent\nwrite = all", {"read": ["call", "agent"], "write": "all"}),
        ("read = all\nread = call", {"read": ["call"]}),
        ("deny = 0.0.0.0/0.0.0.0\npermit = 10.0.0.0/255.0.0.0",
         {"acl": ["deny 0.0.0.0/0.0.0.0", "permit 10.0.0.0/255.0.0.0"]}),
        ("permit => 10.0.0.0/8,!10.1.0.0/16", {"acl": ["permit 10.0.0.0/8,!10.1.0.0/16"]}),
        ("setvar = A=1\nsetvar = B=x y", {"setvar": {"A": "1", "B": "x y"}}),
        ("setvar = A=1\nsetvar = A=2", {"setvar": {"A": "1"}}),
        ("allowmultiplelogin = no", {"allowmultiplelogin": False}),
        ("eventfilter = Event: Newchannel\neventfilter = !Channel: DAHDI/",
         {"eventfilter": ["Event: Newchannel", "!Channel: DAHDI/"]}),
        ("eventfilter(name(Newchannel)) =", {"eventfilter": [{"name": "Newchannel"}]}),
        ("eventfilter(action(exclude),header(Channel),method(starts_with)) = Local/",
         {"eventfilter": [
             {"action": "exclude", "header": "Channel", "method": "starts_with", "match": "Local/"}]}),
        ("eventfilter(name(X),method(contains)) = !y",
         {"eventfilter": [{"name": "X", "method": "contains", "action": "exclude", "match": "y"}]}),
    ],
)  # fmt: skip
def test_a_key_is_imported(lines: str, expected: dict[str, object]) -> None:
    found = entry(lines)
    for key, value in expected.items():
        assert found[key] == value


@pytest.mark.parametrize(
    ("lines", "level", "part"),
    [
        ("read = call, agent", "changed", "read: agent is next to a blank"),
        ("write = c,dtmf", "changed", "write: Asterisk reads this line as granting"),
        ("writetimeout = 5000", "fyi", "writetimeout is not needed"),
        ("displayconnects = no", "fyi", "displayconnects is not needed"),
        ("setvar = CDR(userfield)=x", "lost", "setvar CDR(userfield) is not a plain variable"),
        ("setvar = A=1\nsetvar = A=2", "changed", "setvar A appears twice"),
        ("eventfilter =", "lost", "the eventfilter is invalid"),
        ("eventfilter(sorted) = x", "lost", "the eventfilter is invalid"),
        ("port = 5038", "lost", "port has no effect in a user's section"),
        ("colour = red", "lost", "colour is not a key that Asterisk knows"),
        ("deny = 0.0.0.0/0", "changed", "all of IPv4 or all of IPv6 is denied"),
        ("#exec /bin/true", "lost", "#exec is not run"),
    ],
)
def test_differences_are_reported_with_their_place(lines: str, level: str, part: str) -> None:
    found = [note for note in imported(f"{_GENERAL}[u]\nsecret=s\n{lines}").notes if part in note.text]
    assert [note.level for note in found] == [level]
    assert found[0].place.startswith("manager.conf:")


@pytest.mark.parametrize(
    "line",
    ["deny = not-a-network", "permit = 10.0.0.0/33", r"eventfilter = \(a\)\1", "eventfilter = ("],
)
def test_a_user_that_might_get_more_rights_than_before_is_disabled(line: str) -> None:
    found = entry(line)
    assert found["disabled"] is True
    if "acl" in found:
        assert not AccessList.from_lines(found["acl"]).allows("10.0.0.1")


@pytest.mark.parametrize(
    ("acl_conf", "lines", "allowed", "refused"),
    [
        ("[office]\ndeny=0.0.0.0/0\npermit=10.0.0.0/8", "acl = office", "10.1.1.1", "192.0.2.1"),
        ("[office]\ndeny=0.0.0.0/0\npermit=10.0.0.0/8",
         "acl=office\ndeny=10.1.0.0/16", "10.2.0.1", "10.1.1.1"),
        ("[a]\ndeny=0.0.0.0/0\npermit=10.0.0.0/8\n[b]\ndeny=0.0.0.0/0\npermit=10.1.0.0/16\npermit=192.0.2.0/24",
         "acl=a\nacl=b", "10.1.0.1", "192.0.2.1"),
        ("[a]\ndeny=0.0.0.0/0\npermit=10.0.0.0/8\n[b]\ndeny=0.0.0.0/0\npermit=10.1.0.0/16\n[c]\ndeny=10.1.2.0/24",
         "acl=a, b,c", "10.1.0.1", "10.1.2.1"),
        ("[a]\ndeny=0.0.0.0/0\npermit=10.0.0.0/8\n[b]\ndeny=0.0.0.0/0\npermit=10.1.0.0/16",
         "acl=a,b", "10.1.0.1", "10.2.0.1"),
        ("[a]\npermit=10.0.0.0/8", "acl=a,gone", None, "10.0.0.1"),
        ("[a]\npermit=10.0.0.0/8\n[b]\npermit=10.0.0.0/8", "acl=a ,b", None, "10.0.0.1"),
        ("[a]\npermit=10.0.0.0/8", "acl=a,", None, "10.0.0.1"),
        ("[office]\npermit=nonsense", "acl = office", None, "10.0.0.1"),
        ("", "acl = office", None, "10.0.0.1"),
    ],
)  # fmt: skip
def test_named_lists_of_acl_conf_are_imported(
    acl_conf: str, lines: str, allowed: str | None, refused: str
) -> None:
    access = AccessList.from_lines(entry(lines, acl=acl_conf)["acl"])
    assert not access.allows(refused)
    assert allowed is None or access.allows(allowed)


@pytest.mark.parametrize("lines", ["acl=a,b,A", "acl=a\nacl=b,a"])
def test_a_list_named_twice_drops_the_user_as_in_asterisk(lines: str) -> None:
    found = entry(lines, acl="[a]\npermit=10.0.0.0/8\n[A]\npermit=::1\n[b]\npermit=10.0.0.0/8")
    assert found["disabled"] is True
    assert not AccessList.from_lines(found["acl"]).allows("10.0.0.1")


def test_the_same_finding_of_many_users_is_one_line() -> None:
    deny = "secret=s\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1\nwritetimeout=100\n"
    many = "".join(f"[u{number}]\n{deny}" for number in range(30))
    result = imported(f"{_GENERAL}{many}[odd]\nsecret=s\nread=call,agnet\n")
    told = [str(finding) for finding in findings(result.notes)]
    assert len([line for line in told if "all of IPv4 or all of IPv6 is denied" in line]) == 1
    assert len([line for line in told if "writetimeout" in line]) == 1
    assert any("user odd: read: agnet is not a class" in line for line in told)
    assert len(told) < 8


def test_secrets_are_hashed_unless_told_otherwise() -> None:
    text = f"{_GENERAL}[u]\nsecret = p;w\n[v]\nsecret=caf\udce9\n"
    hashed = imported(text, "argon2id")
    assert verify(str(hashed.users["u"]["secret"]), b"p")
    assert verify(str(hashed.users["v"]["secret"]), b"caf\xe9")
    assert any("Challenge" in note.text for note in hashed.notes)
    plain = imported(text, "md5")
    assert plain.users["u"]["md5_secret"] == "p"
    # YAML cannot hold bytes that are not text.
    assert "v" not in plain.users
    assert not any("Challenge" in note.text for note in plain.notes)


def test_no_secret_is_ever_in_the_report() -> None:
    lines = "secret = hunter2\nread=hunter, x\nacl=gone\nsetvar=A(b)=c\neventfilter=(\nfoo=bar\n"
    result = imported(f"{_GENERAL}[u]\n{lines}[v]\nsecret=hunter2\udcff\n")
    assert "hunter2" not in "\n".join(map(str, result.notes))
    assert "hunter2" not in repr(result.notes)


def test_users_without_a_usable_secret_are_not_imported() -> None:
    result = imported(
        f"{_GENERAL}[open]\nread=all\n[empty]\nsecret=\n[t](!)\nsecret=s\n[amiproxy]\nsecret=s\n"
    )
    assert result.users == {}
    assert [note.user for note in result.notes if note.level == "lost"] == ["open", "empty"]


def test_two_sections_of_one_user_are_merged_as_in_asterisk() -> None:
    result = imported(f"{_GENERAL}[U]\nsecret=a\nread=call\ndeny=0.0.0.0/0\n[u]\nwrite=call\npermit=::1\n")
    assert list(result.users) == ["U"]
    assert result.users["U"]["read"] == ["call"]
    assert result.users["U"]["write"] == ["call"]
    assert result.users["U"]["acl"] == ["permit ::1"]
    assert any("more than one section" in line for line in said(result))


def test_allowmultiplelogin_in_general_is_the_default_of_users() -> None:
    result = imported(
        "[general]\nallowmultiplelogin = no\n[a]\nsecret=s\n[b]\nsecret=s\nallowmultiplelogin=yes\n"
    )
    assert result.users["a"]["allowmultiplelogin"] is False
    assert "allowmultiplelogin" not in result.users["b"]


def test_users_of_users_conf_are_reported() -> None:
    result = imported(_GENERAL, users="[6001]\nhasmanager = yes\nsecret = x\n")
    assert any("hasmanager" in line for line in said(result))
    assert said(imported(_GENERAL, users="[6001]\nhassip = yes\n")) == []


def proposal(general: str) -> tuple[Any, list[str]]:
    result = imported(f"[general]\n{general}\n")
    return yaml.safe_load(result.proxy_yaml()), [note.text for note in result.notes]


@pytest.mark.parametrize(
    ("general", "look", "expected"),
    [
        ("", lambda p: p["upstream"]["port"], 5038),
        ("port = 15038", lambda p: p["upstream"]["port"], 15038),
        ("port = none", lambda p: p["upstream"]["port"], 5038),
        ("", lambda p: p["listeners"][0]["address"], "[::]:5039"),
        ("tlsbindaddr = 0.0.0.0:6000", lambda p: p["listeners"][0]["address"], "0.0.0.0:6000"),
        ("tlsbindaddr = 192.0.2.1", lambda p: p["listeners"][0]["address"], "192.0.2.1:5039"),
        ("tlsbindaddr = [2001:db8::1]:6000", lambda p: p["listeners"][0]["address"], "[2001:db8::1]:6000"),
        ("tlsbindaddr = ::", lambda p: p["listeners"][0]["address"], "[::]:5039"),
        ("tlsbindaddr = somewhere", lambda p: p["listeners"][0]["address"], "[::]:5039"),
        ("sslbindport = 6001", lambda p: p["listeners"][0]["address"], "[::]:6001"),
        ("tlscertfile = /c.pem\ntlsprivatekey = /k.pem",
         lambda p: p["listeners"][0]["certificates"], [{"chain": "/c.pem", "key": "/k.pem"}]),
        ("sslcert = /c.pem",
         lambda p: p["listeners"][0]["certificates"], [{"chain": "/c.pem", "key": "/c.pem"}]),
        ("authtimeout = 20\nauthlimit = 8",
         lambda p: p["limits"],
         {"login_timeout": 20, "unauthenticated": 8, "unauthenticated_per_address": 8}),
    ],
)  # fmt: skip
def test_general_becomes_a_proposal(general: str, look: Callable[[Any], object], expected: object) -> None:
    assert look(proposal(general)[0]) == expected


@pytest.mark.parametrize(
    ("general", "part"),
    [
        ("enabled = no", "the manager is not enabled"),
        ("bindaddr = 0.0.0.0", "open to other hosts"),
        ("webenabled = yes", "AJAM"),
        ("tlsenable = yes", "Asterisk's own TLS"),
        ("tlscipher = ALL", "tlscipher is not carried over"),
        ("tlsdisablev1 = no", "tlsdisablev1 is not carried over"),
        ("disabledevents = RTCPSent,OriginateResponse", "the proxy needs OriginateResponse"),
        ("disabledevents = RTCPSent", "disabledevents stays in effect"),
        ("timestampevents = yes", "timestampevents is not carried over: it stays in effect"),
        ("tlsbindaddr = somewhere", "tlsbindaddr is not an address"),
        ("sslcert = /c.pem", "certificate and key are in one file"),
        ("flavour = vanilla", "flavour is not a known key of [general]"),
    ],
)
def test_differences_of_the_service_are_reported(general: str, part: str) -> None:
    assert [text for text in proposal(general)[1] if part in text]
    quiet = proposal("enabled=yes\nbindaddr=127.0.0.1\nwebenabled=no\ntlsenable=no")[1]
    assert not [text for text in quiet if part in text]
