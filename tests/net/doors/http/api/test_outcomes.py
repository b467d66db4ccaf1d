"""The status of HTTP for each way in which AMI answers."""

import pytest

from amiproxy.ami import message
from amiproxy.ami.encodings import json
from amiproxy.ami.errors import LineTooLong, MessageTooLong, TooManyHeaders
from amiproxy.core.policy.verdict import PERMISSION_DENIED
from amiproxy.core.servers.answers import failures
from amiproxy.net.doors.http.api.outcomes import status_of

BY_PROXY = message.response(b"Error", b"", (b"Message", b"No"), (b"ProxyReason", b"channels: Channel"))
CANCELLED = b"Event: Complete\r\nEventList: Cancelled\r\nListItems: 1\r\n\r\n"
COMPLETE = b"Event: Complete\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"


def status(data: bytes) -> int:
    answer = json.answer(data)
    return status_of(data, answer.kind, answer.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PERMISSION_DENIED, 403),
        (b"Command blacklisted", 403),
        (b"Originate Access Forbidden: app or data blacklisted", 403),
        (b"Invalid/unknown command. Use Action: ListCommands to show available commands.", 404),
        (b"Already in queue", 409),
        (b"Login Already In Use", 409),
        (b"Rate limit", 429),
        (b"Too many sessions", 429),
        (b"Too many members: at most 9 in a queue for each user (limits.queue_members)", 429),
        (failures.NOT_CONNECTED, 503),
        (b"Server pbx1 is not connected", 503),
        (failures.SHUTTING_DOWN, 503),
        (b"Session closed: shutdown", 503),
        (failures.LOST, 504),
        (failures.OUTCOME_UNKNOWN, 504),
        (failures.AGENT_LOST, 504),
        (failures.TIMED_OUT, 504),
        (failures.NO_ANSWER, 504),
        (b"Missing action in request", 400),
        (b"No such kind: x; the kinds are channels", 400),
        (b"No such server", 400),
        (str(LineTooLong()).encode(), 400),
        (str(TooManyHeaders()).encode(), 400),
        (str(MessageTooLong()).encode(), 400),
        (b"No such channel", 422),
        (b"", 422),
    ],
)
def test_an_error_has_the_status_of_its_text(text: bytes, expected: int) -> None:
    assert status(message.error(b"", text)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 401),
        (BY_PROXY, 403),
        (message.success(b"", b"Permission denied"), 200),
        (message.response(b"Goodbye", b""), 200),
        (message.success(b"", b"list will follow") + COMPLETE, 200),
        (message.success(b"", b"list will follow") + CANCELLED, 503),
        (message.success(b"", b"list will follow") + CANCELLED + COMPLETE, 200),
    ],
)
def test_any_other_answer_is_a_success_unless_it_was_cut_off(data: bytes, expected: int) -> None:
    assert status(data) == expected
