"""Endpoints and contacts of PJSIP: what lists and events of Asterisk 22 and 16 have said."""

from amiproxy.core.history.kinds.lines.endpoints import Endpoints
from tests.core.history.kinds.recorded import happened, listed, texts, values

ENDPOINTS = """
Event: EndpointList
ActionID: PJSIPShowEndpoints-1
ObjectType: endpoint
ObjectName: alice
Transport:
Aor: alice
Auths: alice
OutboundAuths:
Contacts: alice/sip:alice@127.0.0.1:49533,
DeviceState: Not in use
ActiveChannels: 0

Event: EndpointList
ActionID: PJSIPShowEndpoints-1
ObjectType: endpoint
ObjectName: bob
Transport:
Aor: bob,bob2
Auths:
OutboundAuths:
Contacts: bob/sip:bob@127.0.0.1:9,bob/sip:bob@127.0.0.1:9;x=a,b,
Contacts:
DeviceState: Not in use
ActiveChannels: 0
"""
CONTACTS = """
Event: ContactList
ActionID: PJSIPShowContacts-1
ObjectType: contact
ObjectName: alice;@c2693d42eec3ffe22a09bf3ea2b9ea0e
ViaAddr: 127.0.0.1
QualifyTimeout: 3.000000
Qualify2xxOnly: false
CallId: c49533aliceNone
RegServer: lab
PruneOnBoot: no
Path:
Endpoint: alice
ViaPort: 49533
AuthenticateQualify: no
Uri: sip:alice@127.0.0.1:49533
QualifyFrequency: 2
UserAgent: lab phone
ExpirationTime: 1796060553
OutboundProxy:
Status: Reachable
RoundtripUsec: 494
"""
SILENT = """
Event: PeerStatus
Privilege: system,all
SystemName: lab
ChannelType: PJSIP
Peer: PJSIP/alice
PeerStatus: Unreachable

Event: DeviceStateChange
Privilege: call,all
SystemName: lab
Device: PJSIP/alice
State: UNAVAILABLE

Event: ContactStatus
Privilege: system,all
SystemName: lab
URI: sip:alice@127.0.0.1:49533
ContactStatus: Unreachable
AOR: alice
EndpointName: alice
RoundtripUsec: 0
"""
BOB = """
Event: ContactStatus
Privilege: system,all
SystemName: lab
URI: sip:bob@127.0.0.1:45520
ContactStatus: NonQualified
AOR: bob2
EndpointName: bob
RoundtripUsec: 0
"""
WRITTEN = BOB.replace("bob2", "bob").replace("45520", "9").replace("NonQualified", "Reachable")
STATES = (
    "UNKNOWN=Unknown NOT_INUSE=Not in use,INUSE=In use,BUSY=Busy,INVALID=Invalid,UNAVAILABLE=Unavailable,"
    "RINGING=Ringing,RINGINUSE=Ring+Inuse,ONHOLD=On Hold"
)
ALICES = b"alice;@c2693d42eec3ffe22a09bf3ea2b9ea0e"
BOBS = "bob2;@7af703270e7b1132e3df0ad5e7edb2cb"


def endpoints(contacts: str = CONTACTS) -> Endpoints:
    kind = Endpoints(lambda: 0.0)
    listed(kind, ENDPOINTS + contacts)
    return kind


def test_endpoints_and_contacts_are_items() -> None:
    kind = endpoints()
    assert values(kind, "ObjectType", "DeviceState", "Status") == {
        "alice": ("endpoint", "Not in use", "?"),
        "bob": ("endpoint", "Not in use", "?"),
        ALICES.decode(): ("contact", "?", "Reachable"),
    }
    assert not {b"Contacts", b"ActiveChannels"} & set(kind.by_key()[b"alice"].values)


def test_events_tell_that_a_phone_is_silent() -> None:
    kind = endpoints()
    happened(kind, SILENT)
    assert values(kind, "DeviceState")["alice"] == ("Unavailable",)
    assert values(kind, "Status", "RoundtripUsec", "UserAgent")[ALICES.decode()] == (
        "Unreachable",
        "N/A",
        "lab phone",
    )
    assert not kind.is_outdated


def test_every_state_of_a_device_is_written_as_the_list_writes_it() -> None:
    kind = endpoints()
    for pair in STATES.replace("Unknown ", "Unknown,").split(","):
        state, words = pair.split("=")
        happened(kind, f"Event: DeviceStateChange\nDevice: PJSIP/bob\nState: {state}")
        item = kind.by_key()[b"bob"]
        assert item.values[b"DeviceState"].decode() == words
        assert f"State: {state}\r\n".encode() in (item.as_event(item.form.carriers[0]) or b"")


def test_a_contact_that_registers_is_named_as_asterisk_names_it() -> None:
    kind = endpoints()
    happened(kind, BOB)
    assert values(kind, "ObjectType", "Endpoint", "Uri", "Status", "RoundtripUsec")[BOBS] == (
        "contact",
        "bob",
        "sip:bob@127.0.0.1:45520",
        "NonQualified",
        "N/A",
    )


def test_a_contact_that_answers_has_a_time() -> None:
    kind = endpoints()
    happened(kind, BOB + BOB.replace("NonQualified", "Reachable").replace("Usec: 0", "Usec: 850"))
    assert values(kind, "Status", "RoundtripUsec")[BOBS] == ("Reachable", "850")


def test_a_contact_that_expires_or_unregisters_is_gone() -> None:
    kind = endpoints()
    happened(kind, BOB + BOB.replace("NonQualified", "Removed"))
    happened(kind, SILENT.replace("ContactStatus: Unreachable", "ContactStatus: Removed"))
    assert list(values(kind)) == ["alice", "bob"]


def test_a_contact_that_is_written_in_an_aor_is_no_item() -> None:
    kind = endpoints()
    happened(kind, WRITTEN + WRITTEN.replace(":9", ":9;x=a,b"))
    assert len(kind) == 3


def test_a_registered_contact_is_not_taken_for_a_written_one() -> None:
    kind = endpoints()
    happened(kind, SILENT)
    assert values(kind, "Status")[ALICES.decode()] == ("Unreachable",)


def test_an_endpoint_that_is_new_has_the_lists_asked_again_once() -> None:
    kind = endpoints()
    happened(kind, SILENT.replace("alice", "carol"))
    assert kind.is_outdated
    fresh = Endpoints(lambda: 0.0)
    fresh.inherit(kind)
    listed(fresh, ENDPOINTS + CONTACTS)
    happened(fresh, SILENT.replace("alice", "carol"))
    assert not fresh.is_outdated


def test_unlisted_endpoints_are_remembered_up_to_a_number() -> None:
    kind = endpoints()
    for number in range(1001):
        happened(kind, f"Event: PeerStatus\nChannelType: PJSIP\nPeer: PJSIP/{number}\nPeerStatus: Reachable")
    kind.is_outdated = False
    happened(kind, "Event: PeerStatus\nChannelType: PJSIP\nPeer: PJSIP/1\nPeerStatus: Reachable")
    assert kind.is_outdated


def test_events_of_others_change_nothing() -> None:
    kind = endpoints()
    happened(
        kind, SILENT.replace("PJSIP/", "SIP/").replace("AOR: alice\n", "").replace("UNAVAILABLE", "OTHER")
    )
    happened(kind, "Event: DeviceStateChange\nDevice: PJSIP/bob\nState: SOMETHING")
    assert values(kind, "DeviceState", "Status") == values(endpoints(), "DeviceState", "Status")
    assert not kind.is_outdated


def test_the_lists_say_what_events_should_have_told() -> None:
    kind = endpoints()
    happened(kind, BOB)
    drift = listed(kind, ENDPOINTS.replace("Not in use", "In use", 1) + CONTACTS.replace("49533", "1"))
    assert drift.surplus == (BOBS.encode(),)
    assert sorted(drift.changed) == [(b"alice", b"DeviceState"), (ALICES, b"Uri")]


def test_endpoints_are_configured_and_removed_without_an_event() -> None:
    kind = endpoints()
    drift = listed(kind, ENDPOINTS.replace("ObjectName: bob", "ObjectName: carol"))
    assert drift.unknown == ()
    assert drift.surplus == (ALICES,)


def test_an_endpoint_is_judged_by_its_events() -> None:
    item = endpoints().by_key()[b"alice"]
    assert texts(item.as_event(carrier) or b"" for carrier in item.form.carriers) == [
        [
            "Event: DeviceStateChange",
            "Privilege: call,all",
            "Device: PJSIP/alice",
            "State: NOT_INUSE",
        ],
        [
            "Event: PeerStatus",
            "Privilege: system,all",
            "ChannelType: PJSIP",
            "Peer: PJSIP/alice",
            "PeerStatus: Reachable",
        ],
    ]


def test_a_contact_is_judged_by_its_event() -> None:
    kind = endpoints()
    item = kind.by_key()[ALICES]
    event = [
        "Event: ContactStatus",
        "Privilege: system,all",
        "URI: sip:alice@127.0.0.1:49533",
        "ContactStatus: Reachable",
        "AOR: alice",
        "EndpointName: alice",
        "RoundtripUsec: 494",
    ]
    assert texts(item.as_event(carrier) or b"" for carrier in item.form.carriers) == [event]
    happened(kind, SILENT)
    item = kind.by_key()[ALICES]
    (silent,) = texts(item.as_event(carrier) or b"" for carrier in item.form.carriers)
    assert silent == [*event[:3], "ContactStatus: Unreachable", *event[4:6], "RoundtripUsec: 0"]


def test_a_contact_that_ended_unseen_is_removed() -> None:
    kind = endpoints()
    assert texts(kind.closing(kind.by_key()[ALICES], {})) == [
        [
            "Event: ContactStatus",
            "Privilege: system,all",
            "URI: sip:alice@127.0.0.1:49533",
            "ContactStatus: Removed",
            "AOR: alice",
            "EndpointName: alice",
            "RoundtripUsec: 0",
            "ProxySynthetic: yes",
        ]
    ]


def test_an_endpoint_that_ended_unseen_is_unreachable() -> None:
    kind = endpoints()
    assert texts(kind.closing(kind.by_key()[b"alice"], {})) == [
        [
            "Event: PeerStatus",
            "Privilege: system,all",
            "ChannelType: PJSIP",
            "Peer: PJSIP/alice",
            "PeerStatus: Unreachable",
            "ProxySynthetic: yes",
        ]
    ]
