"""Peers of chan_sip and chan_iax2: what lists and events of Asterisk 16 have said."""

import pytest

from amiproxy.core.history.kinds.lines.peers import Peers
from amiproxy.core.history.state.kind import Drift
from tests.core.history.kinds.recorded import happened, listed, messages, texts, values

SIP = """
Event: PeerEntry
ActionID: SIPpeers-1
Channeltype: SIP
ObjectName: dave
ChanObjectType: peer
IPaddress: -none-
IPport: 0
Dynamic: yes
AutoForcerport: yes
Forcerport: no
AutoComedia: no
Comedia: no
VideoSupport: no
TextSupport: no
ACL: no
Status: UNKNOWN
RealtimeDevice: no
Description:
Accountcode:

Event: PeerEntry
ActionID: SIPpeers-1
Channeltype: SIP
ObjectName: eve
ChanObjectType: peer
IPaddress: 127.0.0.1
IPport: 9
Dynamic: no
Status: Unmonitored
RealtimeDevice: no
Description:
Accountcode:
"""
IAX = """
Event: PeerEntry
ActionID: IAXpeerlist-1
Channeltype: IAX
ObjectName: iaxdyn
ChanObjectType: peer
IPaddress: (null)
Mask: (null)
Port: (null)
Dynamic: yes
Trunk: no
Encryption: no
Status: UNKNOWN
"""
REGISTERED = """
Event: PeerStatus
Privilege: system,all
SystemName: lab
ChannelType: SIP
Peer: SIP/dave
PeerStatus: Registered
Address: 127.0.0.1:46826
"""
REACHABLE = REGISTERED.replace("Registered", "Reachable").replace("Address: 127.0.0.1:46826\n", "")
UNREACHABLE = REGISTERED.replace("Registered", "Unreachable").replace("Address: 127.0.0.1:46826", "Time: -1")
EXPIRED = REGISTERED.replace("Registered", "Unregistered").replace(
    "Address: 127.0.0.1:46826", "Cause: Expired"
)
IAX_REGISTERED = """
Event: PeerStatus
Privilege: system,all
ChannelType: IAX2
Peer: IAX2/iaxdyn
PeerStatus: Registered
Address: 192.0.2.9
"""


def peers(text: str = SIP + IAX) -> Peers:
    kind = Peers(lambda: 0.0)
    listed(kind, text)
    return kind


def shown(kind: Peers) -> dict[str, tuple[str, ...]]:
    return values(kind, "IPaddress", "IPport", "Status")


def test_the_lists_of_both_are_one_kind() -> None:
    assert shown(peers()) == {
        "SIP/dave": ("-none-", "0", "UNKNOWN"),
        "SIP/eve": ("127.0.0.1", "9", "Unmonitored"),
        "IAX2/iaxdyn": ("(null)", "?", "UNKNOWN"),
    }


def test_an_item_without_a_name_tells_no_peer() -> None:
    (nameless,) = messages("Event: PeerEntry\nDynamic: yes")
    assert peers().item_of(nameless) is None


def test_events_tell_where_a_peer_is_and_whether_it_answers() -> None:
    kind = peers()
    happened(kind, REGISTERED)
    assert shown(kind)["SIP/dave"] == ("127.0.0.1", "46826", "UNKNOWN")
    happened(kind, REACHABLE)
    assert shown(kind)["SIP/dave"] == ("127.0.0.1", "46826", "OK")
    happened(kind, REACHABLE.replace("Reachable", "Lagged"))
    assert shown(kind)["SIP/dave"] == ("127.0.0.1", "46826", "LAGGED")
    happened(kind, UNREACHABLE)
    assert shown(kind)["SIP/dave"] == ("127.0.0.1", "46826", "UNREACHABLE")
    happened(kind, EXPIRED)
    assert shown(kind)["SIP/dave"] == ("-none-", "0", "UNKNOWN")
    assert not kind.is_outdated


def test_a_peer_that_is_not_monitored_stays_so() -> None:
    kind = peers()
    happened(kind, EXPIRED.replace("dave", "eve"))
    assert shown(kind)["SIP/eve"] == ("-none-", "0", "Unmonitored")


def test_an_address_of_ipv6_is_written_as_the_list_writes_it() -> None:
    kind = peers()
    happened(kind, REGISTERED.replace("127.0.0.1:46826", "[2001:db8::1]:5060"))
    assert shown(kind)["SIP/dave"] == ("2001:db8::1", "5060", "UNKNOWN")
    item = kind.by_key()[b"SIP/dave"]
    assert b"Address: [2001:db8::1]:5060\r\n" in (item.as_event(item.form.carriers[0]) or b"")


@pytest.mark.parametrize("address", ["", "nowhere"])
def test_an_address_without_a_port_is_no_address_of_sip(address: str) -> None:
    kind = peers()
    happened(kind, REGISTERED.replace("127.0.0.1:46826", address))
    assert shown(kind) == shown(peers())


def test_chan_iax2_tells_addresses_without_port() -> None:
    kind = peers()
    happened(kind, IAX_REGISTERED)
    assert values(kind, "IPaddress")["IAX2/iaxdyn"] == ("192.0.2.9",)
    happened(kind, IAX_REGISTERED.replace("Address: 192.0.2.9\n", ""))
    assert values(kind, "IPaddress")["IAX2/iaxdyn"] == ("192.0.2.9",)
    happened(kind, IAX_REGISTERED.replace("Registered", "Unregistered"))
    assert values(kind, "IPaddress", "Mask", "Port")["IAX2/iaxdyn"] == ("(null)",) * 3


def test_rejections_and_endpoints_of_pjsip_change_nothing() -> None:
    kind = peers()
    happened(kind, REGISTERED.replace("Registered", "Rejected"))
    happened(kind, REGISTERED.replace("SIP", "PJSIP") + "Peer: SIP/other\n" + "\nEvent: PeerStatus\n")
    assert shown(kind) == shown(peers())
    assert not kind.is_outdated


def test_a_peer_that_is_new_has_the_lists_asked_again_once() -> None:
    kind = peers()
    happened(kind, REGISTERED.replace("dave", "carol"))
    assert kind.is_outdated
    fresh = Peers(lambda: 0.0)
    fresh.inherit(kind)
    listed(fresh, SIP + IAX)
    happened(fresh, REGISTERED.replace("dave", "carol"))
    assert not fresh.is_outdated


def test_unlisted_peers_are_remembered_up_to_a_number() -> None:
    kind = peers()
    for number in range(1001):
        happened(kind, REGISTERED.replace("dave", str(number)))
    kind.is_outdated = False
    happened(kind, REGISTERED.replace("dave", "1"))
    assert kind.is_outdated


def test_the_lists_say_what_events_should_have_told() -> None:
    kind = peers()
    happened(kind, REGISTERED + REACHABLE)
    there = SIP.replace("-none-", "127.0.0.1").replace("IPport: 0", "IPport: 46826")
    assert listed(kind, there.replace("UNKNOWN", "OK (5 ms)") + IAX) == Drift()
    drift = listed(kind, there.replace("UNKNOWN", "LAGGED (5 ms)").replace("46826", "1") + IAX)
    assert sorted(drift.changed) == [(b"SIP/dave", b"IPport"), (b"SIP/dave", b"Status")]


def test_a_peer_without_an_address_has_a_status_that_no_event_tells() -> None:
    kind = peers()
    happened(kind, REGISTERED + REACHABLE + EXPIRED)
    assert listed(kind, SIP.replace("UNKNOWN", "OK (5 ms)") + IAX) == Drift()


def test_what_is_configured_is_told_by_no_event() -> None:
    kind = peers()
    assert listed(kind, SIP.replace("eve", "adam").replace("127.0.0.1", "192.0.2.1")) == Drift()
    assert listed(kind, SIP.replace("eve", "adam").replace("IPport: 9", "IPport: 8")) == Drift()
    assert listed(kind, IAX.replace("UNKNOWN", "OK (3 ms)")) == Drift()


def test_a_peer_is_judged_by_the_events_that_were_sent() -> None:
    kind = peers()
    happened(kind, REGISTERED + REACHABLE)
    dave, eve = kind.by_key()[b"SIP/dave"], kind.by_key()[b"SIP/eve"]
    frame = ["Event: PeerStatus", "Privilege: system,all", "ChannelType: SIP", "Peer: SIP/dave"]
    assert texts(dave.as_event(carrier) or b"" for carrier in dave.form.carriers) == [
        [*frame, "PeerStatus: Registered", "Address: 127.0.0.1:46826"],
        [*frame, "PeerStatus: Reachable"],
    ]
    assert [eve.as_event(carrier) for carrier in eve.form.carriers] == [None, None]
    happened(kind, EXPIRED)
    dave = kind.by_key()[b"SIP/dave"]
    assert texts([dave.as_event(dave.form.carriers[0]) or b""]) == [[*frame, "PeerStatus: Unregistered"]]
    happened(kind, IAX_REGISTERED)
    iax = kind.by_key()[b"IAX2/iaxdyn"]
    assert b"\r\nAddress: 192.0.2.9\r\n" in (iax.as_event(iax.form.carriers[0]) or b"")


def test_a_peer_that_ended_unseen_is_not_registered() -> None:
    kind = peers()
    assert texts(kind.closing(kind.by_key()[b"IAX2/iaxdyn"], {})) == [
        [
            "Event: PeerStatus",
            "Privilege: system,all",
            "ChannelType: IAX2",
            "Peer: IAX2/iaxdyn",
            "PeerStatus: Unregistered",
            "ProxySynthetic: yes",
        ]
    ]
