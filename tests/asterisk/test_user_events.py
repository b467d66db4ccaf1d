"""The text of a user event comes out of the proxy byte for byte as at Asterisk's own port."""

import pytest

from tests.asterisk.door import Door
from tests.support.ami_client import Message

#: Lines of clients' user events: from public reports, and others that Asterisk copies.
_PAYLOADS = {
    "no-colon": [b"Body", b" with", b" XXXX"],
    "respelt": [
        b"key:value",
        b"url:http://pbx.example.org:8080/x",
        b"http://pbx.example.org/x",
        b"at:12:30:00",
    ],
    "blanks": [b"tab:\tx", b"two:  b", b"end: x  ", b"  lead: 1", b"\ttab: 2", b"inner \t: 3", b" "],
    "names": [
        b": nameless",
        b"na\xc3\xafve: 1",
        b"\xff\xfe: \x85\xa0",
        b"n" * 100 + b": 1",
        b"Two Words: 1",
        b"a=b",
    ],
    "frame-like": [
        b"Events: 1",
        b"Respons: 2",
        b"Privileges: x",
        b"EventListing: y",
        b"event",
        b"ExpectedResponse: z",
    ],
    "many": [b"X: 1", b"X: 2", b"x: 3", b"Variable: a=1", b"Variable", b"UserEvent", b"Note: Event: Hangup"],
    "long": [b"l" * 1022, b"L: " + b"x" * 1019],
}


async def _event(door: Door, maker: Door, sent: bytes, name: str) -> bytes:
    """The event that a reader at this door gets when these bytes are sent at the other one."""
    async with await door.login() as reader, await maker.login(Events="off") as sender:
        sender.send_raw(sent)
        # With the sender's ActionID: the other door's reader may still get the event that was sent before.
        event = await reader.take(
            lambda m: m.event == "UserEvent" and m.get("UserEvent") == name and m.get("ActionID"), name
        )
        return event.raw


@pytest.mark.parametrize("way", _PAYLOADS)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
async def test_a_clients_user_event_is_the_same_at_both_doors(
    direct: Door, proxied: Door, way: str, end: bytes
) -> None:
    name = f"Lab-{way}"
    lines = [b"Action: UserEvent", b"ActionID: 1", f"UserEvent: {name}".encode(), *_PAYLOADS[way]]
    if end == b"\r\n" or way != "long":
        sent = end.join([*lines, b"", b""])
    else:
        sent = end.join([*lines[:3], b"l" * 1000, b"", b""])
    native = await _event(direct, direct, sent, name)
    assert await _event(proxied, proxied, sent, name) == native
    if way != "long":
        body = native.split(b"\r\n")
        assert [line for line in body if line in _PAYLOADS[way]] == _PAYLOADS[way]


#: Arguments of the dialplan's application, with the usual blank in other tests' extensions.
_DIALPLAN = {
    "blank": "amdevent,status: MACHINE",
    "several": "LabArgs,a: 1,  b:2,\tc: 3,d:  4,Empty:,na\u00efve: x",
    "colons": "LabArgs,url: http://pbx/x?a=b:c,at: 12:30:00",
    "frame-like": "LabArgs,Events: 1,eventlisting: x,Responses: y",
}


@pytest.mark.parametrize("way", _DIALPLAN)
async def test_the_dialplans_user_event_is_the_same_at_both_doors(
    direct: Door, proxied: Door, way: str
) -> None:
    async with await direct.login(Events="off") as client:
        added = await client.action(
            "DialplanExtensionAdd",
            Context="lab-said",
            Extension=way,
            Priority="1",
            Application="UserEvent",
            ApplicationData=_DIALPLAN[way],
            Replace="yes",
        )
        assert added.get("Response") == "Success", added
    name = _DIALPLAN[way].partition(",")[0]

    def is_it(message: Message) -> bool:
        return f"UserEvent: {name}\r\n".encode() in message.raw

    async with await direct.login() as native, await proxied.login() as reader:
        await reader.action(
            "Originate", Channel=f"Local/{way}@lab-said", Application="Wait", Data="1", Async="true"
        )
        event = await native.take(is_it)
        assert (await reader.take(is_it)).raw == event.raw
    if way == "blank":
        assert b"status: MACHINE\r\n" in event.raw


@pytest.mark.parametrize(
    "line", [" Event: x", "\tPRIVILEGE: all", "response : Success", "EventList:Complete"]
)
async def test_a_client_cannot_write_a_frame_header(direct: Door, proxied: Door, line: str) -> None:
    sent = f"Action: UserEvent\r\nActionID: f\r\nUserEvent: LabFrame\r\n{line}\r\n\r\n".encode()
    assert line.encode() + b"\r\n" in await _event(direct, direct, sent, "LabFrame")
    async with await proxied.login() as client:
        client.send_raw(sent)
        assert (await client.response("f")).get("Message") == "Permission denied"


async def test_the_dialplan_cannot_write_a_frame_header(direct: Door, proxied: Door) -> None:
    async with await direct.login(Events="off") as client:
        await client.action(
            "DialplanExtensionAdd",
            Context="lab-said",
            Extension="frame",
            Priority="1",
            Application="UserEvent",
            ApplicationData="LabFramed, Event: Hangup,Privilege: x,eventlist : y,Kept: 1",
            Replace="yes",
        )
    async with await direct.login() as native, await proxied.login() as reader:
        await reader.action(
            "Originate", Channel="Local/frame@lab-said", Application="Wait", Data="1", Async="true"
        )
        event = (await native.wait_event("UserEvent", UserEvent="LabFramed")).raw
        expected = event
        for line in event.split(b"\r\n")[2:]:
            if line.partition(b":")[0].strip().lower() in {b"event", b"privilege", b"eventlist"}:
                expected = expected.replace(b"\r\n" + line + b"\r\n", b"\r\n")
        assert (await reader.wait_event("UserEvent", UserEvent="LabFramed")).raw == expected
        assert event != expected
