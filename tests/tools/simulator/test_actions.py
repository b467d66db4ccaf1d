"""The actions' responses and effects, over a socket; texts and header order are those of Asterisk 22."""

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.tools.simulator import Settings, Simulator
from amiproxy.tools.simulator.actions import offered_actions
from tests.tools.simulator.simulated import SETTINGS, USERS, session

REFUSALS = [
    ("Originate", {}, "Channel not specified"),
    ("Originate", {"Channel": "foo"}, "Invalid channel"),
    ("Originate", {"Channel": "Local/x@lab", "Timeout": "abc"}, "Invalid timeout"),
    ("Originate", {"Channel": "Local/x@lab", "Priority": "abc"}, "Invalid priority"),
    (
        "Originate",
        {"Channel": "Local/answer@lab"},
        "Originate with 'Exten' requires 'Context' and 'Priority'",
    ),
    (
        "Originate",
        {"Channel": "Local/answer@lab", "Context": "lab", "Exten": "nosuch", "Priority": "1"},
        "Extension does not exist.",
    ),
    ("Originate", {"Channel": "Bogus/1", "Application": "Wait"}, "Originate failed"),
    ("Originate", {"Channel": "Local/busy@lab", "Application": "Wait"}, "Originate failed"),
    ("Redirect", {}, "Channel not specified"),
    ("Redirect", {"Channel": "x"}, "Context not specified"),
    ("Redirect", {"Channel": "x", "Context": "lab", "Exten": "a", "Priority": "z"}, "Priority is invalid"),
    (
        "Redirect",
        {"Channel": "x", "Context": "lab", "Exten": "a", "Priority": "1"},
        "Channel does not exist: x",
    ),
    ("Hangup", {}, "No channel specified"),
    ("Hangup", {"Channel": "x"}, "No such channel"),
    ("Status", {"Channel": "x"}, "No such channel"),
    ("Getvar", {}, "No variable specified"),
    ("Getvar", {"Channel": "x", "Variable": "A"}, "No such channel"),
    ("Setvar", {}, "No variable specified"),
    ("Setvar", {"Channel": "x", "Variable": "A"}, "No such channel"),
    ("Command", {}, "No command provided"),
    ("Command", {"Command": "Module Load x"}, "Command blacklisted"),
    ("Reload", {"Module": "nosuch"}, "No such module"),
    ("Events", {}, "Invalid event mask"),
    ("Challenge", {}, "Must specify AuthType"),
    ("QueuePause", {"Interface": "PJSIP/alice"}, "Need 'Interface' and 'Paused' parameters."),
    ("QueuePause", {"Interface": "x", "Paused": "1"}, "Interface not found"),
    ("DBGet", {}, "No family specified"),
    ("DBGet", {"Family": "a"}, "No key specified"),
    ("DBGet", {"Family": "a", "Key": "b"}, "Database entry not found"),
    ("DBDel", {"Family": "a", "Key": "b"}, "Database entry not found"),
    ("DBDel", {}, "No family specified"),
    ("DBPut", {}, "No family specified"),
]


@pytest.mark.parametrize(("action", "headers", "text"), REFUSALS)
async def test_invalid_actions_are_refused_with_asterisks_text(
    action: str, headers: dict[str, str], text: str
) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        answer = await client.action(action, **headers)
        assert (answer.get("Response"), answer.get("Message")) == ("Error", text)


@pytest.mark.parametrize(
    ("action", "headers", "text"),
    [
        ("Getvar", {"Variable": "SHELL(id)"}, "GetVar Access Forbidden: Variable"),
        ("Status", {"Variables": "EVAL(x)"}, "Status Access Forbidden: Variables"),
        ("Originate", {"Application": "system"}, "Originate Access Forbidden: app or data blacklisted"),
        (
            "Originate",
            {"Application": "Set", "Data": "DB(a/b)=1"},
            "Originate Access Forbidden: app or data blacklisted",
        ),
        (
            "Originate",
            {"Application": "Queue", "Data": "q,,,,,a"},
            "Originate Access Forbidden: app or data blacklisted",
        ),
    ],
)
async def test_some_uses_of_an_action_need_another_class(
    action: str, headers: dict[str, str], text: str
) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, "caller", events="off") as client:
        headers = {"Channel": "Local/answer@lab", **headers} if action == "Originate" else headers
        assert (await client.action(action, **headers)).get("Message") == text


async def test_a_queue_application_without_agi_is_allowed() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, "caller", events="off") as client:
        answer = await client.action(
            "Originate", Channel="Local/answer@lab", Application="Queue", Data="q,,,,"
        )
        assert answer.get("Message") == "Originate successfully queued"


async def test_channels_are_listed_shown_redirected_and_hung_up() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        answer = await client.action(
            "Originate",
            ("Variable", "A=1"),
            Channel="Local/echo@lab/n",
            Application="Echo",
            CallerID='"Bob" <123>',
        )
        assert answer.get("Message") == "Originate successfully queued"
        _, channels, end = await client.event_list("CoreShowChannels")
        assert [channel.get("Channel") for channel in channels] == [
            "Local/echo@lab-00000000;2",
            "Local/echo@lab-00000000;1",
        ]
        assert end.headers[-1] == ("ListItems", "2")
        assert [name for name, _ in channels[0].headers][-6:] == [
            *("Uniqueid", "Linkedid", "Application", "ApplicationData", "Duration", "BridgeId")
        ]
        one, two = "Local/echo@lab-00000000;1", "Local/echo@lab-00000000;2"
        _, (status,), end = await client.event_list("Status", Channel=one, Variables="A,CALLERID(num)")
        assert status.all("Variable") == ["A=1", "CALLERID(num)=123"]
        assert end.headers[-1] == ("Items", "1")
        assert (await client.action("Setvar", Channel=one, Variable="A", Value="2")).get(
            "Message"
        ) == "Variable Set"
        await client.wait_event("VarSet", Channel=one, Variable="A", Value="2")
        assert (await client.action("Getvar", Channel=one.upper(), Variable="A")).get("Value") == "2"
        redirected = await client.action("Redirect", Channel=one, Context="lab", Exten="wait60", Priority="1")
        assert redirected.get("Message") == "Redirect successful"
        await client.wait_event("Hangup", Channel=two)
        await client.wait_event("Newexten", Channel=one, Application="Wait", AppData="60")
        assert (await client.action("Hangup", Channel=one, Cause="17")).get("Message") == "Channel Hungup"
        assert (await client.wait_event("Hangup", Channel=one)).get("Cause") == "17"
        _, channels, _ = await client.event_list("CoreShowChannels")
        assert channels == []


async def test_hanging_up_by_pattern_answers_with_a_list() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        await client.action("Originate", Channel="Local/echo@lab/n", Application="Echo")
        await client.action("Originate", Channel="PJSIP/alice", Application="Echo")
        response, items, _ = await client.event_list("Hangup", Channel="/^Local.*/")
        assert response.get("Message") == "Channels hung up will follow"
        assert [item.get("Channel") for item in items] == [
            "Local/echo@lab-00000000;2",
            "Local/echo@lab-00000000;1",
        ]
        await client.wait_event("Hangup", Channel="Local/echo@lab-00000000;2")
        _, channels, _ = await client.event_list("CoreShowChannels")
        assert [channel.get("Channel") for channel in channels] == ["PJSIP/alice-00000000"]


async def test_an_asynchronous_call_is_answered_at_once_and_its_outcome_reported_later() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        await client.action("Originate", Channel="PJSIP/busy", Application="Wait", Async="true", ActionID="x")
        told = await client.wait_event("OriginateResponse")
        assert (told.get("ActionID"), told.get("Response"), told.get("Reason")) == ("x", "Failure", "5")
        kinds = [message.event or message.get("Message") for message in client.log]
        assert kinds.index("Originate successfully queued") < kinds.index("Newchannel")


async def test_a_user_event_is_copied_unchanged_to_all_sessions() -> None:
    async with (
        Simulator(USERS, SETTINGS) as simulator,
        session(simulator) as client,
        session(simulator) as other,
    ):
        client.send_raw(
            b"Action: UserEvent\r\nPrivilege: system,all\r\nActionID: 7\r\nNo header\r\n"
            b"UserEvent: A\r\nK:  v\r\n\r\n"
        )
        assert (await client.response("7")).get("Message") == "Event Sent"
        event = await other.wait_event("UserEvent")
        assert event.raw == (
            b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: A\r\n"
            b"Privilege: system,all\r\nActionID: 7\r\nNo header\r\nK:  v\r\n\r\n"
        )


async def test_queues_are_shown_and_changed() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        _, items, end = await client.event_list("QueueStatus")
        assert [item.event for item in items] == [
            "QueueParams",
            "QueueMember",
            "QueueMember",
            "QueueParams",
            "QueueMember",
        ]
        assert end.headers[-1] == ("ListItems", "5")
        _, items, _ = await client.event_list("QueueStatus", Queue="sales", Member="PJSIP/carol")
        assert [item.get("Queue") for item in items] == ["sales", "sales"]
        _, items, _ = await client.event_list("QueueStatus", Queue="none")
        assert items == []
        await client.action("QueuePause", Interface="PJSIP/alice", Paused="true")
        assert (await client.wait_event("QueueMemberPause")).get("Paused") == "1"
        _, items, _ = await client.event_list("QueueSummary")
        assert [item.get("Available") for item in items] == ["1", "1"]
        simulator.calls.place("queue")
        joined = await client.wait_event("QueueCallerJoin")
        _, items, _ = await client.event_list("QueueStatus")
        (entry,) = (item for item in items if item.event == "QueueEntry")
        assert entry.get("Channel") == joined.get("Channel")


async def test_the_database_can_be_read_and_written() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        await client.action("DBPut", Family="a", Key="b", Val="c")
        _, (item,), _ = await client.event_list("DBGet", Family="a", Key="b")
        assert [name for name, _ in item.headers] == ["Event", "Family", "Key", "Val", "ActionID"]
        assert (await client.action("DBDel", Family="a", Key="b")).get(
            "Message"
        ) == "Key deleted successfully"


async def test_a_system_name_is_in_settings_events_and_ids() -> None:
    settings = Settings(login_delay=0.0, system_name="pbx1")
    async with Simulator(USERS, settings) as simulator, session(simulator) as client:
        assert (await client.action("CoreSettings")).get("SystemName") == "pbx1"
        await client.action("UserEvent", UserEvent="Hello", Note="x")
        event = await client.wait_event("UserEvent")
        assert [name for name, _ in event.headers][:4] == ["Event", "Privilege", "SystemName", "UserEvent"]
        channel = simulator.pbx.channel("PJSIP/alice", "internal", "100")
        assert channel.uniqueid.startswith("pbx1-")


async def test_settings_and_status_are_answered() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        settings = await client.action("CoreSettings")
        assert settings.get("AMIversion") == "11.0.0"
        status = await client.action("CoreStatus")
        assert [name for name, _ in status.headers][2:] == [
            *("CoreStartupDate", "CoreStartupTime", "CoreReloadDate", "CoreReloadTime"),
            *("CoreCurrentCalls", "CoreProcessedCalls"),
        ]
        assert (await client.action("Reload")).get("Message") == "Module Reloaded"
        assert (await client.wait_event("Reload")).get("Module") == "All"
        await client.action("Setvar", Variable="G", Value="1")
        assert (await client.wait_event("VarSet", Channel="none")).get("Value") == "1"
        assert (await client.action("Getvar", Variable="G")).get("Value") == "1"
        assert (await client.action("Getvar", Variable="UNSET")).get("Value") == ""
        _, bridges, _ = await client.event_list("BridgeList")
        assert bridges == []


@pytest.mark.parametrize(
    ("command", "response", "line"),
    [
        ("core show version", "Success", "Asterisk 22.10.1 simulated by ami-proxy"),
        ("core  show uptime", "Success", "System uptime: 0 seconds"),
        ("core show channels", "Success", "0 active channels"),
        ("core show channels concise", "Success", None),
        ("queue show", "Success", "   Members: "),
        (
            "no such command",
            "Error",
            "No such command 'no such command' (type 'core show help no such' for other possible commands)",
        ),
        (
            "core show foo",
            "Error",
            "No such command 'core show foo' "
            "(type 'core show help core show foo' for other possible commands)",
        ),
        (
            "core nosuch x y",
            "Error",
            "No such command 'core nosuch x y' "
            "(type 'core show help core nosuch x' for other possible commands)",
        ),
    ],
)
async def test_cli_commands_are_answered(command: str, response: str, line: str | None) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        answer = await client.action("Command", Command=command)
        assert (answer.get("Response"), answer.get("Message")) == (response, "Command output follows")
        assert line is None or line in answer.all("Output")


async def test_cli_commands_show_calls() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        await client.action("Originate", Channel="PJSIP/alice", Application="Echo")
        assert "1 active call" in (await client.action("Command", Command="core show channels")).all("Output")
        (line,) = (await client.action("Command", Command="core show channels concise")).all("Output")
        assert line.startswith("PJSIP/alice-00000000!")


async def test_the_old_form_of_command_can_be_chosen() -> None:
    async with (
        Simulator(USERS, Settings(old_command_form=True)) as simulator,
        session(simulator, events="off") as client,
    ):
        client.send("Command", Command="core show version", ActionID="7")
        assert (await client.response("7")).raw == (
            b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\n"
            b"Asterisk 22.10.1 simulated by ami-proxy\n--END COMMAND--\r\n\r\n"
        )


@pytest.mark.parametrize("seconds", ["0", "1", "x"])
async def test_wait_event_returns_in_time(seconds: str) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        answer = await client.action("WaitEvent", Timeout=seconds)
        assert answer.get("Message") == "Waiting for Event completed."
        assert (await client.wait_event("WaitEventComplete")).get("ActionID") == answer.get("ActionID")


async def test_wait_event_returns_when_an_event_happens() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        await client.wait_event("SuccessfulAuth")
        waiting = client.send("WaitEvent")
        await simulator.until_received(b"Action: WaitEvent")
        simulator.broadcast(b"Event: A\r\nPrivilege: call,all\r\n\r\n")
        await client.response(waiting)
        await client.wait_event("WaitEventComplete")
        assert [message.event for message in client.log][-3:] == [None, "A", "WaitEventComplete"]


def test_every_offered_action_has_asterisks_classes() -> None:
    for key, offered in offered_actions().items():
        listed = SHIPPED.find(key)
        assert listed is not None
        assert (offered.name, offered.classes) == (listed.name.decode(), listed.classes)


async def test_a_scripted_action_gives_its_scripted_answer() -> None:
    simulator = Simulator(USERS, SETTINGS)
    simulator.script("IAXnetstats", lambda _: b"raw rows\r\n\r\n")
    simulator.script(
        "Mine", lambda request: b"Response: Success\r\nActionID: %b\r\n\r\n" % request.action_id, "agent"
    )
    async with simulator, session(simulator, events="off") as client:
        listed = await client.action("ListCommands")
        assert listed.get("IAXnetstats") == "Scripted.  (Priv: system,reporting,all)"
        assert listed.get("Mine") == "Scripted.  (Priv: agent,all)"
        assert (await client.action("mine")).get("Response") == "Success"
        client.send("IAXnetstats")
        assert (await client.take(lambda message: message.raw.startswith(b"raw"))).raw == b"raw rows\r\n\r\n"
