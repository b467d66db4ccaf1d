"""Each hole of Asterisk's AJAM: open there, closed at the proxy."""

import re
import time
from xml.etree import ElementTree

import pytest

from tests.asterisk.ajam.door import PREFIX, AjamDoor, digest
from tests.asterisk.door import SECRETS
from tests.support.raw_http import Closed

PING = f"{PREFIX}/arawman?action=ping"
LOGIN = {"action": "login", "username": "proxy", "secret": SECRETS["proxy"]}


def test_a_digest_nonce_is_a_cookie_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        proof = digest(http)
        assert http.ask(PING, proof.header(PING)).status == 200
        seen = http.ask(f"{PREFIX}/rawman?action=command&command=core%20show%20uptime", cookie=proof.nonce)
        assert (b"System uptime" in seen.body) is not either.is_ours
        for part in (proof.nonce[:32], proof.nonce[-32:]):
            assert (
                b"Pong" in http.ask(f"{PREFIX}/rawman?action=ping", cookie=part).body
            ) is not either.is_ours


def test_a_captured_digest_runs_other_actions_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        line = digest(http).header(PING)
        assert http.ask(PING, line).status == 200
        other = http.ask(f"{PREFIX}/arawman?action=corestatus", line)
        replayed = http.ask(PING, line)
        if either.is_ours:
            assert (other.status, replayed.status) == (401, 401)
        else:
            # Asterisk compares no target; it refuses a repeated count only of a nonce that it knows.
            fresh = digest(http)
            target = f"{PREFIX}/arawman?action=corestatus"
            assert b"CoreStartupDate" in http.ask(target, fresh.header(PING)).body


def test_a_nonce_of_the_clients_own_is_accepted_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        answer = http.ask(PING, digest(http).header(PING, nonce="0badcafe", opaque="0badcafe"))
        assert answer.status == (401 if either.is_ours else 200)


def test_a_key_known_before_a_login_is_good_after_it_at_asterisk_only(either: AjamDoor) -> None:
    with either.browser() as victim, either.connect() as attacker:
        known = attacker.ask(f"{PREFIX}/rawman?action=challenge&authtype=MD5").cookie
        assert known
        victim.cookie = known
        assert b"Authentication accepted" in victim.post(**LOGIN).body
        seen = attacker.ask(f"{PREFIX}/rawman?action=ping", cookie=known).body
        assert (b"Pong" in seen) is not either.is_ours


def test_keys_are_short_at_asterisk_only(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login()
        assert one.cookie
        assert len(one.cookie) * 4 == (128 if either.is_ours else 32)


def test_requests_of_strangers_make_sessions_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        keys = {http.ask(f"{PREFIX}/rawman?action=ping").cookie for _ in range(30)}
        assert len(keys - {None}) == (0 if either.is_ours else 30)


@pytest.mark.parametrize(
    "lines",
    [
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"),  # a link
        ("Sec-Fetch-Site: cross-site", "Origin: https://evil.example"),  # a form
        ("Sec-Fetch-Site: same-site",),
        ("Origin: https://evil.example",),
        ("Origin: null",),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_foreign_page_acts_with_the_cookie_at_asterisk_only(
    either: AjamDoor, lines: tuple[str, ...], method: str
) -> None:
    with either.browser() as one:
        one.login()
        ask = one.get if method == "get" else one.post
        answer = ask("rawman", *lines, action="ping")
        assert (answer.status, b"Pong" in answer.body) == ((403, False) if either.is_ours else (200, True))
        assert b"Pong" in ask("rawman", "Sec-Fetch-Site: same-origin", action="ping").body
        assert b"Pong" in ask("rawman", action="ping").body  # a program is no browser, and says nothing


def test_other_sites_are_not_sent_the_cookie_by_a_browser(either: AjamDoor) -> None:
    with either.browser() as one:
        said = one.login().get("Set-Cookie") or ""
        attributes = {"Secure", "HttpOnly", "SameSite=Strict", f"Path={PREFIX}/"}
        assert attributes & {*said.split("; ")} == (attributes if either.is_ours else set())


def test_a_secret_in_a_url_reaches_neither_log_nor_page(ours: AjamDoor) -> None:
    secret = "secret-in-the-query"
    with ours.browser() as one:
        one.get(action="login", username="proxy", secret=secret)
        one.get("nothing", action="login", secret=secret)
        bad = one.get("manager", action="login", secret=secret, x="\r\n")
        login = one.get(**LOGIN)
        assert b"Authentication accepted" in login.body
        assert login.get("Referrer-Policy") == "same-origin"
    assert secret.encode() not in bad.body
    assert ours.proxy is not None
    assert secret not in ours.proxy.stderr


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_parameter_adds_lines_and_events_at_asterisk_only(either: AjamDoor, end: str) -> None:
    with either.browser() as one, either.browser() as other:
        one.login()
        other.login()
        forged = end.join(["1", "Event: Forged", "", "Response: Success", "ActionID: forged", ""])
        answer = one.get(action="userevent", userevent="Real", a=forged)
        injected = one.get(action="ping", actionid=f"1{end}Injected: yes")
        one.get(action="userevent", userevent="Last")
        body = b""
        while b"UserEvent: Last" not in body:
            body += other.waited(timeout="3").body
        lines = [line.strip() for line in re.split(rb"[\r\n]", body)]
        assert (b"ActionID: forged" in lines) is not either.is_ours
        assert (b"Injected: yes" in re.split(rb"[\r\n]", injected.body)) is not either.is_ours
        assert answer.status == (400 if either.is_ours else 200)


@pytest.mark.parametrize(
    ("parameters", "more"),
    [
        ({"u": b"\xe9"}, {}),
        ({"A": b"1", "a": b"2"}, {}),
        ({"A.b": b"1", "A-b": b"2"}, {}),
        ({}, {"ajaxdest": "x'><b"}),
        ({}, {"ajaxobjtype": "x y='"}),
    ],
)
def test_xml_is_malformed_at_asterisk_only(
    either: AjamDoor, parameters: dict[str, bytes], more: dict[str, str]
) -> None:
    with either.browser() as one:
        one.login()
        one.get(action="events", eventmask="user")
        one.waited(timeout="0")
        one.get(action="userevent", userevent="X", **parameters)
        answer = one.waited("mxml", timeout="5", **more)
        if either.is_ours:
            assert "X" in [element[0].get("userevent") for element in ElementTree.fromstring(answer.body)]
        else:
            with pytest.raises(ElementTree.ParseError):
                ElementTree.fromstring(answer.body)


def test_the_page_can_be_framed_and_its_text_guessed_at_asterisk_only(either: AjamDoor) -> None:
    with either.browser() as one:
        answer = one.get("manager")
        assert (answer.get("X-Frame-Options") == "DENY") is either.is_ours
        assert (answer.get("X-Content-Type-Options") == "nosniff") is either.is_ours
        assert ("frame-ancestors 'none'" in (answer.get("Content-Security-Policy") or "")) is either.is_ours
        assert (one.get("rawman").get("X-Content-Type-Options") == "nosniff") is either.is_ours


def test_guesses_by_digest_are_answered_at_once_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        proof = digest(http, secret="wrong")
        begun = time.monotonic()
        assert http.ask(PING, proof.header(PING)).status == 401
        assert (time.monotonic() - begun >= 0.9) is either.is_ours


def test_the_status_page_shows_cookies_to_anybody_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        answer = http.ask(f"{PREFIX}/httpstatus", "Cookie: other=visible")
        assert answer.status == (404 if either.is_ours else 200)
        assert (b"visible" in answer.body) is not either.is_ours
        assert http.ask(f"{PREFIX}/rawman?action=ping").get("Server") == "Asterisk"


def test_any_host_is_answered_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        http.send(f"GET {PREFIX}/rawman?action=ping HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
        assert http.read().status == (421 if either.is_ours else 200)


@pytest.mark.long
def test_a_head_may_take_for_ever_at_asterisk_only(native: AjamDoor, ours: AjamDoor) -> None:
    with native.connect() as theirs, ours.connect() as mine:
        begin = f"GET {PREFIX}/rawman?action=ping HTTP/1.1\r\nHost: localhost\r\n".encode()
        for http in (theirs, mine):
            http.send(begin)
        begun = time.monotonic()
        is_closed = False
        while time.monotonic() - begun < 13:
            theirs.send(b"X: y\r\n")
            try:
                mine.send(b"X: y\r\n")
            except OSError:
                is_closed = True
            time.sleep(1)  # a slow client
        theirs.send(b"\r\n")
        assert theirs.read().status == 200
        try:
            is_closed = is_closed or mine.read().status == 408
        except Closed:
            is_closed = True
        assert is_closed
