"""Listeners with ``door: http``: what does not make sense is named with its place and a remedy."""

import importlib.util
from pathlib import Path

import pytest

from amiproxy.config import load_config
from amiproxy.config.web import values
from tests.config.test_checks import LISTENER, problems_of, write

AMI = f'{{address: "127.0.0.1:5039", {LISTENER}}}'


def http(keys: str, address: str = '"[::]:8089"') -> str:
    return f"[{AMI}, {{address: {address}, door: http, {keys}}}]"


@pytest.mark.parametrize(
    "listeners",
    [
        http(f"doors: [ajam], {LISTENER}"),
        http(
            f"doors: [ajam, api, ws], {LISTENER}, names: [pbx.example.org, '*.example.org', 192.0.2.1, '::1']"
        ),
        http(f"doors: [ajam], prefix: /asterisk, ajam: {{timeout: 15, digest: [SHA-256, MD5]}}, {LISTENER}"),
        http(f"doors: [ws], allowed_origins: ['https://a.example', 'http://[::1]:8080'], {LISTENER}"),
        http(f"doors: [page], {LISTENER}"),
        http(f"doors: [ws], trusted_proxies: [192.0.2.0/24], hsts: 31536000, {LISTENER}"),
        http("doors: [ws], insecure_local: true", '"127.0.0.1:8089"'),
        http("doors: [ws], insecure_local: true", '"[::1]:8089"'),
        http("doors: [ws], insecure_local: true", '"unix:web.sock"'),
        http("doors: [ws], insecure_local: true", '"fd:web"'),
    ],
)
def test_sensible_listeners_are_accepted(folder: Path, listeners: str) -> None:
    assert problems_of(folder, listeners=listeners) == []


@pytest.mark.parametrize(
    ("listeners", "places"),
    [
        (http(LISTENER), ["door"]),
        (http(f"doors: [], {LISTENER}"), ["door"]),
        (http(f"doors: [ajam, ajam], {LISTENER}"), ["doors[1]"]),
        (http(f"doors: [pages], {LISTENER}"), ["doors[0]"]),
        (http(f"doors: [ami], {LISTENER}"), ["doors[0]"]),
        (http("doors: [ws]"), ["certificates"]),
        (http("doors: [ws], insecure_local: true"), ["address"]),
        (http("doors: [ws], insecure_local: true", '"192.0.2.1:8089"'), ["address"]),
        (http(f"doors: [ws], insecure_local: true, {LISTENER}", '"127.0.0.1:8089"'), ["certificates"]),
        (
            http(
                "doors: [ws], insecure_local: true, client_auth: required, client_ca: clients-ca.crt",
                '"[::1]:8089"',
            ),
            ["client_auth"],
        ),
        (http(f"doors: [ws], {LISTENER}", '"unix:web.sock"'), ["address"]),
        (http(f"doors: [ws], trusted_proxies: [0.0.0.0/0], {LISTENER}"), ["trusted_proxies[0]"]),
        (http(f"doors: [ws], trusted_proxies: ['::/0'], {LISTENER}"), ["trusted_proxies[0]"]),
        (http(f"doors: [ws], trusted_proxies: [proxy.example], {LISTENER}"), ["trusted_proxies[0]"]),
        (http(f"doors: [ws], prefix: /asterisk, {LISTENER}"), ["prefix"]),
        (http(f"doors: [ws], ajam: {{timeout: 30}}, {LISTENER}"), ["ajam"]),
        (http(f"doors: [ajam], ajam: {{timeout: 14}}, {LISTENER}"), ["ajam.timeout"]),
        (http(f"doors: [ajam], ajam: {{digest: []}}, {LISTENER}"), ["ajam.digest"]),
        (http(f"doors: [ajam], ajam: {{digest: [MD5, MD5]}}, {LISTENER}"), ["ajam.digest[1]"]),
        (http(f"doors: [ajam], ajam: {{digest: [SHA-1]}}, {LISTENER}"), ["ajam.digest[0]"]),
        (http(f"doors: [ajam], ajam: {{realm: 'a\"b'}}, {LISTENER}"), ["ajam.realm"]),
        (http(f"doors: [ajam], ajam: {{get_login: never}}, {LISTENER}"), ["ajam.get_login"]),
        (http(f"doors: [ajam], names: ['*'], {LISTENER}"), ["names[0]"]),
        (http(f"doors: [ajam], names: ['pbx.example.org:8089'], {LISTENER}"), ["names[0]"]),
        *(
            (http(f"doors: [ajam], prefix: '{prefix}', {LISTENER}"), ["prefix"])
            for prefix in ("asterisk", "/a/", "/a?b", "/", "/a/../b", "/%61")
        ),
        *(
            (http(f"doors: [ws], allowed_origins: ['{origin}'], {LISTENER}"), ["allowed_origins[0]"])
            for origin in (
                "*",
                "null",
                "dash.example",
                "https://dash.example/",
                "https://*.example",
                "https://Dash.example",
                "https://a@dash.example",
                "https://dash.example:443",
                "https://dash.example:x",
                "ftp://dash.example",
            )
        ),
        (f'[{{address: "127.0.0.1:5039", doors: [ajam], {LISTENER}}}]', ["doors"]),
        (
            f'[{{address: "127.0.0.1:5039", names: [a], prefix: /a, hsts: 1, {LISTENER}}}]',
            ["names", "prefix", "hsts"],
        ),
        (f'[{{address: "127.0.0.1:5039", door: ssh, {LISTENER}}}]', ["door"]),
        (f'[{AMI}, {{address: "unix:ami.sock", {LISTENER}}}]', ["address"]),
    ],
)
def test_nonsense_is_named(folder: Path, listeners: str, places: list[str]) -> None:
    problems = problems_of(folder, listeners=listeners)
    named = [problem.partition(": ")[0].partition("].")[2] for problem in problems]
    assert named == places
    assert all("; " in problem for problem in problems)


def test_a_configuration_needs_a_listener_with_a_certificate(folder: Path) -> None:
    only = '[{address: "127.0.0.1:8089", door: http, doors: [ws], insecure_local: true}]'
    assert [problem.partition(":")[0] for problem in problems_of(folder, listeners=only)] == ["listeners"]


def test_two_listeners_must_not_share_a_unix_socket(folder: Path) -> None:
    plain = '{address: "unix:web.sock", door: http, doors: [ws], insecure_local: true}'
    problems = problems_of(folder, listeners=f"[{AMI}, {plain}, {plain}]")
    assert [problem.partition(":")[0] for problem in problems] == ["listeners[2].address"]


def test_a_unix_socket_lies_beside_the_file(folder: Path) -> None:
    plain = '{address: "unix:web.sock", door: http, doors: [ws], insecure_local: true}'
    config = load_config(write(folder, listeners=f"[{AMI}, {plain}]"))
    assert config.listeners[1].address.path == folder / "web.sock"
    assert str(config.listeners[1].address) == f"unix:{folder}/web.sock"
    assert config.tls_listeners == config.listeners[:1]


def test_the_extra_is_named_where_it_is_needed_and_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(values, "find_spec", lambda name: None if name == "h11" else found(name))
    [problem] = problems_of(folder, listeners=http(f"doors: [ajam], {LISTENER}"))
    assert problem.startswith("listeners[1].door: ")
    assert "h11" in problem
    assert "websockets" not in problem
    assert "'.[http]'" in problem
    assert problems_of(folder) == []
