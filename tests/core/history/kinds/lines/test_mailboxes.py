"""Mailboxes: what lists and events of Asterisk 22 have said, and those of res_mwi_external_ami."""

from amiproxy.core.history.kinds.lines.mailboxes import Mailboxes
from tests.core.history.kinds.recorded import happened, listed, messages, texts, values

USERS = """
Event: VoicemailUserEntry
ActionID: VoicemailUsersList-1
VMContext: default
VoiceMailbox: 100
Fullname: Lab
Email: lab@example.com
UniqueID:
MaxMessageCount: 100
MaxMessageLength: 0
NewMessageCount: 1
OldMessageCount: 3

Event: VoicemailUserEntry
ActionID: VoicemailUsersList-1
VMContext: default
VoiceMailbox: 101
Fullname: Two
Email: (null)
NewMessageCount: 0
OldMessageCount: 0
"""
EXTERNAL = """
Event: MWIGet
Mailbox: 7@ext
OldMessages: 2
NewMessages: 4
ActionID: 1
"""
#: A caller has left a message.
LEFT = """
Event: MessageWaiting
Privilege: call,all
SystemName: lab
Channel: Local/vm@hints-00000000;2
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: <unknown>
Context: hints
Exten: vm
Uniqueid: lab-1796060010.2
Linkedid: lab-1796060010.1
Mailbox: 101@default
Waiting: 1
New: 1
Old: 0
"""
#: Each mailbox is reported when app_voicemail is reloaded.
RELOADED = """
Event: MessageWaiting
Privilege: call,all
SystemName: lab
Mailbox: 100@default
Waiting: 0
New: 0
Old: 4
"""


def mailboxes() -> Mailboxes:
    kind = Mailboxes(lambda: 0.0)
    listed(kind, USERS)
    return kind


def test_voicemail_users_are_listed_in_the_form_of_the_event() -> None:
    kind = mailboxes()
    assert values(kind, "Waiting", "New", "Old") == {
        "100@default": ("1", "1", "3"),
        "101@default": ("0", "0", "0"),
    }
    assert {item.event for item in kind.items()} == {b"MessageWaiting"}
    assert set(kind.items()[0].values) == {b"Mailbox", b"Waiting", b"New", b"Old"}


def test_a_mailbox_of_no_context_has_a_name_without_one() -> None:
    kind = Mailboxes(lambda: 0.0)
    listed(kind, USERS.replace("VMContext: default", "VMContext:"))
    assert list(values(kind)) == ["100", "101"]


def test_external_mailboxes_are_listed_in_the_same_form() -> None:
    kind = Mailboxes(lambda: 0.0)
    listed(kind, EXTERNAL)
    assert values(kind, "Waiting", "New", "Old") == {"7@ext": ("1", "4", "2")}


def test_events_of_calls_and_of_reloads_tell_the_numbers_of_messages() -> None:
    kind = mailboxes()
    happened(kind, LEFT + RELOADED)
    assert values(kind, "Waiting", "New", "Old") == {
        "100@default": ("0", "0", "4"),
        "101@default": ("1", "1", "0"),
    }


def test_an_event_in_which_a_caller_names_another_mailbox_has_the_lists_asked_again() -> None:
    kind = mailboxes()
    happened(kind, LEFT.replace("CallerIDNum: <unknown>", "CallerIDNum: 1\nMailbox: 100@default"))
    assert values(kind) == values(mailboxes())
    assert kind.is_outdated


def test_an_item_without_numbers_tells_no_mailbox() -> None:
    kind = mailboxes()
    (entry, *_) = messages(USERS.replace("NewMessageCount: 1", "NewMessageCount:"))
    assert kind.item_of(entry) is None
    (event,) = messages(RELOADED)
    assert kind.item_of(event) is None


def test_the_list_says_what_events_should_have_told() -> None:
    drift = listed(mailboxes(), USERS.replace("OldMessageCount: 3", "OldMessageCount: 2"))
    assert drift.changed == ((b"100@default", b"Old"),)


def test_a_mailbox_that_ended_unseen_is_empty() -> None:
    kind = mailboxes()
    item = kind.by_key()[b"100@default"]
    assert texts(kind.closing(item, {})) == [
        [
            "Event: MessageWaiting",
            "Privilege: call,all",
            "Mailbox: 100@default",
            "Waiting: 0",
            "New: 0",
            "Old: 0",
            "ProxySynthetic: yes",
        ]
    ]
