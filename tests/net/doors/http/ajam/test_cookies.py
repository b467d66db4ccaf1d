"""The cookie is found however a client sends it, and is set in Asterisk's form with safe attributes."""

import pytest

from amiproxy.net.doors.http.ajam.cookies import keys, set_cookie

KEY = b"0123456789abcdef0123456789abcdef"
OTHER = b"f" * 32


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        ([], []),
        ([(b"mansession_id", KEY)], [KEY]),
        ([(b"mansession_id", b'"%b"' % KEY)], [KEY]),
        ([(b"MANSESSION_ID", KEY.upper())], [KEY]),
        ([(b"$Version", b"1"), (b"mansession_id", b'"%b"' % KEY), (b"x", OTHER)], [KEY]),
        ([(b"mansession_id", KEY), (b"mansession_id", OTHER)], [OTHER, KEY]),
        ([(b"mansession_id", KEY), (b"mansession_id", KEY)], [KEY]),
        ([(b"mansession_id", KEY), (b"mansession_id", b"deadbeef")], [KEY]),
        ([(b"mansession_id", b'"%b' % KEY)], []),
        ([(b"mansession_id", KEY + b"0")], []),
        ([(b"mansession_id", b"g" * 32)], []),
        ([(b"mansession", KEY)], []),
    ],
)
def test_the_keys_that_a_request_names(cookies: list[tuple[bytes, bytes]], expected: list[bytes]) -> None:
    assert keys(cookies) == expected


@pytest.mark.parametrize(
    ("secure", "cross_site", "end"),
    [
        (True, False, b"Path=/asterisk/; Secure; HttpOnly; SameSite=Strict"),
        (True, True, b"Path=/asterisk/; Secure; HttpOnly; SameSite=None"),
        (False, False, b"Path=/asterisk/; HttpOnly; SameSite=Strict"),
        (False, True, b"Path=/asterisk/; HttpOnly; SameSite=Strict"),  # browsers refuse None without Secure
    ],
)
def test_a_cookie_that_is_set(secure: bool, cross_site: bool, end: bytes) -> None:
    said = set_cookie(KEY, 60, b"/asterisk/", secure=secure, cross_site=cross_site)
    assert said == b'mansession_id="' + KEY + b'"; Version=1; Max-Age=60; ' + end
