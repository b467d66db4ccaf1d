"""Events described in a few words."""

import pytest

from amiproxy.tools.demo.client import Received
from amiproxy.tools.demo.display.wording import describe, is_quiet


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ([("Event", "Newchannel"), ("Channel", "PJSIP/a-1")], "Newchannel PJSIP/a-1"),
        ([("Event", "UserEvent"), ("UserEvent", "Note"), ("Text", "hello")], "UserEvent Note hello"),
        ([("Event", "QueueMemberStatus"), ("Queue", "q"), ("MemberName", "Bob")], "QueueMemberStatus q Bob"),
        ([("Event", "QueueCallerJoin"), ("Queue", "q"), ("CallerIDNum", "1")], "QueueCallerJoin q 1"),
        ([("Event", "DialEnd"), ("DestChannel", "c"), ("DialStatus", "BUSY")], "DialEnd BUSY c"),
        ([("Event", "Reload"), ("Module", "x")], "Reload"),
        ([("Event", "UserEvent"), ("UserEvent", "\x1b[2J\x07"), ("Text", "ü")], "UserEvent ?[2J? ü"),
    ],
)
def test_an_event_is_described_in_a_few_words(headers, text):
    assert describe(Received(tuple(headers))) == text


@pytest.mark.parametrize(
    ("name", "quiet"), [("Newstate", True), ("CEL", True), ("Hangup", False), ("Any", False)]
)
def test_frequent_events_are_quiet(name, quiet):
    assert is_quiet(Received((("Event", name),))) is quiet
