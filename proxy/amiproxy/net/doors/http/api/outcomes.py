"""Outcome: which status of HTTP an answer of AMI has."""

import re
from typing import Final

from amiproxy.ami.relay import event_list_of
from amiproxy.core.clients.routes.destination import NO_SUCH_SERVER, NOT_FOR_SEVERAL, SERVER_REQUIRED
from amiproxy.core.policy.verdict import PERMISSION_DENIED
from amiproxy.core.servers.answers import failures

#: The texts of errors, and the status of each; what is not here is Asterisk's own refusal, 422.
_STATUSES: Final[dict[bytes, int]] = {
    b"Missing action in request": 400,
    NO_SUCH_SERVER: 400,
    NOT_FOR_SEVERAL: 400,
    SERVER_REQUIRED: 400,
    b"Authentication failed": 401,
    b"Command blacklisted": 403,
    PERMISSION_DENIED: 403,
    b"Login Already In Use": 409,
    b"Rate limit": 429,
    b"Too many sessions": 429,
    b"Too many events meanwhile": 503,
    failures.NOT_CONNECTED: 503,
    failures.SHUTTING_DOWN: 503,
    # Whether Asterisk has done it is not known.
    failures.LOST: 504,
    failures.OUTCOME_UNKNOWN: 504,
    failures.AGENT_LOST: 504,
    failures.NO_ANSWER: 504,
    failures.TIMED_OUT: 504,
}
#: The same for texts that have more behind or within them; ``limits.`` ends a refusal by a quota.
_PATTERNS: Final[tuple[tuple[re.Pattern[bytes], int], ...]] = (
    (re.compile(rb"Failed to parse message: |Too many lines in message|No such kind: "), 400),
    (re.compile(rb"Originate Access Forbidden"), 403),
    (re.compile(rb"Invalid/unknown command"), 404),
    (re.compile(rb"Already "), 409),
    (re.compile(rb".* \(limits\.[a-z_]+\)\Z", re.DOTALL), 429),
    (re.compile(rb"Server [^ ]+ is not connected\Z|Session closed: "), 503),
)
#: The header by which the proxy says why it has refused an action.
_BY_PROXY: Final = re.compile(rb"\r\nProxyReason: ")


def status_of(data: bytes, kind: bytes, text: bytes) -> int:
    """The status of HTTP for a whole answer: 200 unless it is an error.

    ``kind`` and ``text`` are the first Response and its Message.  b"" as ``data`` says that the session ended
    before the answer.
    """
    if not data:
        return 401
    if kind != b"Error":
        # Reading a list again does no harm, whatever has ended it.
        return 503 if event_list_of(_last_of(data)) == b"cancelled" else 200
    status = _STATUSES.get(text)
    if status is not None:
        return status
    for pattern, status in _PATTERNS:
        if pattern.match(text):
            return status
    return 403 if _BY_PROXY.search(data) else 422


def _last_of(data: bytes) -> bytes:
    """The last message."""
    begin = data.rfind(b"\r\n\r\n", 0, -4)
    return data if begin < 0 else data[begin + 4 :]
