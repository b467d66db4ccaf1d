"""Devices: what lists and events of Asterisk 22 and 16 have said."""

from amiproxy.core.history.kinds.lines.devices import Devices
from tests.core.history.kinds.recorded import happened, listed, texts, values

LIST = """
Event: DeviceStateChange
ActionID: DeviceStateList-1
Device: Queue:lab-queue_pause_Local/member@lab/n
State: NOT_INUSE

Event: DeviceStateChange
ActionID: DeviceStateList-1
Device: PJSIP/alice
State: UNAVAILABLE

Event: DeviceStateChange
ActionID: DeviceStateList-1
Device: MWI:101@default
State: NOT_INUSE
"""
ALICE = """
Event: DeviceStateChange
Privilege: call,all
SystemName: lab
Device: PJSIP/alice
State: NOT_INUSE
"""
LOCAL = """
Event: DeviceStateChange
Privilege: call,all
SystemName: lab
Device: Local/vm@hints
State: INUSE
"""
GUEST = LOCAL.replace("Local/vm@hints", "SIP/192.0.2.7")


def devices() -> Devices:
    kind = Devices(lambda: 0.0)
    listed(kind, LIST)
    return kind


def test_an_event_tells_the_state_of_a_device() -> None:
    kind = devices()
    happened(kind, ALICE)
    assert values(kind, "State") == {
        "Queue:lab-queue_pause_Local/member@lab/n": ("NOT_INUSE",),
        "PJSIP/alice": ("NOT_INUSE",),
        "MWI:101@default": ("NOT_INUSE",),
    }


def test_an_event_tells_a_device_that_is_new() -> None:
    kind = devices()
    happened(kind, ALICE.replace("PJSIP/alice", "Custom:lamp"))
    assert values(kind, "State")["Custom:lamp"] == ("NOT_INUSE",)


def test_devices_that_asterisk_does_not_remember_are_no_items() -> None:
    kind = devices()
    happened(kind, LOCAL)
    assert len(kind) == 3


def test_an_event_with_two_devices_changes_nothing() -> None:
    kind = devices()
    happened(kind, ALICE + "Device: PJSIP/bob\n")
    assert values(kind, "State") == values(devices(), "State")


def test_a_device_that_the_list_has_forgotten_is_no_drift_and_does_not_come_back() -> None:
    kind = devices()
    happened(kind, GUEST)
    assert values(kind, "State")["SIP/192.0.2.7"] == ("INUSE",)
    assert listed(kind, LIST).surplus == ()
    happened(kind, GUEST)
    assert len(kind) == 3


def test_a_forgotten_device_that_is_listed_again_is_followed_again() -> None:
    kind = devices()
    happened(kind, GUEST)
    listed(kind, LIST)
    listed(kind, LIST + GUEST)
    happened(kind, GUEST.replace("INUSE", "NOT_INUSE"))
    assert values(kind, "State")["SIP/192.0.2.7"] == ("NOT_INUSE",)


def test_the_next_instance_knows_which_devices_were_forgotten() -> None:
    kind = devices()
    happened(kind, GUEST)
    listed(kind, LIST)
    fresh = Devices(lambda: 0.0)
    fresh.inherit(kind)
    happened(fresh, GUEST)
    assert values(fresh, "State") == values(devices(), "State")


def test_forgotten_devices_are_remembered_up_to_a_number() -> None:
    kind = devices()
    for number in range(1001):
        happened(kind, GUEST.replace("192.0.2.7", str(number)))
    listed(kind, LIST)
    happened(kind, GUEST.replace("192.0.2.7", "1"))
    assert len(kind) == 4


def test_the_list_says_what_events_should_have_told() -> None:
    kind = devices()
    drift = listed(kind, LIST.replace("UNAVAILABLE", "NOT_INUSE") + ALICE.replace("alice", "bob"))
    assert drift.changed == ((b"PJSIP/alice", b"State"),)
    assert drift.unknown == (b"PJSIP/bob",)


def test_a_device_that_ended_unseen_becomes_unknown() -> None:
    kind = devices()
    item = kind.by_key()[b"PJSIP/alice"]
    assert texts(kind.closing(item, {})) == [
        [
            "Event: DeviceStateChange",
            "Privilege: call,all",
            "Device: PJSIP/alice",
            "State: UNKNOWN",
            "ProxySynthetic: yes",
        ]
    ]
