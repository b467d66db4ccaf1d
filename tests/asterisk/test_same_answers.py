"""The same action at both doors gives the same bytes."""

import asyncio
import re

import pytest

from tests.asterisk.door import Door
from tests.support.ami_client import AmiClient

#: Values that depend on time or on a counter: different in each answer, at Asterisk's door too.
VARYING = re.compile(
    rb"(?<=\r\n)(Timestamp|Challenge|CoreStartup\w+|CoreReload\w+|CoreCurrentCalls|SystemUptime): [^\r]*"
)

QUESTIONS = [
    ("CoreSettings", {}),
    ("CoreStatus", {}),
    ("CoreShowChannels", {}),
    ("Status", {}),
    ("Status", {"Channel": "Local/none"}),
    ("QueueStatus", {}),
    ("QueueStatus", {"Queue": "lab-queue", "Member": "none"}),
    ("QueueSummary", {}),
    ("QueueRule", {}),
    ("QueueAdd", {"Queue": "none", "Interface": "Local/1@lab"}),
    ("QueuePause", {"Interface": "Local/none@lab", "Paused": "true"}),
    ("DBPut", {"Family": "lab", "Key": "same", "Val": "zażółć"}),
    ("DBGet", {"Family": "lab", "Key": "same"}),
    ("DBGet", {"Family": "lab", "Key": "none"}),
    ("DBDel", {"Family": "lab", "Key": "none"}),
    ("ExtensionState", {"Exten": "100", "Context": "lab"}),
    ("ExtensionStateList", {}),
    ("DeviceStateList", {}),
    ("PresenceStateList", {}),
    ("PresenceState", {"Provider": "none:1"}),
    ("Getvar", {"Variable": "LAB"}),
    ("Getvar", {}),
    ("Setvar", {"Variable": "LAB_SAME", "Value": "2"}),
    ("Setvar", {}),
    ("Command", {"Command": "core show version"}),
    ("Command", {"Command": "core show channels"}),
    ("Command", {"Command": "dialplan show lab"}),
    ("Command", {"Command": "no such thing"}),
    ("Command", {"Command": "module load x"}),
    ("Command", {}),
    ("GetConfig", {"Filename": "cel.conf"}),
    ("GetConfig", {"Filename": "none.conf"}),
    ("GetConfigJSON", {"Filename": "queues.conf"}),
    ("GetConfig", {}),
    ("ListCategories", {"Filename": "queues.conf"}),
    ("ListCommands", {}),
    ("ShowDialPlan", {"Context": "lab"}),
    ("ShowDialPlan", {"Context": "none"}),
    ("BridgeList", {}),
    ("BridgeInfo", {"BridgeUniqueid": "none"}),
    ("BridgeTechnologyList", {}),
    ("ParkedCalls", {}),
    ("Parkinglots", {}),
    ("ConfbridgeListRooms", {}),
    ("ConfbridgeList", {"Conference": "none"}),
    ("MailboxCount", {"Mailbox": "1@default"}),
    ("Hangup", {"Channel": "Local/none"}),
    ("Hangup", {"Channel": "/none/"}),
    ("Redirect", {"Channel": "Local/none", "Context": "lab", "Exten": "answer", "Priority": "1"}),
    ("Atxfer", {}),
    ("Bridge", {"Channel1": "x", "Channel2": "y"}),
    ("AbsoluteTimeout", {"Channel": "x", "Timeout": "5"}),
    ("PlayDTMF", {"Channel": "x", "Digit": "1"}),
    ("ModuleCheck", {"Module": "app_dial"}),
    ("ModuleCheck", {"Module": "none"}),
    ("Events", {"EventMask": "call,user"}),
    ("Events", {"EventMask": "none"}),
    ("Events", {"EventMask": ""}),
    ("Events", {}),
    ("Filter", {"Operation": "Remove", "Filter": "x"}),
    ("Filter", {"Operation": "Add", "Filter": "["}),
    ("Challenge", {}),
    ("Challenge", {"AuthType": "MD5"}),
    ("Login", {"Username": "nobody"}),
    ("WaitEvent", {"Timeout": "0"}),
    ("UserEvent", {"UserEvent": "Same"}),
    ("Ping", {}),
    ("Logoff", {}),
    ("ping", {}),
    ("", {}),
    ("NoSuchAction", {}),
]

#: Actions that the proxy refuses to class call and Asterisk does not (stricter.py gives the reasons).
REFUSED = {"limited": {("Setvar",), ("Setvar", "LAB_SAME", "2"), ("Hangup", "/none/")}}

#: Actions that Asterisk allows to all users that are logged in; they change objects that others use.
MORE_THAN_A_LOGIN = {
    b"BridgeDestroy",
    b"BridgeKick",
    b"BridgeTechnologySuspend",
    b"BridgeTechnologyUnsuspend",
    b"QueueChangePriorityCaller",
    b"QueueReload",
    b"QueueReset",
    b"QueueWithdrawCaller",
}

#: Not an action from the table: raw bytes, each answered by exactly one response.
ODDITIES = [
    b"\r\n",
    b"ActionID: same\r\n\r\n",
    b"Action: Ping\nActionID: same\n\n",
    b"Action:Ping\r\nActionID:same\r\n\r\n",
    b"Action : Ping\r\nActionID: same\r\n\r\n",
    b"Action: Ping \r\nActionID: same\r\n\r\n",
    b"Action: Ping\r\nActionID: same\r\nActionID: other\r\n\r\n",
    b"Action: Ping\r\nActionID:\r\nActionID: other\r\n\r\n",
    b"Action:\r\nAction: Ping\r\nActionID: same\r\n\r\n",
    b"aCTION: pING\r\naCTIONid: same\r\nno colon here\r\n\r\n",
    b"Action: Ping\r\nActionID: same\r\nX: " + b"y" * 1019 + b"\r\n\r\n",
    b"Action: Ping\r\nActionID: same\r\nX: " + b"y" * 1021 + b"\r\n\r\n",
    b"Action: Ping\r\nActionID: same\r\n" + b"X: y\r\n" * 126 + b"\r\n",
    b"Action: Ping\r\nActionID: same\r\n" + b"X: y\r\n" * 127 + b"\r\n",
]


@pytest.fixture(autouse=True)
async def no_channels_left_over(direct: Door) -> None:
    """The calls of earlier tests end first: they would be in one of the two answers."""
    async with await direct.login(Events="off") as client, asyncio.timeout(20):
        await client.action("Hangup", Channel="/./")
        while (await client.event_list("CoreShowChannels"))[1]:
            pass


def steady(client: AmiClient, begin: int) -> list[bytes]:
    return [
        VARYING.sub(rb"\1: *", message.raw)
        for message in client.log[begin:]
        if message.is_response or message.get("ActionID")
    ]


async def asked(door: Door, user: str, action: str, headers: dict[str, str]) -> list[bytes]:
    async with await door.login(user, Events="off") as client:
        begin = len(client.log)
        answer = await client.action(action, ActionID="same", **headers)
        if (answer.get("EventList") or "").lower() == "start":
            await client.take(lambda message: message.get("EventList") == "Complete")
        if answer.get("Response") != "Goodbye":
            await client.action("Ping", ActionID="fence")
        return steady(client, begin)


@pytest.mark.parametrize(
    ("action", "headers"), QUESTIONS, ids=[f"{name} {' '.join(more.values())}" for name, more in QUESTIONS]
)
async def test_a_user_with_all_rights_gets_the_same_answers(
    direct: Door, proxied: Door, action: str, headers: dict[str, str]
) -> None:
    assert await asked(proxied, "proxy", action, headers) == await asked(direct, "proxy", action, headers)


@pytest.mark.parametrize("user", ["limited", "lab-reader", "lab-originate"])
async def test_a_user_with_few_rights_gets_the_same_answers(direct: Door, proxied: Door, user: str) -> None:
    for action, headers in QUESTIONS:
        through = await asked(proxied, user, action, headers)
        said = await asked(direct, user, action, headers)
        if action == "ListCommands":
            hidden = set(said[0].split(b"\r\n")) - set(through[0].split(b"\r\n"))
            assert {line.partition(b":")[0] for line in hidden} - {b"LoggerRotate"} == MORE_THAN_A_LOGIN
            assert all(
                line.endswith(b"(Priv: <none>)") or line.startswith(b"LoggerRotate:") for line in hidden
            )
        elif (action, *headers.values()) in REFUSED.get(user, ()):
            refused = b"Response: Error\r\nActionID: same\r\nMessage: Permission denied\r\n"
            assert through[0].startswith((refused + b"\r\n", refused + b"ProxyReason: "))
            assert through[0] not in said
        else:
            assert through == said, (action, headers)


@pytest.mark.parametrize("sent", ODDITIES, ids=[repr(sent[:60]) for sent in ODDITIES])
async def test_oddly_written_actions_get_the_same_answers(direct: Door, proxied: Door, sent: bytes) -> None:
    said = []
    for door in (direct, proxied):
        async with await door.login(Events="off") as client:
            begin = len(client.log)
            client.send_raw(sent)
            await client.take(lambda message: message.is_response)
            await client.action("Ping", ActionID="fence")
            said.append(steady(client, begin))
    assert said[1] == said[0]
