"""deploy/modules.yaml: each module's answers, as its source writes them, reach their askers unchanged."""

from pathlib import Path

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.config.actionfiles import ActionsFile
from amiproxy.config.actions import other_actions
from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench

FILE = Path(__file__).parents[3] / "deploy/modules.yaml"
CLASSES = privilege.REPORTING | privilege.CALL | privilege.SYSTEM
USER = User("user", write=CLASSES, secret="plain:x")
NOBODY = User("nobody", read=privilege.ALL, secret="plain:x")


@pytest.fixture(scope="module")
def described() -> OtherActions:
    document = Document.parse(FILE, FILE.read_bytes())
    file = Binder(document, {}).bind(ActionsFile)
    assert file is not None
    return other_actions(file.actions, "deny")


@pytest.fixture
def bench(described: OtherActions) -> Bench:
    bench = Bench(USER, NOBODY)
    bench.link_up()
    bench.hub.servers.first.adopt_actions(described)
    return bench


def asked(name: str, **headers: str) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in {"Action": name, **headers}.items()).encode()


def transcript(bench: Bench, action: bytes, *said: str) -> str:
    """The bytes that the asker gets when Asterisk sends this; ``$`` is the ActionID, lines end in LF."""
    session, transport = bench.login("user")
    session.receive(action + b"ActionID: mine\r\n\r\n")
    sent = bench.upstream.take()
    ours = sent[0].get(b"actionid")
    heard = b""
    for text in said:
        bench.feed(text.replace("\n", "\r\n").replace("$", ours.decode()).encode())
        heard += transport.take()
    for ping in sent[1:]:
        bench.answer(ping, b"Ping: Pong\r\n")
    bench.pong()
    heard += transport.take()
    assert session.is_idle
    assert bench.hub.servers.first.exchange.in_flight == 0
    assert bench.hub.servers.first.counts.action_timeouts == bench.hub.servers.first.counts.answers_lost == 0
    return heard.decode().replace("\r\n", "\n")


def mine(*said: str) -> str:
    return "".join(said).replace("$", "mine")


class TestAppRpt:
    # apps/app_rpt/rpt_manager.c, before and since April 2025
    @pytest.mark.parametrize("head", ["ActionID: $\nResponse: Success\n", "Response: Success\nActionID: $\n"])
    def test_status_is_answered(self, bench, head):
        said = f"{head}Node: 2000\nConn: 2001 0 -1 -1\n\n"
        assert transcript(bench, asked("RptStatus", Command="SawStat", Node="2000"), said) == mine(said)

    def test_status_of_an_unknown_node_is_an_error(self, bench):
        said = "Response: Error\nActionID: $\nMessage: RptStatus unknown or missing node\n\n"
        assert transcript(bench, asked("RptStatus", Command="XStat", Node="1"), said) == mine(said)

    def test_nodes_are_answered_as_xml(self, bench):
        said = '<?xml version="1.0"?>\n<nodes>\n  <node>2000</node>\n</nodes>\n\n'
        assert transcript(bench, asked("RptLocalNodes"), said) == said

    def test_voter_status_is_answered(self, bench):
        said = "ActionID: $\nResponse: Success\nNode: 2000\nClient: site1 Active\n\n"
        assert transcript(bench, asked("VoterStatus", Node="2000"), said) == mine(said)


@pytest.mark.parametrize("name", ["Dongle", "Quectel"])
class TestModems:
    # manager.c of chan_dongle, and of chan_quectel, which descends from it
    def test_devices_are_listed(self, bench, name):
        said = (
            "Response: Success\nActionID: $\nEventList: start\nMessage: Device status list will follow\n\n",
            f"Event: {name}DeviceEntry\nActionID: $\nDevice: modem0\nState: Free\n\n",
            f"Event: {name}ShowDevicesComplete\nActionID: $\nEventList: Complete\nListItems: 1\n\n",
        )
        assert transcript(bench, asked(f"{name}ShowDevices"), *said) == mine(*said)

    def test_sms_is_answered(self, bench, name):
        said = "Response: Success\nActionID: $\nMessage: [modem0] SMS queued for send\n\n"
        action = asked(f"{name}SendSMS", Device="modem0", Number="+491701234567", Message="ready")
        assert transcript(bench, action, said) == mine(said)

    def test_ussd_is_answered(self, bench, name):
        said = "Response: Error\nActionID: $\nMessage: [modem0] Device not found\n\n"
        assert transcript(bench, asked(f"{name}SendUSSD", Device="modem0", USSD="*100#"), said) == mine(said)

    @pytest.mark.parametrize("verb", ["Restart", "Stop", "Remove"])
    def test_an_action_with_a_time_is_answered(self, bench, name, verb):
        said = f"Response: Success\nActionID: $\nMessage: [modem0] {verb} scheduled\n\n"
        action = asked(f"{name}{verb}", Device="modem0", When="when convenient")
        assert transcript(bench, action, said) == mine(said)


class TestChanSccp:
    # src/sccp_management.c, src/sccp_cli_table.h, and CLI_AMI_ENTRY in src/pbx_impl/ast116/ast116.h
    def test_a_list_of_devices_may_end_without_an_id(self, bench):
        said = (
            "Response: Success\nActionID: $\nEventList: start\nMessage: Device status list will follow\n\n",
            "Event: DeviceEntry\nActionID: $\nChannelType: SCCP\nObjectId: SEP1\n\n",
            "Event: SCCPListDevicesComplete\nEventList: Complete\nListItems: 1\n\n",
        )
        assert transcript(bench, asked("SCCPListDevices"), *said) == mine(*said)

    def test_devices_may_be_sent_as_a_table(self, bench):
        said = (
            "Response: Success\nActionID: $\nEventList: start\nMessage: SCCPShowDevices list will follow\n\n",
            "Event: TableStart\nTableName: Devices\nActionID: $\n\n",
            "Event: SCCPDeviceEntry\nChannelType: SCCP\nName: one\nActionID: $\n\n",
            "Event: TableEnd\nTableName: Devices\nTableEntries: 1\nActionID: $\n\n",
            "Event: SCCPShowDevicesComplete\nEventList: Complete\nListItems: 9\nActionID: $\n\n",
        )
        assert transcript(bench, asked("SCCPShowDevices"), *said) == mine(*said)

    def test_a_list_may_fail_after_its_start(self, bench):
        said = (
            "Response: Success\nActionID: $\nEventList: start\nMessage: SCCPShowDevice list will follow\n\n",
            "Response: Error\nActionID: $\nMessage: Can't find settings for device x\n\n",
            "Response: Error\nActionID: $\nMessage: Execution Failed\n\n",
        )
        assert transcript(bench, asked("SCCPShowDevice", DeviceName="x"), *said) == mine(*said)

    def test_the_last_two_messages_of_a_list_may_be_joined(self, bench):
        said = (
            "Response: Success\nActionID: $\nEventList: start\nMessage: SCCPShowLines list will follow\n\n",
            "Event: TableStart\nTableName: Lines\nActionID: $\n\n",
            "Event: TableEnd\nTableName: Lines\nActionID: $\n",
        )
        heard = transcript(
            bench,
            asked("SCCPShowLines"),
            *said[:2],
            said[2] + "Event: SCCPShowLinesComplete\nEventList: Complete\nListItems: 5\nActionID: $\n\n",
        )
        assert heard.startswith(mine(*said))
        assert "Timeout" not in heard
        assert "Cancelled" not in heard

    def test_rows_without_a_frame_are_answered(self, bench):
        said = "Config File: sccp.conf\nPlatform byte order: LITTLE ENDIAN\n\n"
        assert transcript(bench, asked("SCCPShowGlobals"), said) == said
        action = asked("SCCPDeviceAddLine", Devicename="SEP1", Linename="1")
        assert transcript(bench, action, "Done\n\n") == "Done\n\n"

    @pytest.mark.parametrize("kind", ["", "command"])
    def test_json_is_answered(self, bench, kind):
        said = 'Response: Success\nJSON: {"Name":"Chan-sccp-b","Segments":["general"]}\n\n'
        action = asked("SCCPConfigMetaData", Segment="", ResultFormat=kind)
        assert transcript(bench, action, said) == said

    def test_a_call_is_answered(self, bench):
        said = "Response: Success\nActionID: $\nMessage: Call Started\n\n"
        action = asked("SCCPStartCall", Devicename="SEP1", Linename="100", number="200")
        assert transcript(bench, action, said) == mine(said)


def test_a_user_without_classes_may_run_none_of_them(bench, described):
    session, transport = bench.login("nobody")
    for row in described.rows.values():
        session.receive(asked(row.name.decode()) + b"\r\n")
        assert b"Permission denied" in transport.take()
    assert bench.upstream.take() == []


def test_each_description_states_the_shape_of_the_answer(described):
    assert set(described.answers) == set(described.rows)
