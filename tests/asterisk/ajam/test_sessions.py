"""Sessions over HTTP behave at the proxy as at Asterisk: life, WaitEvent, parallel requests."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.asterisk.ajam.door import PREFIX, TIMEOUT, AjamDoor, Browser, digest
from tests.asterisk.door import SECRETS
from tests.support.raw_http import Answer

DENIED = b"Response: Error\r\nMessage: Permission denied\r\n\r\n"


def in_background(call: Callable[[], Answer]) -> Future[Answer]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return future


def another(browser: Browser) -> Browser:
    """The same session on another connection."""
    second = browser.door.browser()
    second.cookie = browser.cookie
    return second


def quiet(browser: Browser) -> None:
    """Leave only user events, and take those that are there."""
    browser.get(action="events", eventmask="user")
    while b"Event: UserEvent" in browser.waited(timeout="0").body:
        pass


def attempts(door: AjamDoor) -> range:
    """How often to try what an event of an earlier test may spoil.

    At Asterisk, any event ends a WaitEvent, also one that the mask hides (seen at 16 and 22).  The proxy's is
    ended only by what it shows.
    """
    return range(1 if door.is_ours else 10)


def told(browser: Browser, name: str) -> bytes:
    """The body of the first WaitEvent that has this UserEvent."""
    for _ in range(20):
        body = browser.waited(timeout="2").body
        if f"UserEvent: {name}\r\n".encode() in body:
            return body
    raise AssertionError(f"no {name}")


def test_a_waitevent_ends_at_the_first_event_and_holds_up_nothing(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login()
        for _ in attempts(either):
            quiet(one)
            waiting = in_background(lambda: one.waited(actionid="w"))
            with another(one) as two:
                assert b"Pong" in two.get(action="ping").body
                has_waited = not waiting.done()
                begun = time.monotonic()
                two.get(action="userevent", userevent="Hello")
                answer = waiting.result(TIMEOUT)
                assert time.monotonic() - begun < TIMEOUT - 10
            if has_waited and b"UserEvent: Hello\r\n" in answer.body:
                break
    assert has_waited
    response = b"Response: Success\r\nActionID: w\r\nMessage: Waiting for Event completed.\r\n\r\n"
    assert answer.body.startswith(response)
    assert b"UserEvent: Hello\r\n" in answer.body
    assert answer.body.endswith(b"Event: WaitEventComplete\r\nActionID: w\r\n\r\n")


@pytest.mark.parametrize("timeout", ["-1", "4000"])
def test_the_longest_waitevent_is_ten_seconds_shorter_than_a_session(either: AjamDoor, timeout: str) -> None:
    with either.browser() as one:
        one.login()
        quiet(one)
        for _ in attempts(either):
            begun = time.monotonic()
            assert b"WaitEventComplete" in one.waited(timeout=timeout).body
            lasted = time.monotonic() - begun
            if lasted > TIMEOUT - 11:
                break
        assert TIMEOUT - 11 < lasted < TIMEOUT


def test_a_second_waitevent_ends_the_first_with_an_empty_answer(either: AjamDoor) -> None:
    with either.browser() as one, either.browser() as two:
        one.login()
        quiet(one)
        two.cookie = one.cookie
        for _ in attempts(either):
            first = in_background(one.waited)
            while not first.done():
                two.waited(timeout="1")
            answer = first.result()
            if b"WaitEventComplete" not in answer.body:
                break
    assert (answer.status, answer.get("Content-Length"), answer.body) == (200, "0", b"")


def test_a_logoff_ends_a_waitevent(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login()
        quiet(one)
        waiting = in_background(one.waited)
        with another(one) as two:
            assert b"Pong" in two.get(action="ping").body
            assert b"Goodbye" in two.get(action="logoff").body
        begun = time.monotonic()
        assert waiting.result(TIMEOUT).status == 200
        assert time.monotonic() - begun < TIMEOUT - 10


def test_events_are_kept_from_the_login_on(either: AjamDoor) -> None:
    with either.browser() as one, either.browser() as other:
        one.login()
        other.login("limited")
        with either.browser() as sender:
            sender.login()
            for number in range(60):
                sender.get(action="userevent", userevent=f"E{number}")
        body = b""
        while b"UserEvent: E59\r\n" not in body:
            answer = one.waited(timeout="3").body
            assert b"Event: UserEvent" in answer
            body += answer
        assert [body.count(f"UserEvent: E{number}\r\n".encode()) for number in range(60)] == [1] * 60
        assert b"UserEvent: E" not in other.waited(timeout="0").body


def test_events_off_does_not_silence_a_waitevent_but_a_mask_narrows_it(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login(events="off")
        one.get(action="userevent", userevent="Off")
        told(one, "Off")
        one.get(action="events", eventmask="call")
        one.get(action="userevent", userevent="Masked")
        assert b"Masked" not in one.waited(timeout="1").body


def test_an_event_of_originate_comes_with_the_clients_own_action_id(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login()
        call = {"channel": "Local/none@nowhere", "application": "Wait", "async": "1"}
        one.get(action="originate", actionid="mine", **call)
        body = b""
        while b"Event: OriginateResponse" not in body:
            body = one.waited(timeout="5").body
        assert b"ActionID: mine\r\n" in body


def test_the_cookie_may_come_in_any_form(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login()
        key, one.cookie = one.cookie, None
        for line in (
            f"mansession_id={key}",
            f'MANSESSION_ID="{key}"',
            f'a=b; mansession_id="{key}"; $Version=1',
            f"mansession_id={str(key).upper()}",
        ):
            assert b"Pong" in one.get("rawman", f"Cookie: {line}", action="ping").body
            one.cookie = None
        assert b"Pong" in one.get("rawman", "Cookie: a=b", f"Cookie: mansession_id={key}", action="ping").body


def test_requests_may_be_sent_ahead_and_are_answered_in_order(either: AjamDoor) -> None:
    with either.browser() as one:
        one.login()
        line = f'Cookie: mansession_id="{one.cookie}"'
        for number in range(3):
            target = f"{PREFIX}/rawman?action=ping&actionid={number}"
            one.http.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode())
        bodies = [one.http.read().body for _ in range(3)]
        assert [f"ActionID: {number}\r\n".encode() in bodies[number] for number in range(3)] == [True] * 3


def test_a_form_may_come_in_chunks(either: AjamDoor) -> None:
    with either.connect() as http:
        http.send(
            f"POST {PREFIX}/rawman HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            "7\r\naction=\r\n6\r\nlogoff\r\n0\r\n\r\n".encode()
        )
        assert b"Goodbye" in http.read().body


def test_a_program_on_this_machine_may_leave_out_the_host(either: AjamDoor) -> None:
    with either.connect() as http:
        http.send(f"GET {PREFIX}/rawman?action=ping HTTP/1.1\r\n\r\n".encode())
        answer = http.read()
        assert (answer.status, answer.body) == (200, DENIED)


def test_a_connection_of_http_1_0_stays_open_at_asterisk_only(either: AjamDoor) -> None:
    with either.connect() as http:
        for _ in range(2):
            http.send(f"GET {PREFIX}/rawman?action=ping HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            assert http.read().body == DENIED
            if either.is_ours:
                assert http.ended() == b""
                break


def test_a_login_is_not_repeated_and_needs_its_second(either: AjamDoor) -> None:
    with either.browser() as one:
        begun = time.monotonic()
        assert b"Authentication failed" in one.post(action="login", username="proxy", secret="no").body
        assert time.monotonic() - begun >= 0.9
        one.login()
        assert b"Already authenticated" in one.post(action="login", username="proxy", secret="no").body


def test_a_user_may_be_limited_to_one_session(either: AjamDoor) -> None:
    with either.browser() as one, either.browser() as two:
        one.login("lab-single")
        answer = two.post(action="login", username="lab-single", secret=SECRETS["lab-single"])
        assert answer.body == b"Response: Error\r\nMessage: Login Already In Use\r\n\r\n"
        one.get(action="logoff")


def test_a_digest_session_waits_for_events_like_others(either: AjamDoor) -> None:
    with either.connect() as http:
        proof = digest(http)

        def ask(query: str) -> bytes:
            target = f"{PREFIX}/arawman?{query}"
            return http.ask(target, proof.header(target)).body

        assert b"Pong" in ask("action=ping")
        ask("action=events&eventmask=user")
        ask("action=userevent&userevent=Digest")
        body = b""
        while b"UserEvent: Digest\r\n" not in body:
            body = ask("action=waitevent&timeout=3")


@pytest.mark.long
def test_a_session_ends_when_no_request_has_come_for_its_timeout(native: AjamDoor, ours: AjamDoor) -> None:
    with native.browser() as theirs, ours.browser() as mine, ours.browser() as busy:
        for one in (theirs, mine, busy):
            one.login()
        end = time.monotonic() + TIMEOUT + 2
        while time.monotonic() < end:
            assert b"Pong" in busy.get(action="ping").body
            time.sleep(1)  # the passing of time is what is tested
        for _ in range(300):  # Asterisk ends one old session at each connection by AMI, or in five seconds
            with socket.create_connection((native.asterisk.host, native.asterisk.port)) as ami:
                ami.recv(100)
        for one in (theirs, mine):
            with another(one) as late:
                assert late.get(action="ping").body == DENIED
