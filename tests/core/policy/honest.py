"""The ordinary actions of honest programs, with the classes that their documents give their user.

Taken from the public sources and manuals that each row names; names and numbers are made up.
``{channel}`` and ``{other}`` are channels that are up.  Used by the test of the core, and by the one that
sends the same actions to a real Asterisk, directly and through the proxy.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Honest(NamedTuple):
    """One action of a program: its lines, and the file or page where it was seen."""

    program: str
    text: str
    seen: str

    def raw(self, **channels: str) -> bytes:
        """The action as a client writes it, blank line included."""
        text = self.text
        for name, channel in channels.items():
            text = text.replace("{" + name + "}", channel)
        return b"Action: " + text.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n"


#: The write line of the manager.conf that each program ships or documents.
CLASSES = {
    # amp_conf/astetc/manager.conf
    "FreePBX": (
        "system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan,originate,message"
    ),
    # docs/conf_examples/manager.conf.sample; originate has been a class of its own since Asterisk 1.6.2
    "Vicidial": "system,call,log,verbose,command,agent,user,originate",
    # docs.loway.ch, the queuemetrics context and QueueMetrics' use of the manager
    "QueueMetrics": "system,call,agent,command,user,originate,reporting",
    # www.fop2.com/documentation-configuration-server.php
    "FOP2": "system,call,command,agent,user,originate",
    # etc/asterisk/manager.d/01-xivo.conf of xivo-config: the user of amid
    "wazo": "all",
    # addons/Doc/INSTALL_UI.txt; originate as above
    "a2billing": "system,call,log,verbose,command,agent,user,originate",
}

_PHP = "FreePBX/framework amp_conf/htdocs/admin/libraries/php-asmanager.php"
_LISTENER = "FreePBX/core functions.inc/calltransfer-eventlistener.php"
_FREEPBX = [
    ("Command\nCommand: core show channels concise", _PHP),
    ("Command\nCommand: core show codecs audio", _PHP),
    ("Command\nCommand: core show function CALLERID", _PHP),
    ("Command\nCommand: core show application Dial", _PHP),
    ("Command\nCommand: database show AMPUSER", _PHP),
    ("Command\nCommand: database get DEVICE 100/user", _PHP),
    ('Command\nCommand: database put DEVICE 100/user "100"', _PHP),
    ("Command\nCommand: database del DEVICE 100/user", _PHP),
    ("Command\nCommand: database deltree LABNONE", _PHP),
    ("Command\nCommand: queue show", "FreePBX/core agi-bin/user_login_out.agi"),
    (
        "Command\nCommand: core show channel {channel}",
        _LISTENER,
    ),
    (
        "Command\nCommand: dialplan add extension *47100,hint,Custom:QUEUE100 into lab replace",
        "FreePBX/core agi-bin/user_login_out.agi",
    ),
    (
        "Command\nCommand: dialplan remove extension *47100@lab hint",
        "FreePBX/core agi-bin/user_login_out.agi",
    ),
    ("ExtensionState\nExten: 100\nContext: lab", _PHP),
    ("GetVar\nChannel: {channel}\nVariable: CHANNEL(state)", _PHP),
    ("SetVar\nChannel: {channel}\nVariable: LAB_NOTE\nValue: hello", _PHP),
    ("Hangup\nChannel: {channel}", _PHP),
    ("MailboxStatus\nMailbox: 100@default", _PHP),
    ("MailboxCount\nMailbox: 100@default", _PHP),
    ("VoicemailRefresh\nContext: default\nMailbox: 100", _PHP),
    ("PresenceState\nProvider: CustomPresence:100", _PHP),
    ("ParkedCalls", _PHP),
    ("QueueStatus", _PHP),
    ("QueueAdd\nQueue: lab-queue\nInterface: Local/100@lab/n\nPenalty: 1", _PHP),
    ("QueueRemove\nQueue: lab-queue\nInterface: Local/100@lab/n", _PHP),
    ("ConfbridgeList\nConference: 800", _PHP),
    ("ConfbridgeListRooms", _PHP),
    ("ConfbridgeKick\nConference: 800\nChannel: {channel}", _PHP),
    ("ConfbridgeMute\nConference: 800\nChannel: {channel}", _PHP),
    ("ConfbridgeLock\nConference: 800", _PHP),
    ("ConfbridgeStartRecord\nConference: 800\nRecordFile: ", _PHP),
    ("AbsoluteTimeout\nChannel: {channel}\nTimeout: 60", _PHP),
    ("Status\nChannel: {channel}", _PHP),
    ("Redirect\nChannel: {channel}\nExtraChannel: \nExten: answer\nContext: lab\nPriority: 1", _PHP),
    ("UserEvent\nUserEvent: reload-fpbx\nHeader1: x", _PHP),
    ("MessageSend\nTo: pjsip:100\nFrom: sip:200@example.org\nBase64Body: aGVsbG8=", _PHP),
    (
        "Originate\nChannel: Local/answer@lab\nExten: answer\nContext: lab\nPriority: 1\nAsync: yes\n"
        "CallerID: UCP <100>",
        "FreePBX/ucp, its module Home, and FreePBX/recordings",
    ),
    (
        "Originate\nChannel: Local/answer@lab\nExten: answer\nContext: lab\nPriority: 1\nAsync: yes\n"
        "CallerID: Voicemail Message <*98>\n"
        "Variable: MSG=/var/spool/asterisk/voicemail/default/100/INBOX/msg0",
        "FreePBX/voicemail, its module for UCP",
    ),
    ("IAXPeers", _PHP),
    ("Reload\nModule: res_mutestream", _PHP),
]

_SEND = "inktel/Vicidial www/agc/manager_send.php"
_VICIDIAL = [
    ("Command\nCommand: core show channels concise", "inktel/Vicidial bin/AST_update.pl"),
    ("Command\nCommand: meetme list 8600051", "inktel/Vicidial bin/AST_conf_update.pl"),
    ("Command\nCommand: sip show peer 100", "inktel/Vicidial bin/AST_VDauto_dial.pl"),
    ("MailboxCount\nMailbox: 100", "inktel/Vicidial bin/AST_vm_update.pl"),
    (
        "Originate\nExten: 8365\nContext: lab\nChannel: Local/answer@lab\nPriority: 1\n"
        'Callerid: "V0601231234000012345" <3125551212>\nTimeout: 25000',
        "inktel/Vicidial bin/AST_VDauto_dial.pl",
    ),
    (
        "Originate\nChannel: Local/answer@lab\nContext; lab\nExten: 8600051\nPriority: 1\n"
        'Callerid: "Inbound Test Call" <3125551212>\nContext: lab',
        "inktel/Vicidial bin/AST_SWAMPauto_dial.pl",
    ),
    (
        "Originate\nChannel: SIP/100\nContext: lab\nExten: answer\nPriority: 1\nCallerid: S0601231234\n"
        "Account: 100\nVariable: _usegroupalias=1",
        _SEND,
    ),
    (
        "Originate\nChannel: Local/answer@lab\nContext: lab\nExten: 8309\nPriority: 1\n"
        "Callerid: 20260101_100",
        _SEND,
    ),
    ("Hangup\nChannel: {channel}", _SEND),
    ("Redirect\nChannel: {channel}\nContext: lab\nExten: answer\nPriority: 1\nCallerID: RD0601231234", _SEND),
    (
        "Redirect\nChannel: {channel}\nExtraChannel: {other}\nContext: lab\nExten: answer\nPriority: 1\n"
        "CallerID: RX0601231234",
        _SEND,
    ),
    ("Monitor\nChannel: {channel}\nFile: 20260101-120000_100_lab", _SEND),
    ("StopMonitor\nChannel: {channel}\n", _SEND),
]

_CONTEXT = "docs.loway.ch/QueueMetrics/251_B_QMContext.html"
_ADD = "Loway/OpenQueueMetricsAddOns ami-add-queue/events.sh"
_QUEUEMETRICS = [
    (
        "QueueAdd\nQueue: lab-queue\nInterface: Local/100@lab/n\nPenalty: 0\nPaused: 0\n"
        "MemberName: Agent/100",
        _ADD,
    ),
    ("QueuePause\nInterface: Local/100@lab/n\nPaused: true\nQueue: lab-queue\nReason: 08", _CONTEXT),
    ("QueueRemove\nQueue: lab-queue\nInterface: Local/100@lab/n", _CONTEXT),
    (
        "Originate\nChannel: Local/answer@lab\nContext: lab\nExten: 11\nPriority: 1\nAsync: true\n"
        "Variable: QM_AGENT_CODE=Agent/100\nVariable: QM_EXT_MONITOR=200\nVariable: QM_LOGIN=demoadmin\n"
        "Variable: QM_CLASS=MANAGER\nVariable: QM_QUEUE=lab-queue",
        _CONTEXT,
    ),
    ("Hangup\nChannel: {channel}", _CONTEXT),
    ("Redirect\nChannel: {channel}\nContext: lab\nExten: answer\nPriority: 1", _CONTEXT),
    ("UserEvent\nUserEvent: QM_TAG\nUniqueid: 1.2\nTag: sale", _CONTEXT),
    ("QueueStatus\nQueue: lab-queue", _CONTEXT),
    ("CoreShowChannels", _CONTEXT),
]

_FOP2 = "www.fop2.com, documentation of the server and of the panel's buttons"
_PANEL = [
    ("CoreShowChannels", _FOP2),
    ("QueueStatus", _FOP2),
    ("ParkedCalls", _FOP2),
    ("Status", _FOP2),
    ("ExtensionState\nExten: 100\nContext: lab", _FOP2),
    ("MailboxStatus\nMailbox: 100@default", _FOP2),
    ("Command\nCommand: core show hints", _FOP2),
    ("Command\nCommand: confbridge list", _FOP2),
    ("Getvar\nChannel: {channel}\nVariable: CALLERID(num)", _FOP2),
    ("Setvar\nChannel: {channel}\nVariable: FOP2CHANNEL\nValue: PJSIP/100", _FOP2),
    ("Redirect\nChannel: {channel}\nExten: answer\nContext: lab\nPriority: 1", _FOP2),
    ("Atxfer\nChannel: {channel}\nExten: answer\nContext: lab\nPriority: 1", _FOP2),
    ("Hangup\nChannel: {channel}", _FOP2),
    ("Park\nChannel: {channel}\nChannel2: {other}\nTimeout: 45000", _FOP2),
    ("MixMonitor\nChannel: {channel}\nFile: 20260101120000-100.wav\nOptions: b", _FOP2),
    ("StopMixMonitor\nChannel: {channel}", _FOP2),
    (
        "Originate\nChannel: PJSIP/900\nApplication: ChanSpy\nData: PJSIP/100,qb\n"
        "CallerID: Spy <9>\nAsync: True",
        _FOP2,
    ),
    (
        "Originate\nChannel: Local/answer@lab\nExten: answer\nContext: lab\nPriority: 1\nAsync: True\n"
        "CallerID: Panel <100>\nVariable: FOP2=1\nTimeout: 15000",
        _FOP2,
    ),
    ("QueueAdd\nQueue: lab-queue\nInterface: Local/100@lab/n\nPenalty: 0\nMemberName: Agent Änne", _FOP2),
    ("QueuePause\nInterface: Local/100@lab/n\nPaused: true\nReason: Lunch (long)", _FOP2),
    ("QueueRemove\nQueue: lab-queue\nInterface: Local/100@lab/n", _FOP2),
    ("DBPut\nFamily: fop2state\nKey: 100\nVal: away", _FOP2),
    ("DBGet\nFamily: fop2state\nKey: 100", _FOP2),
    ("UserEvent\nUserEvent: FOP2CHAT\nChannel: {channel}\nText: hello, all", _FOP2),
]

_CALLD = "wazo-platform/wazo-calld wazo_calld/plugin_helpers/ami.py"
_AGENTD = "wazo-platform/wazo-agentd wazo_agentd/service/action"
_CONFERENCES = "wazo-platform/wazo-calld wazo_calld/plugins/conferences/services.py"
_PARKING = "wazo-platform/wazo-calld wazo_calld/plugins/parking_lots/services.py"
_WAZO = [
    ("Setvar\nChannel: {channel}\nVariable: XIVO_ON_HOLD\nValue: 1", _CALLD),
    ("Setvar\nChannel: {channel}\nVariable: XIVO_ON_HOLD\nValue: ", _CALLD),
    ("ShowDialplan\nContext: lab\nExtension: answer", _CALLD),
    ("Command\nCommand: moh show classes", _CALLD),
    (
        "Redirect\nChannel: {channel}\nContext: lab\nExten: answer\nPriority: 1\nExtraChannel: {other}\n"
        "ExtraContext: lab\nExtraExten: answer\nExtraPriority: 1",
        _CALLD,
    ),
    ("MuteAudio\nChannel: {channel}\nDirection: in\nState: on", _CALLD),
    ("PlayDTMF\nChannel: {channel}\nDigit: 1\nReceive: True", _CALLD),
    (
        "MixMonitor\nChannel: {channel}\nFile: /var/lib/wazo/sounds/tenants/5a3f/monitor/77c1.wav\n"
        "options: a",
        _CALLD,
    ),
    ("StopMixMonitor\nChannel: {channel}", _CALLD),
    (
        "Originate\nChannel: Local/answer@lab\nApplication: Playback\nData: beep\nAsync: True\n"
        "Variable: WAZO_PLAYBACK_CHANNEL=1690000000.12",
        _CALLD,
    ),
    (
        "QueueAdd\nQueue: lab-queue\nInterface: Local/id-3@lab\nMemberName: Agent/1001\nStateInterface: "
        "PJSIP/abcdef\nPenalty: 0\nSkills: agent-3",
        f"{_AGENTD}/login.py",
    ),
    ("QueuePause\nQueue: None\nInterface: Local/id-3@lab\nPaused: 1\nReason: lunch", f"{_AGENTD}/pause.py"),
    ("QueuePenalty\nQueue: lab-queue\nInterface: Local/id-3@lab\nPenalty: 2", f"{_AGENTD}/update.py"),
    ("QueueRemove\nQueue: lab-queue\nInterface: Local/id-3@lab", f"{_AGENTD}/remove.py"),
    ("ConfBridgeList\nconference: wazo-conference-4", _CONFERENCES),
    ("ConfbridgeKick\nconference: wazo-conference-4\nchannel: all", _CONFERENCES),
    ("ConfbridgeMute\nconference: wazo-conference-4\nchannel: {channel}", _CONFERENCES),
    ("ConfbridgeStartRecord\nconference: wazo-conference-4", _CONFERENCES),
    ("ConfbridgeStopRecord\nconference: wazo-conference-4", _CONFERENCES),
    ("ParkedCalls\nParkingLot: default", _PARKING),
    ("Parkinglots", _PARKING),
    (
        "Park\nChannel: {channel}\nParkinglot: default\nTimeout: 45000\nParkingSpace: 701\n"
        "TimeoutChannel: {other}",
        _PARKING,
    ),
]

_DAEMON = "Star2Billing/a2billing CallBack/callback-daemon-py/callback_daemon/manager.py"
_A2BILLING = [
    (
        "Originate\nChannel: SIP/trunk/3125551212\nExten: answer\nContext: lab\nPriority: 1\nTimeout: 30000\n"
        "CallerID: 3125550000\nAsync: yes\nAccount: 1234567890\n"
        "Variable: CALLED=3125551212,CALLING=3125553434,CBID=12345-ABCDEFG,LEG=1234567890",
        "Star2Billing/a2billing customer/callback.php",
    ),
    ("Redirect\nChannel: {channel}\nExten: answer\nPriority: 1\nContext: lab", _DAEMON),
    ("Hangup\nChannel: {channel}", _DAEMON),
    ("Status\nChannel: {channel}", _DAEMON),
    ("MailboxCount\nMailbox: 100", _DAEMON),
    ("AbsoluteTimeout\nChannel: {channel}\nTimeout: 60", _DAEMON),
    ("ExtensionState\nExten: 100\nContext: lab", _DAEMON),
    ("Command\nCommand: core show channels", "Star2Billing/a2billing admin/Public/A2B_asteriskinfo.php"),
    ("Command\nCommand: sip reload", "Star2Billing/a2billing admin/Public/CC_generate_friend_file.php"),
]


def _actions() -> Iterator[Honest]:
    listed = {
        "FreePBX": _FREEPBX,
        "Vicidial": _VICIDIAL,
        "QueueMetrics": _QUEUEMETRICS,
        "FOP2": _PANEL,
        "wazo": _WAZO,
        "a2billing": _A2BILLING,
    }
    for program, actions in listed.items():
        for text, seen in actions:
            yield Honest(program, text.rstrip("\n"), seen)


ACTIONS = list(_actions())


def name_of(honest: Honest) -> str:
    """A readable id for test results."""
    return f"{honest.program}-{' '.join(honest.text.split(chr(10))[:3])}"
