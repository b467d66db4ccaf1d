# ruff: noqa: E501 - rows of a page
"""Where the proxy's AJAM differs from Asterisk's, and why; the tests allow nothing else.

A difference takes an answer of Asterisk and the proxy's to the same request, and returns both without it.
``make reference`` writes deploy/differences.md from the list, among others.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from tests.asterisk.ajam.player import Seen

Both = tuple[Seen, Seen]


@dataclass(frozen=True)
class Difference:
    """``everywhere``: it may occur in any answer, and need not be named in the dialogue."""

    name: str
    asterisk: str
    ours: str
    why: str
    without: Callable[[Seen, Seen], Both]
    everywhere: bool = False


_SECURITY = (
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "content-security-policy",
    "vary",
)
_ATTRIBUTES = "; Path=/asterisk/; Secure; HttpOnly; SameSite=Strict"
_ROWS = re.compile(rb"<tr><td>.*?</td></tr>\n|<tr><td colspan=\"2\"><hr></td></tr>\r\n", re.DOTALL)
_AMI_ERROR = re.compile(rb"Response: Error\r\n(ActionID: [^\r]*\r\n)?Message: [^\r]*\r\n\r\n")


def _headers(theirs: Seen, ours: Seen) -> Both:
    return theirs, ours.without(*_SECURITY)


def _cookie(theirs: Seen, ours: Seen) -> Both:
    plain = tuple([line.removesuffix(_ATTRIBUTES) for line in ours.headers])
    return theirs, replace(ours, headers=plain)


def _strangers(theirs: Seen, ours: Seen) -> Both:
    if any(line.startswith("Set-Cookie:") for line in ours.headers):
        return theirs, ours
    return theirs.without("set-cookie"), ours


def _logoff(theirs: Seen, ours: Seen) -> Both:
    def lasting(seen: Seen) -> Seen:
        return replace(
            seen, headers=tuple([re.sub(r"Max-Age=\d+", "Max-Age=*", line) for line in seen.headers])
        )

    return (lasting(theirs), lasting(ours)) if b"Goodbye" in ours.body else (theirs, ours)


def _page(theirs: Seen, ours: Seen) -> Both:
    if "Content-type: text/html" not in ours.headers or not ours.status.startswith("200"):
        return theirs, ours
    return tuple([replace(seen, body=b"".join(_ROWS.findall(seen.body))) for seen in (theirs, ours)])


def _errors(theirs: Seen, ours: Seen) -> Both:
    if theirs.status != ours.status or theirs.status.startswith("200"):
        return theirs, ours
    return replace(theirs, headers=(), body=b""), replace(ours, headers=(), body=b"")


def _line_ends(theirs: Seen, ours: Seen) -> Both:
    if ours.status == "400 Bad Request" and _AMI_ERROR.fullmatch(ours.body):
        return replace(theirs, status=ours.status, body=ours.body), ours
    return theirs, ours


def _limits(theirs: Seen, ours: Seen) -> Both:
    if _AMI_ERROR.fullmatch(ours.body) and b"Response: Success" in theirs.body:
        return replace(theirs, body=ours.body), ours
    return theirs, ours


def _invalid_xml(theirs: Seen, ours: Seen) -> Both:
    ElementTree.fromstring(ours.body) if ours.body.startswith(b"<") else None
    try:
        ElementTree.fromstring(theirs.body)
    except ElementTree.ParseError:
        if theirs.body.startswith(b"<ajax-response>"):
            return replace(theirs, body=ours.body), ours
    return theirs, ours


def _challenge(theirs: Seen, ours: Seen) -> Both:
    def plain(seen: Seen) -> Seen:
        lines = [re.sub(r'(?<=realm=")[^"]*', "*", line) for line in seen.headers]
        return replace(seen, headers=tuple(lines))

    return plain(theirs), plain(ours)


DIFFERENCES = [
    Difference(
        "headers",
        "no headers for browsers",
        "`X-Content-Type-Options`, `Referrer-Policy`, `X-Frame-Options` and `Content-Security-Policy` behind all others",
        "Texts of callers must not run as a page, and no other page may show or use ours.",
        _headers,
        everywhere=True,
    ),
    Difference(
        "cookie",
        'the cookie `mansession_id="…"` has 8 digits, and no attributes but `Version` and `Max-Age`',
        "32 digits; also `Path`, `Secure`, `HttpOnly` and `SameSite=Strict`; a new one at each login",
        "32 bits can be guessed. Without these attributes a page of another site can use the session. An attacker who knows an id before the login could use it after that, too.",
        _cookie,
        everywhere=True,
    ),
    Difference(
        "strangers",
        "each request without a known cookie makes a session, and sets a cookie",
        "only a login or a challenge sets a cookie",
        "Anybody could fill the memory.",
        _strangers,
    ),
    Difference(
        "logoff",
        "the answer to `Logoff` still sets the cookie",
        "it deletes the cookie (`Max-Age=0`)",
        "The session is over.",
        _logoff,
    ),
    Difference(
        "page",
        "HTML around the rows of an answer",
        "other HTML around the same rows, with the same form",
        "It is our own page.",
        _page,
    ),
    Difference(
        "errors",
        "404 and 501 as pages of HTML",
        "the same statuses with other texts; 501 with a header `Allow`",
        "It is our own server, which serves other paths, too.",
        _errors,
    ),
    Difference(
        "line-ends",
        "CR, LF, NUL and other control bytes in a parameter are part of the action: they write lines and whole messages of their own. NUL ends the value. A name may be empty or have a colon",
        "status 400 with an error as AMI's; nothing runs",
        "A parameter must not be able to add a header, an event or an action.",
        _line_ends,
    ),
    Difference(
        "limits-of-ami",
        "parameters may be longer than a line of AMI (1,022 bytes), and more than 128",
        "the errors of AMI: `Failed to parse message: line too long`, `Too many lines in message or allocation failure`",
        "The action is sent to Asterisk by AMI, which has these limits.",
        _limits,
    ),
    Difference(
        "invalid-xml",
        "control bytes, text that is not UTF-8, `ajaxdest` and `ajaxobjtype` are written as they are; headers that differ in case only, or in punctuation, give the same attribute twice",
        "U+FFFD for what XML forbids; `ajaxdest` is escaped, an `ajaxobjtype` that is no name counts as `generic`; repeated attributes are numbered (`a`, `a-2`)",
        "XML parsers reject Asterisk's document then, and a value could add elements.",
        _invalid_xml,
    ),
    Difference(
        "challenge",
        "the realm of digests is `systemname` or `asterisk`",
        "`realm` of the listener, by default `amiproxy`",
        "Secrets are the proxy's, not Asterisk's.",
        _challenge,
    ),
]  # fmt: skip

BY_NAME = {difference.name: difference for difference in DIFFERENCES}

#: What Asterisk does, the proxy, and why: of what one request does not show, but test_holes.py and
#: test_sessions.py do.
OTHERS = [
    (
        "a nonce of digest is also the cookie of its session; any nonce is accepted, for any target",
        "a nonce is no cookie; it is signed, lives five minutes, and each count is accepted once, for its own method and target",
        "Whoever sees one header could act as that user.",
    ),
    ("a wrong digest is answered at once", "after a second, and it counts towards a penalty", "Secrets could be guessed fast."),
    (
        "digest for all users",
        "for users with `md5_secret`",
        "A hash of the secret cannot answer a digest.",
    ),
    (
        "requests of other sites' pages are answered",
        "status 403, unless the page's origin is in `allowed_origins`",
        "Such a page acts with the rights of whoever visits it.",
    ),
    ("any `Host` is answered", "status 421 for a name that is neither in the certificate nor in `names`", "A page could reach the server under a name of its own (DNS rebinding)."),
    ("`/httpstatus` shows the server and all cookies", "status 404", "Anybody could read the cookies of others there."),
    ("a `Logoff` ends a running WaitEvent with an ordinary answer", "with an empty one", "The session is over, with its events."),
    ("a WaitEvent also ends at an event that the client may not see, with none", "only at one that it may see", "It would tell that there was a hidden event."),
    ("a request may take any time, as long as something comes", "status 408 when its head, or its body, takes longer than `http_seconds`", "Slow clients would take all places."),
    ("a connection of HTTP/1.0 stays open", "it is closed after the answer", "HTTP/1.0 says so, and clients wait for the end."),
]  # fmt: skip
