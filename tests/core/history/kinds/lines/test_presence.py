"""Presence: what lists and events of Asterisk 22 and 16 have said."""

from amiproxy.core.history.kinds.lines.presence import Presence
from tests.core.history.kinds.recorded import happened, listed, texts, values

LIST = r"""
Event: PresenceStateChange
ActionID: PresenceStateList-1
Presentity: CustomPresence:b64
Status: xa
Subtype: a\r\nb
Message: {\r\nEvent: x

Event: PresenceStateChange
ActionID: PresenceStateList-1
Presentity: CustomPresence:utf
Status: xa
Subtype: zażółć
Message: two\\nlines \"q\"
"""
ALICE = """
Event: PresenceStateChange
Privilege: call,all
SystemName: lab
Presentity: CustomPresence:alice
Status: dnd
Subtype: c3ViIHR5cGU=
Message: bWVzc2FnZQ==
"""


def presence() -> Presence:
    kind = Presence(lambda: 0.0)
    listed(kind, LIST)
    return kind


def test_the_list_has_subtype_and_message_as_they_are_written() -> None:
    assert values(presence(), "Status", "Subtype", "Message") == {
        "CustomPresence:b64": ("xa", r"a\r\nb", r"{\r\nEvent: x"),
        "CustomPresence:utf": ("xa", "zażółć", r"two\\nlines \"q\""),
    }


def test_an_event_tells_everything_of_a_presentity() -> None:
    kind = presence()
    happened(kind, ALICE)
    happened(kind, ALICE.replace("dnd", "away").replace("c3ViIHR5cGU=", ""))
    assert values(kind, "Status", "Subtype", "Message")["CustomPresence:alice"] == (
        "away",
        "",
        "bWVzc2FnZQ==",
    )


def test_an_event_of_two_presentities_changes_nothing() -> None:
    kind = presence()
    happened(kind, ALICE + "Presentity: CustomPresence:bob\n")
    assert len(kind) == 2


def test_the_list_says_what_events_should_have_told() -> None:
    kind = presence()
    happened(kind, ALICE)
    drift = listed(kind, LIST.replace("zażółć", "other"))
    assert drift.changed == ((b"CustomPresence:utf", b"Subtype"),)
    assert drift.surplus == (b"CustomPresence:alice",)


def test_a_presence_that_ended_unseen_is_not_set() -> None:
    kind = presence()
    item = kind.by_key()[b"CustomPresence:utf"]
    assert texts(kind.closing(item, {})) == [
        [
            "Event: PresenceStateChange",
            "Privilege: call,all",
            "Presentity: CustomPresence:utf",
            "Status: not_set",
            "Subtype: ",
            "Message: ",
            "ProxySynthetic: yes",
        ]
    ]
