"""What one event says about its call."""

import pytest

from proxy.core.callfacts import CallFacts, device_of, read_facts


def event(name: str, **headers: str) -> bytes:
    lines = [f"Event: {name}", "Privilege: call,all", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join([*lines, "\r\n"]).encode()


@pytest.mark.parametrize(
    ("raw", "facts"),
    [
        (
            event(
                "Newchannel",
                Channel="PJSIP/100-00000001",
                Context="in",
                AccountCode="a",
                Uniqueid="1",
                Linkedid="1",
            ),
            CallFacts((b"1",), (b"1",), (b"PJSIP/100",), (b"in",), (b"a",), b""),
        ),
        (
            event("Rename", Channel="Local/1@a-0001;1", Newname="PJSIP/5-0002", Uniqueid="1"),
            CallFacts((b"1",), (), (b"Local/1@a", b"PJSIP/5"), (), (), b""),
        ),
        (
            event(
                "DialBegin",
                Channel="A/1-01",
                Context="x",
                Uniqueid="1",
                Linkedid="1",
                DestChannel="A/2-02",
                DestContext="y",
                DestAccountCode="b",
                DestUniqueid="2",
                DestLinkedid="1",
            ),
            CallFacts((b"1", b"2"), (b"1", b"1"), (b"A/1", b"A/2"), (b"x", b"y"), (b"b",), b""),
        ),
        (
            event(
                "BridgeEnter",
                BridgeUniqueid="b",
                BridgeTechnology="simple_bridge",
                Channel="A/1-01",
                Uniqueid="1",
            ),
            CallFacts((b"b", b"1"), (), (b"A/1",), (), (), b""),
        ),
        (
            event(
                "BridgeEnter",
                BridgeUniqueid="b",
                BridgeTechnology="holding_bridge",
                Channel="A/1-01",
                Uniqueid="1",
            ),
            CallFacts((b"1",), (), (b"A/1",), (), (), b""),
        ),
        (event("BridgeDestroy", BridgeUniqueid="b"), CallFacts((b"b",), (), (), (), (), b"b")),
        (
            event("Hangup", Channel="A/1-01", Uniqueid="1", Linkedid="1"),
            CallFacts((b"1",), (b"1",), (b"A/1",), (), (), b"1"),
        ),
        (
            event("CEL", Channel="A/1-01", UniqueID="1", LinkedID="9", AccountCode=""),
            CallFacts((b"1",), (b"9",), (b"A/1",), (), (), b"", records=True),
        ),
        (
            event(
                "ChanSpyStart",
                SpyerChannel="A/1-01",
                SpyerUniqueid="1",
                SpyeeChannel="A/2-01",
                SpyeeUniqueid="2",
            ),
            CallFacts((b"1",), (), (), (), (), b""),
        ),
        (
            event("UserEvent", Uniqueid="1", Linkedid="2", Channel="A/1", Context="x"),
            CallFacts((b"1",), (), (), (), (), b"", claims=True),
        ),
        (event("UserEvent", UserEvent="x"), CallFacts((), (), (), (), (), b"", claims=True)),
        (
            event("OriginateResponse", Channel="PJSIP/100", Uniqueid="<unknown>"),
            CallFacts((), (), (b"PJSIP/100",), (), (), b""),
        ),
        (
            event("QueueMemberStatus", Interface="PJSIP/1", StateInterface="PJSIP/2"),
            CallFacts((), (), (b"PJSIP/1", b"PJSIP/2"), (), (), b""),
        ),
        (event("PeerStatus", Peer="PJSIP/1"), CallFacts((), (), (b"PJSIP/1",), (), (), b"")),
        (b"Response: Success\r\n\r\n", CallFacts((), (), (), (), (), b"")),
    ],
)
def test_facts(raw: bytes, facts: CallFacts) -> None:
    assert read_facts(raw) == facts


def test_only_the_first_occurrence_of_a_header_counts() -> None:
    raw = event("Newexten", Channel="A/1-01", Uniqueid="1", AppData="x\r\nUniqueid: 2\r\nDestUniqueid: 3")
    assert read_facts(raw).ids == (b"1",)


@pytest.mark.parametrize(
    ("channel", "device"),
    [
        (b"PJSIP/100-0000002a", b"PJSIP/100"),
        (b"Local/1@ctx-0000002a;2", b"Local/1@ctx"),
        (b"DAHDI/1-1", b"DAHDI/1"),
        (b"PJSIP/my-phone-0000002a", b"PJSIP/my-phone"),
        (b"Message/ast_msg_queue", b"Message/ast_msg_queue"),
    ],
)
def test_device(channel: bytes, device: bytes) -> None:
    assert device_of(channel) == device
