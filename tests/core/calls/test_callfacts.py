"""The facts that one event states about its call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.calls.callfacts import CallFacts, device_of, read_facts
from tests.support.examples import examples


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
                ChannelState="0",
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
                ChannelState="6",
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
            event("CEL", EventName="x", AccountCode="", Channel="A/1-01", UniqueID="1", LinkedID="9"),
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
        (
            event("UserEvent", UserEvent="x"),
            CallFacts((), (), (), (), (), b"", claims=True, of_no_call=True),
        ),
        (
            event("OriginateResponse", Channel="PJSIP/100", Uniqueid="<unknown>"),
            CallFacts((), (), (b"PJSIP/100",), (), (), b""),
        ),
        (
            event("QueueMemberStatus", Interface="PJSIP/1", StateInterface="PJSIP/2"),
            CallFacts((), (), (b"PJSIP/1", b"PJSIP/2"), (), (), b""),
        ),
        (
            event("PeerStatus", Peer="PJSIP/1"),
            CallFacts((), (), (b"PJSIP/1",), (), (), b"", of_no_call=True),
        ),
        (b"Response: Success\r\n\r\n", CallFacts((), (), (), (), (), b"")),
    ],
)
def test_an_event_states_these_facts(raw: bytes, facts: CallFacts) -> None:
    assert read_facts(raw) == facts


def test_a_header_with_two_different_values_states_nothing() -> None:
    raw = event("Newexten", Channel="A/1-01", ChannelState="6", Uniqueid="1", AppData="x\r\nUniqueid: 2")
    assert read_facts(raw) == CallFacts((), (), (b"A/1",), (), (), b"", unclear=True)
    raw = event("UserEvent", Channel="A/1-01", Uniqueid="1", UserEvent="x\r\nUniqueid: 2")
    assert read_facts(raw) == CallFacts((), (), (), (), (), b"", claims=True, unclear=True)


def test_a_header_repeated_with_one_value_states_it() -> None:
    raw = event("UserEvent", Channel="A/1-01", Uniqueid="1", UserEvent="x\r\nUniqueid: 1")
    assert read_facts(raw).ids == (b"1",)


def test_headers_that_asterisk_does_not_write_there_state_nothing() -> None:
    raw = event("Newexten", Channel="A/1-01", ChannelState="6", Uniqueid="1", AppData="x\r\nDestUniqueid: 2")
    assert read_facts(raw).ids == (b"1",)
    raw = event("Thing", Text="x", Channel="A/1-01", Uniqueid="1")
    assert read_facts(raw) == CallFacts((), (), (), (), (), b"", unclear=True)
    assert read_facts(event("Thing", Text="x", Peer="A/1")) == CallFacts((), (), (), (), (), b"")


def test_options_of_asterisk_may_put_headers_before_the_body() -> None:
    raw = event(
        "Newstate",
        Timestamp="1.5",
        SequenceNumber="1",
        SystemName="pbx",
        Channel="A/1-01",
        Uniqueid="1",
        Linkedid="2",
    )
    assert read_facts(raw) == CallFacts((b"1",), (b"2",), (b"A/1",), (), (), b"")


# -- Asterisk's own writing, with any text from callers in the values that it does not escape

_LINES = st.sampled_from(
    [
        *(
            f"{prefix}{header}: {value}"
            for prefix in ("", "Dest", "LocalTwo", "Bridge", "To", "Transferee")
            for header, value in (
                ("Channel", "PJSIP/victim-01"),
                ("ChannelState", "6"),
                ("Uniqueid", "victim"),
                ("uniqueID", "victim"),
                ("Linkedid", "victim"),
                ("Context", "victim"),
                ("AccountCode", "victim"),
            )
        ),
        "BridgeTechnology: simple_bridge",
        "Interface: PJSIP/victim",
        "SystemName: x",
        "Event: BridgeEnter",
        "plain",
    ]
)
_FREE = st.lists(_LINES, max_size=8).map(lambda lines: "\r\n".join(["x", *lines]))


@st.composite
def snapshots(draw: st.DrawFn, prefix: str, number: str) -> list[str]:
    """ast_manager_build_channel_state_string_prefix of manager_channels.c."""
    free = {name: draw(_FREE) for name in ("CallerIDNum", "ConnectedLineNum", "Language", "Exten")}
    return [
        f"{prefix}Channel: PJSIP/own-{number}",
        f"{prefix}ChannelState: 6",
        f"{prefix}ChannelStateDesc: Up",
        f"{prefix}CallerIDNum: {free['CallerIDNum']}",
        f"{prefix}CallerIDName: x",
        f"{prefix}ConnectedLineNum: {free['ConnectedLineNum']}",
        f"{prefix}ConnectedLineName: x",
        f"{prefix}Language: {free['Language']}",
        f"{prefix}AccountCode: own",
        f"{prefix}Context: own",
        f"{prefix}Exten: {free['Exten']}",
        f"{prefix}Priority: 1",
        f"{prefix}Uniqueid: own{number}",
        f"{prefix}Linkedid: own",
    ]


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """One event as Asterisk writes it, about a call that is not the victim's."""
    free = draw(_FREE)
    bridge = [
        "BridgeUniqueid: ownb",
        "BridgeType: x",
        "BridgeTechnology: holding_bridge",
        f"BridgeName: {free}",
    ]
    name, lines = draw(
        st.sampled_from(
            [
                ("Newexten", [*draw(snapshots("", "1")), f"AppData: {free}"]),
                ("NewOfLater", [*draw(snapshots("", "1")), f"Text: {free}"]),
                ("DialBegin", [*draw(snapshots("Dest", "1")), f"DialString: {free}"]),
                ("DialEnd", [*draw(snapshots("", "1")), *draw(snapshots("Dest", "2")), f"Forward: {free}"]),
                (
                    "LocalBridge",
                    [
                        *draw(snapshots("LocalOne", "1")),
                        *draw(snapshots("LocalTwo", "2")),
                        "Context: own",
                        f"Exten: {free}",
                    ],
                ),
                ("BridgeEnter", [*bridge, *draw(snapshots("", "1"))]),
                ("BridgeDestroy", bridge),
                ("ConfbridgeJoin", [f"Conference: {free}", *bridge, *draw(snapshots("", "1"))]),
                (
                    "BlindTransfer",
                    ["Result: Success", *draw(snapshots("Transferer", "1")), f"Extension: {free}"],
                ),
                (
                    "Cdr",
                    [
                        f"AccountCode: {free}",
                        f"Source: {free}",
                        "Channel: PJSIP/own-1",
                        f"LastData: {free}",
                        "UniqueID: own1",
                        f"UserField: {free}",
                    ],
                ),
                (
                    "CEL",
                    [
                        f"EventName: {free}",
                        "AccountCode: own",
                        f"Exten: {free}",
                        "Context: own",
                        "Channel: PJSIP/own-1",
                        "UniqueID: own1",
                        "LinkedID: own",
                        f"Peer: {free}",
                    ],
                ),
                (
                    "OriginateResponse",
                    [
                        "Response: Failure",
                        "Channel: PJSIP/own",
                        f"Data: {free}",
                        "Reason: 0",
                        "Uniqueid: <unknown>",
                        f"CallerIDNum: {free}",
                    ],
                ),
                (
                    "QueueMemberStatus",
                    ["Queue: x", f"MemberName: {free}", "Interface: PJSIP/own", "StateInterface: PJSIP/own"],
                ),
                ("UserEvent", [*draw(snapshots("", "1")), "UserEvent: x", f"Body: {free}"]),
                ("MessageWaiting", [f"Mailbox: {free}", "Waiting: 1"]),
            ]
        )
    )
    return "\r\n".join([f"Event: {name}", "Privilege: call,all", *lines, "\r\n"]).encode()


@examples(1.5)
@given(events())
def test_no_line_end_in_a_value_makes_an_event_name_another_call(raw: bytes) -> None:
    facts = read_facts(raw)
    told = [*facts.ids, *facts.linked, *facts.devices, *facts.contexts, *facts.accountcodes, facts.ended]
    assert not [value for value in told if b"victim" in value], facts
    named = b"Uniqueid" in raw.replace(b"Uniqueid: <unknown>", b"") or b"Linkedid" in raw
    assert facts.ids or facts.linked or facts.unclear or not named


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
def test_the_device_is_the_channel_without_its_suffix(channel: bytes, device: bytes) -> None:
    assert device_of(channel) == device
