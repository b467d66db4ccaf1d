"""Names are parsed as people type them, and compared as clients compare them."""

import pytest

from amiproxy.x509.errors import BadName
from amiproxy.x509.names import covers, format_name, lost_names, parse_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pbx.example", "dns:pbx.example"),
        ("PBX.Example", "dns:pbx.example"),
        ("*.example.org", "dns:*.example.org"),
        ("localhost", "dns:localhost"),
        ("dns:10.0.0.1.example", "dns:10.0.0.1.example"),
        ("192.0.2.7", "ip:192.0.2.7"),
        ("::1", "ip:::1"),
        ("[2001:DB8::1]", "ip:2001:db8::1"),
        ("ip:10.0.0.1", "ip:10.0.0.1"),
        ("ops@example.org", "email:ops@example.org"),
        ("spiffe://a/b", "uri:spiffe://a/b"),
        ("urn:pbx:7", "uri:urn:pbx:7"),
    ],
)
def test_a_name_is_parsed_and_normalised(text: str, name: str) -> None:
    assert format_name(parse_name(text)) == name
    assert parse_name(name) == parse_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns:",
        "a b",
        "a\nb",
        "-a.example",
        "a..b",
        "*.org",
        "a.*.org",
        "ip:x",
        "email:a@",
        "uri:x",
        "ü.de",
    ],
)
def test_an_invalid_name_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse_name(text)


@pytest.mark.parametrize(
    ("wanted", "covered"),
    [
        ("dns:a.example", True),
        ("dns:A.EXAMPLE.", True),
        ("dns:x.w.example", True),
        ("dns:w.example", False),
        ("dns:y.x.w.example", False),
        ("ip:10.0.0.1", True),
        ("ip:10.0.0.2", False),
        ("dns:10.0.0.1", False),
    ],
)
def test_a_certificate_covers_its_names_and_wildcards(wanted: str, covered: bool) -> None:
    assert covers(["dns:a.example", "dns:*.w.example", "ip:10.0.0.1"], wanted) is covered


def test_replacing_a_wildcard_by_its_hosts_loses_the_wildcard() -> None:
    assert lost_names(["dns:*.a.example"], ["dns:x.a.example"]) == ("dns:*.a.example",)
    assert lost_names(["dns:x.a.example"], ["dns:*.a.example"]) == ()
