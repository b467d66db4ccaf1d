"""Extensions: what lists and events of Asterisk 22 and 16 have said."""

from amiproxy.core.history.kinds.lines.extensions import Extensions
from tests.core.history.kinds.recorded import happened, listed, texts, values

LIST = """
Event: ExtensionStatus
ActionID: ExtensionStateList-1
Exten: 202
Context: hints
Hint: Custom:gone
Status: 0
StatusText: Idle

Event: ExtensionStatus
ActionID: ExtensionStateList-1
Exten: 201
Context: hints
Hint: Custom:lamp&Custom:lamp2
Status: 0
StatusText: Idle

Event: ExtensionStatus
ActionID: ExtensionStateList-1
Exten: 201
Context: others
Hint: Custom:lamp3
Status: 0
StatusText: Idle
"""
RINGING = """
Event: ExtensionStatus
Privilege: call,all
SystemName: lab
Exten: 201
Context: hints
Hint: Custom:lamp&Custom:lamp2
Status: 9
StatusText: InUse&Ringing
"""
#: What ``dialplan reload`` sends of a hint that is new, and of one that has not changed.
NEW = """
Event: ExtensionStatus
Privilege: call,all
SystemName: lab
Exten: 203
Context: hints
Hint:
Status: 0
StatusText: Idle
"""
SAME = RINGING.replace("Status: 9", "Status: 0").replace("InUse&Ringing", "Idle")


def extensions() -> Extensions:
    kind = Extensions(lambda: 0.0)
    listed(kind, LIST)
    return kind


def test_an_event_tells_the_state_of_an_extension_of_a_context() -> None:
    kind = extensions()
    happened(kind, RINGING)
    assert values(kind, "Hint", "Status", "StatusText") == {
        "202\0hints": ("Custom:gone", "0", "Idle"),
        "201\0hints": ("Custom:lamp&Custom:lamp2", "9", "InUse&Ringing"),
        "201\0others": ("Custom:lamp3", "0", "Idle"),
    }
    assert not kind.is_outdated


def test_an_event_without_a_change_says_that_the_dialplan_was_reloaded() -> None:
    kind = extensions()
    happened(kind, SAME)
    assert kind.is_outdated


def test_a_hint_that_is_new_says_that_the_dialplan_was_reloaded() -> None:
    kind = extensions()
    happened(kind, NEW)
    assert values(kind, "Hint", "Status")["203\0hints"] == ("", "0")
    assert kind.is_outdated


def test_an_event_of_a_reload_does_not_take_the_hint_away() -> None:
    kind = extensions()
    happened(kind, RINGING.replace("Hint: Custom:lamp&Custom:lamp2", "Hint:"))
    assert values(kind, "Hint", "Status")["201\0hints"] == ("Custom:lamp&Custom:lamp2", "9")


def test_a_hint_that_is_removed_or_deactivated_is_gone() -> None:
    kind = extensions()
    happened(kind, RINGING.replace("Status: 9", "Status: -1"))
    happened(kind, NEW.replace("Status: 0", "Status: -2"))
    assert list(values(kind)) == ["202\0hints", "201\0others"]


def test_an_event_of_two_extensions_changes_nothing() -> None:
    kind = extensions()
    happened(kind, "Event: ExtensionStatus\nExten: 1\nExten: 2\nContext: a\nContext: b\nStatus: 1")
    assert values(kind, "Status") == values(extensions(), "Status")


def test_a_hint_that_is_gone_is_no_drift_but_a_state_is() -> None:
    kind = extensions()
    drift = listed(kind, SAME.replace("Status: 0", "Status: 8") + NEW)
    assert drift.surplus == ()
    assert drift.unknown == (b"203\0hints",)
    assert drift.changed == ((b"201\0hints", b"Status"),)


def test_a_hint_that_ended_unseen_is_deactivated() -> None:
    kind = extensions()
    item = kind.by_key()[b"202\0hints"]
    assert texts(kind.closing(item, {})) == [
        [
            "Event: ExtensionStatus",
            "Privilege: call,all",
            "Exten: 202",
            "Context: hints",
            "Hint: Custom:gone",
            "Status: -1",
            "StatusText: Unknown",
            "ProxySynthetic: yes",
        ]
    ]
