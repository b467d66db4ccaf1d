"""One row for each check: who asks what, and what the answer is.  Read by the test of the core and by the
one that puts the same rows to a real Asterisk.

``real`` says how a real Asterisk answers a manager user of the same classes:

- SAME: it refuses with the same text, or does not refuse either;
- STRICTER: it does not refuse, we do (the reason is in proxy.core.policy.stricter);
- UNTRIED: it would break the Asterisk that the other tests use, or needs hardware.
"""

from typing import NamedTuple

SAME, STRICTER, UNTRIED = "same", "stricter", "untried"

PERMISSION = b"Permission denied"
GETVAR = b"GetVar Access Forbidden: Variable"
STATUS = b"Status Access Forbidden: Variables"
APPLICATION = b"Originate Access Forbidden: app or data blacklisted"
FILE = b"File requires escalated privileges"
BLACKLISTED = b"Command blacklisted"


class Row(NamedTuple):
    write: str
    action: str
    text: bytes | None = None
    rule: str = ""
    real: str = SAME

    @property
    def raw(self) -> bytes:
        """The action as a client writes it, blank line included."""
        return b"Action: " + self.action.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n"


def _denied(rule: str, text: bytes, real: str, *cases: tuple[str, str]) -> list[Row]:
    return [Row(write, action, text, rule, real) for write, action in cases]


def _allowed(*cases: tuple[str, str], real: str = SAME) -> list[Row]:
    return [Row(write, action, real=real) for write, action in cases]


_NO_CALL = "Channel: Local/nowhere@nowhere"
_TO = "Originate\n" + _NO_CALL + "\nContext: lab\nExten: answer\nPriority: 1\nTimeout: 1000\nAsync: true"

CLASSES = [
    *_allowed(
        ("none", "Ping"),
        ("none", "ListCommands"),
        ("none", "QueueStatus\nQueue: none-such"),
        ("none", "QueueSummary\nQueue: none-such"),
        ("none", "QueueRule\nRule: none-such"),
        ("none", "BridgeList"),
        ("none", "BridgeTechnologyList"),
        ("none", "BridgeInfo\nBridgeUniqueid: none-such"),
        ("call", "ExtensionState\nContext: lab\nExten: 100"),
        ("reporting", "ExtensionState\nContext: lab\nExten: 100"),
        ("reporting", "CoreStatus"),
        ("system", "CoreStatus"),
        ("call", "Hangup\nChannel: none-such"),
        ("system", "Hangup\nChannel: none-such"),
        ("agent", "QueuePause\nInterface: none-such\nPaused: true"),
        ("agent", "QueueReset\nQueue: none-such"),
        ("agent", "QueueReload\nQueue: none-such\nMembers: no\nRules: no\nParameters: no"),
        ("system", "BridgeDestroy\nBridgeUniqueid: none-such"),
        ("system", "BridgeKick\nChannel: none-such"),
        ("system", "Filter\nOperation: Add\nFilter: Event: Hangup"),
    ),
    *_denied(
        "classes",
        PERMISSION,
        SAME,
        ("none", "Getvar\nVariable: LAB"),
        ("none", "Originate"),
        ("none", "CoreStatus"),
        ("reporting", "Setvar\nVariable: A\nValue: 1"),
        ("reporting", "Hangup\nChannel: none-such"),
        ("call", "Originate"),
        ("call", "Command\nCommand: core show version"),
        ("call", "GetConfig\nFilename: queues.conf"),
        ("call", "UpdateConfig"),
        ("call", "Filter\nOperation: Add\nFilter: x"),
        ("call", "DBPut\nFamily: a\nKey: b\nVal: c"),
        ("call", "QueuePause\nInterface: x\nPaused: true"),
        ("call", "UserEvent\nUserEvent: x"),
        ("call", "AGI\nChannel: x\nCommand: NOOP"),
        ("call", "MessageSend\nTo: pjsip:x\nFrom: x\nBody: y"),
        ("call", "MixMonitor\nChannel: x"),
        ("call", "ModuleLoad\nLoadType: load\nModule: none_such"),
        ("command", "Reload"),
        ("agent", "Redirect\nChannel: x"),
    ),
    *_denied(
        "classes",
        PERMISSION,
        STRICTER,
        ("none", "BridgeDestroy\nBridgeUniqueid: none-such"),
        ("call", "BridgeKick\nChannel: none-such"),
        ("none", "BridgeTechnologySuspend\nBridgeTechnology: none-such"),
        ("agent", "BridgeTechnologyUnsuspend\nBridgeTechnology: none-such"),
        ("none", "QueueReset\nQueue: none-such"),
        ("call", "QueueReload\nQueue: none-such\nMembers: no\nRules: no\nParameters: no"),
        ("none", "QueueChangePriorityCaller\nQueue: x\nCaller: y\nPriority: 1"),
        ("none", "QueueWithdrawCaller\nQueue: x\nCaller: y"),
    ),
    *_denied(
        "classes",
        PERMISSION,
        UNTRIED,
        ("none", "DAHDIHangup\nDAHDIChannel: 1"),
        ("none", "PRIDebugSet\nSpan: 1\nLevel: 1"),
        ("all", "DAHDIRestart"),
    ),
    *_allowed(("none", "DAHDIShowChannels"), ("system", "DAHDIDNDon\nDAHDIChannel: 1"), real=UNTRIED),
]

KINDS = [
    *_denied(
        "evaluated-value",
        PERMISSION,
        STRICTER,
        ("call", "SendText\nChannel: none-such\nMessage: ${GLOBAL(x)}"),
        ("agent", "QueuePause\nInterface: none-such\nPaused: true\nReason: $[1]"),
        ("call", "Park\nChannel: none-such\nTimeoutChannel: Local/x@^{SHELL(id)}"),
    ),
    *_denied(
        "technology",
        PERMISSION,
        STRICTER,
        ("call", "Park\nChannel: none-such\nTimeoutChannel: Message/x"),
        ("call", "Park\nChannel: none-such\nChannel2: MulticastRTP/basic/127.0.0.1:1"),
        ("originate", "Originate\nChannel: WebSocket/x\nApplication: Wait\nData: 1\nAsync: true"),
        ("agent", "QueueAdd\nQueue: none-such\nInterface: MulticastRTP/basic/127.0.0.1:1"),
    ),
    *_denied(
        "host",
        PERMISSION,
        STRICTER,
        ("originate", "Originate\nChannel: PJSIP/sip:x@127.0.0.1\nApplication: Wait\nAsync: true"),
        ("originate", "Originate\nChannel: IAX2/x@127.0.0.1/1\nApplication: Wait\nAsync: true"),
        ("message", "MessageSend\nTo: pjsip:sip:x@127.0.0.1:1\nBody: x"),
        ("message", "MessageSend\nDestination: pjsip:x@127.0.0.1\nTo: none-such\nBody: x"),
    ),
    *_denied(
        "characters",
        PERMISSION,
        STRICTER,
        ("originate", "Originate\nChannel: Local/a@b\nApplication: Wait\nChannelId: x;id\nAsync: true"),
        ("call", "Redirect\nChannel: none-such\nContext: lab\nExten: 1&2\nPriority: 1"),
        ("call", "MailboxCount\nMailbox: ../../x@default"),
        ("agent", "QueueAdd\nQueue: none-such\nInterface: Local/1@lab\nMemberName: x;0|Local/2@lab"),
        ("agent", "QueuePause\nInterface: none-such\nPaused: true\nReason: x|y"),
        ("agent", "QueueLog\nQueue: none-such\nEvent: A|B"),
        ("call", "Park\nChannel: none-such\nTimeoutChannel: Local/1@lab,w"),
    ),
    *_denied(
        "regular-expression",
        PERMISSION,
        STRICTER,
        ("config", "GetConfig\nFilename: queues.conf\nFilter: a=b{0,8000}"),
        ("config", "ListCategories\nFilename: queues.conf\nMatch: a{0,8000}"),
    ),
    *_denied(
        "regular-expression",
        PERMISSION,
        UNTRIED,
        ("all", "Hangup\nChannel: /a{0,8000}/"),
        ("all", f"Hangup\nChannel: /{'a' * 256}/"),
        ("call", "MWIDelete\nMailbox: /.*/"),
        ("reporting", "MWIGet\nMailbox: /.*/"),
    ),
    *_denied("everything", PERMISSION, STRICTER, ("reporting", "DBGetTree"), ("agent", "QueueReset")),
    *_denied(
        "everything",
        PERMISSION,
        UNTRIED,
        ("reporting", "PJSIPUnregister\nRegistration: *all"),
        ("reporting", "PJSIPRegister\nRegistration: *all"),
        ("agent", "QueueReload"),
    ),
    *_denied(
        "database-secret",
        PERMISSION,
        STRICTER,
        ("reporting", "DBGet\nFamily: dundi\nKey: secret"),
        ("reporting", "DBGetTree\nFamily: dundi"),
        ("reporting", "DBGetTree\nFamily: /DUN_I/"),
    ),
    *_denied("characters", PERMISSION, STRICTER, ("reporting", "DBGetTree\nFamily: dun%")),
    *_denied("classes", PERMISSION, UNTRIED, ("reporting", "LoggerRotate")),
    *_allowed(
        ("call", "SendText\nChannel: none-such\nMessage: it costs $5 {or} so"),
        ("agent", "QueuePause\nInterface: none-such\nPaused: true\nReason: Mittagspause, bis 13 Uhr"),
        ("agent", "QueueAdd\nQueue: none-such\nInterface: Local/1@lab/n\nMemberName: Zoë O'Hara (2)"),
        ("call", "Park\nChannel: none-such\nTimeoutChannel: PJSIP/100"),
        ("originate", "Originate\nChannel: PJSIP/5551234@none-such\nApplication: Wait\nData: 1\nAsync: true"),
        ("message", "MessageSend\nTo: pjsip:none-such\nFrom: a <sip:a@b.example>\nBody: x"),
        ("call", "Redirect\nChannel: none-such\nContext: lab\nExten: +4712345678\nPriority: 1"),
        ("call", "MailboxCount\nMailbox: 100@default,101@default"),
        ("agent", "QueueLog\nQueue: none-such\nEvent: A\nMessage: 1|2|3"),
        ("reporting", "DBGetTree\nFamily: none-such"),
        ("reporting", "DBGet\nFamily: none-such\nKey: none-such"),
        ("system,config", "GetConfig\nFilename: queues.conf\nFilter: name=lab.*"),
        ("call", "MailboxStatus\nMailbox: 100@default"),
    ),
    *_allowed(
        ("system,config", "ListCategories\nFilename: queues.conf\nMatch: lab.*"),
        ("call", "MWIDelete\nMailbox: 100@default"),
        ("reporting", "MWIGet\nMailbox: 100@default"),
        ("reporting", "PJSIPUnregister\nRegistration: none-such"),
        ("reporting", "PJSIPRegister\nRegistration: none-such"),
        ("system", "DBGetTree"),
        ("system", "LoggerRotate"),
        ("agent", "QueueReset\nQueue: none-such"),
        real=UNTRIED,
    ),
]

UNKNOWN = [
    Row(
        "all",
        "NoSuch",
        b"Invalid/unknown command: NoSuch. Use Action: ListCommands to show available commands.",
        "unknown",
    ),
    Row(
        "none",
        "Ping ",
        b"Invalid/unknown command: Ping . Use Action: ListCommands to show available commands.",
        "unknown",
    ),
    Row("none", "x" * 700, b"Invalid/unknown command: " + b"x" * 486, "unknown"),
]

VARIABLES = [
    *_allowed(
        ("call", "Getvar\nVariable: LAB"),
        ("reporting", "Getvar\nVariable: LAB"),
        ("call", "Getvar\nVariable: LEN(four)"),
        ("call", "Getvar\nVariable: DEVICE_STATE(Custom:lab100)"),
        ("call", "Getvar\nVariable: QUEUE_EXISTS(lab-queue)"),
        *(
            ("reporting", "Getvar\nVariable: " + call)
            for call in (
                "PJSIP_AOR(none-such,contact)",
                "PJSIP_CONTACT(none-such,uri)",
                "PJSIP_ENDPOINT(none-such,aors)",
                "PJSIP_DIAL_CONTACTS(none-such)",
                "SIPPEER(none-such,status)",
                "IAXPEER(none-such,status)",
                "VMCOUNT(none-such)",
                "CHANNELS()",
                "TIMEOUT(absolute)",
                "CONFBRIDGE_INFO(parties,1)",
                "HANGUPCAUSE(none-such,ast)",
            )
        ),
        ("system,call", "Getvar\nVariable: GLOBAL(LAB)"),
        ("system,call", "Getvar\nVariable: MYSHELL"),
        ("call", "Status\nVariables: LAB,CALLERID(num)"),
        ("call", "Setvar\nChannel: none-such\nVariable: A\nValue: SHELL(x)"),
        ("call", "Setvar\nChannel: none-such\nVariable: CALLERID(name)\nValue: x"),
        ("call", "Setvar\nChannel: none-such\nVariable: CHANNEL(language)\nValue: en"),
        ("call", "Setvar\nChannel: none-such\nVariable: MONITOR\nValue: x"),
        ("call", "Setvar\nChannel: none-such\nVariable: MIXMONITOR_FILENAME\nValue: x"),
        ("call,system", "Setvar\nChannel: none-such\nVariable: MONITOR_FILENAME\nValue: x"),
        ("call,system", "Setvar\nChannel: none-such\nVariable: EXPORT(none-such,A)\nValue: x"),
        ("system,call", "Setvar\nVariable: POLICY_TEST\nValue: 1"),
        ("originate", _TO + "\nVariable: A=1,__B=2,CALLERID(name)=x"),
        ("originate", _TO + "\nVariable: PJSIP_HEADER(add,X-Foo)=1\nVariable: A=FILE(/x)"),
        ("originate", _TO + '\nVariable: "A=1,FILE(/x)"'),
        ("system", "PJSIPNotify\nEndpoint: x\nVariable: Event=x(y)"),
    ),
    *_denied(
        "functions",
        GETVAR,
        SAME,
        ("call", "Getvar\nVariable: SHELL(id)"),
        ("reporting", "Getvar\nVariable: EVAL(${SHELL(id)})"),
        ("call", "Getvar\nVariable: MYSHELL"),
        ("call", "Getvar\nVariable: LEN(EVAL)"),
    ),
    *_denied(
        "functions",
        GETVAR,
        STRICTER,
        ("call", "Getvar\nVariable: ENV(PATH)"),
        ("reporting", "Getvar\nVariable: DB_KEYS(x)"),
        ("call", "Getvar\nVariable: AST_CONFIG(nosuch.conf,a,b)"),
        ("call", "Getvar\nVariable: CURL(x)"),
        ("call", "Getvar\nVariable: URIDECODE(%41)"),
        ("call", "Getvar\nVariable: GLOBAL(LAB)"),
        ("call", "Getvar\nVariable: LEN(${A})"),
        ("call", "Getvar\nVariable: LEN((a))"),
        ("call", "Getvar\nVariable: ENV(PATH"),
        ("call", "Getvar\nVariable: CHANNELS(a{1,2}\\{1,2})"),
        ("call", "Getvar\nVariable: REPLACE(LAB,x,\\n)"),
        ("call", "Getvar\nVariable: AGENT(none-such:password)"),
        ("call", "Getvar\nVariable: VM_INFO(none-such,password)"),
        ("system,call", 'Getvar\nVariable: TOLOWER(AST_"CONFIG"(nosuch.conf,a,b))'),
        ("system,call", "Getvar\nVariable: TOLOWER(AST_\\CONFIG(nosuch.conf,a,b))"),
        ("call", "Getvar\nVariable: ${LAB}"),
        ("call", "Getvar\nVariable: len(a)"),
        *(
            ("call", "Getvar\nVariable: " + call)
            for call in (
                "FILE(/etc/hostname)",
                "FILE_COUNT_LINE(/etc/hostname)",
                "FILE_FORMAT(/etc/hostname)",
                "STAT(e,/etc/hostname)",
                "DB(policy/test)",
                "DB_DELETE(policy/test)",
                "LOCK(policy)",
                "TRYLOCK(policy)",
                "UNLOCK(policy)",
                "AST_SORCERY(res_pjsip,auth,none-such,password)",
                "ODBC_NONE(x)",
                "REALTIME(none,x,y)",
                "REALTIME_DESTROY(none,x,y)",
                "LDAP_NONE(x)",
                "BASE64_DECODE(DQo=)",
                "SPRINTF(%c,13)",
                "SET(MONITOR_EXEC=x)",
            )
        ),
        ("system,call", "Getvar\nVariable: ENV(PATH)"),
        ("system,call", "Getvar\nVariable: AST_CONFIG(nosuch.conf,a,b)"),
        ("all", "Getvar\nVariable: CURL(x)"),
        ("all", "Getvar\nVariable: IF($[1]?${ENV(PATH)}:x)"),
    ),
    *_denied(
        "functions",
        STATUS,
        SAME,
        ("call", "Status\nVariables: A,SHELL(id)"),
        ("reporting", "Status\nVariables: EVAL(x)"),
    ),
    *_denied(
        "functions",
        STATUS,
        STRICTER,
        ("call", "Status\nVariables: A,ENV(PATH)"),
        ("call", 'Status\nVariables: A,"E"NV(PATH)'),
        ("system", "Status\nVariables: ENV(PATH)"),
    ),
    *_denied(
        "functions",
        PERMISSION,
        STRICTER,
        ("call", "Setvar\nChannel: none-such\nVariable: ENV(POLICY_TEST)\nValue: 1"),
        ("call", "Setvar\nChannel: none-such\nVariable: GLOBAL(POLICY_TEST)\nValue: 1"),
        # Its last argument "e" means Base64: what Getvar reads then would begin messages of its own.
        (
            "call",
            "Setvar\nChannel: none-such\nVariable: PRESENCE_STATE(CustomPresence:a)\nValue: away,,DQo=,e",
        ),
        ("call", "Setvar\nChannel: none-such\nVariable: CHANNEL(hangup_handler_push)\nValue: lab,answer,1"),
        *(
            ("call", f"Setvar\nChannel: none-such\nVariable: {name}\nValue: x")
            for name in (
                "CHANNEL(after_bridge_goto)",
                "DB(policy/test)",
                "FILE(/nowhere/x)",
                "CURL(x)",
                "PERIODIC_HOOK(x)",
                "CONFBRIDGE(user,admin)",
                "EXPORT(none-such,A)",
                "ARRAY(MONITOR_EXEC)",
                "HASH(A)",
                "DIALGROUP(a)",
                "BLACKLIST(1)",
                "MINIVMCOUNTER(a,b)",
                "CALENDAR_WRITE(a,b)",
            )
        ),
        ("originate", _TO + "\nVariable: FILE(/nowhere/x)=1"),
        ("originate", _TO + "\nVariable: A=1,DB(policy/test)=1"),
        ("originate", _TO + "\nVariable: A=1\nVariable: FILE(/nowhere/x,,,a)=1"),
        ("originate", _TO + '\nVariable: "FI"LE(/nowhere/x)=1'),
        ("originate", _TO + "\nVariable: FI\\LE(/nowhere/x)=1"),
        ("originate", _TO + "\nVariable: A=(1),ENV(POLICY_TEST)=1"),
        ("system,originate", _TO + "\nVariable: CURLOPT(timeout)=1"),
    ),
    *_denied(
        "variables",
        PERMISSION,
        STRICTER,
        *(
            ("call", f"Setvar\nChannel: none-such\nVariable: {name}\nValue: x")
            for name in (
                "MONITOR_EXEC",
                "__MONITOR_EXEC_ARGS",
                "_MONITOR_FILENAME",
                "MONITOR_OPTIONS",
                "TOUCH_MIXMONITOR",
                "__TOUCH_MIXMONITOR_FORMAT",
                "TOUCH_MIXMONITOR_PREFIX",
                "TOUCH_MONITOR",
                "MEETME_AGI_BACKGROUND",
                "MEETME_RECORDINGFILE",
                # Asterisk dials, or runs, what they say.
                "BLINDTRANSFER",
                "__ATTENDEDTRANSFER",
                "GOSUB_RESULT",
                "END_WHILE_1",
                "_END_IF_1",
                "MACRO_EXTEN",
                "CONNECTED_LINE_SEND_SUB",
                "GOTO_ON_BLINDXFR",
                "DYNAMIC_FEATURES",
                "BRIDGE_FEATURES",
                "PARKINGDYNAMIC",
                "DUNDIDIALARGS",
                "AGIEXECFULL",
                "TESTTIME",
                # It plays, or connects to, what they say.
                "LIMIT_WARNING_FILE",
                "CONF_LIMIT_TIMEOUT_FILE",
                "BRIDGE_PLAY_SOUND",
                "ATTENDED_TRANSFER_COMPLETE_SOUND",
                "TOUCH_MIXMONITOR_MESSAGE_START",
                "SIPREFERTOHDR",
                # They reach other people's calls, or files.
                "SPYGROUP",
                "GROUP",
                "BRIDGEPEER",
                "MVM_FILENAME",
                # No name at all.
                'MONITOR_EXEC"',
                "A;B",
                "A=B",
            )
        ),
        ("originate", _TO + "\nVariable: A=1,__MONITOR_FILENAME=x"),
        ("originate", _TO + "\nVariable: BLINDTRANSFER=PJSIP/1"),
        ("originate", _TO + "\nVariable: A=1\nVariable: B=2,_ATTENDEDTRANSFER=PJSIP/1"),
        ("originate", _TO + '\nVariable: "MONITOR_"EXEC=x'),
        ("originate", _TO + "\nVariable: " + ",".join(f"A{n}=1" for n in range(70))),
    ),
    # A value of a name that Asterisk reads is of its kind, and nothing waits to be evaluated in any.
    *_denied(
        "characters",
        PERMISSION,
        STRICTER,
        ("call", "Setvar\nChannel: none-such\nVariable: QUEUE_PRIO\nValue: 1|2"),
        ("call", "Setvar\nChannel: none-such\nVariable: TRANSFER_CONTEXT\nValue: a,b"),
        ("call", "Setvar\nChannel: none-such\nVariable: CHANNEL(language)\nValue: ../../tmp"),
        ("originate", _TO + "\nVariable: __TRANSFER_EXTEN=1&2"),
        ("originate", _TO + "\nVariable: SIPFROMDOMAIN=a;b"),
    ),
    *_denied(
        "evaluated-value",
        PERMISSION,
        STRICTER,
        ("call", "Setvar\nChannel: none-such\nVariable: A\nValue: ${SHELL(id)}"),
        ("call", "Setvar\nChannel: none-such\nVariable: A\nValue: ^{X}"),
        ("originate", _TO + "\nVariable: A=$[1]"),
        ("originate", _TO + "\nVariable: CALLERID(name)=${A}"),
    ),
    *_allowed(
        ("call", "Setvar\nChannel: none-such\nVariable: QUEUE_PRIO\nValue: 10"),
        ("call", "Setvar\nChannel: none-such\nVariable: __TRANSFER_CONTEXT\nValue: lab"),
        ("call", "Setvar\nChannel: none-such\nVariable: _SIPADDHEADER01\nValue: X-Ticket: 1"),
        # Asterisk tells the case of letters apart: this name means nothing to it.
        ("call", "Setvar\nChannel: none-such\nVariable: blindtransfer\nValue: x"),
        ("call,system", "Setvar\nChannel: none-such\nVariable: BLINDTRANSFER\nValue: x"),
    ),
    # A pattern that Asterisk compiles: class system, and bounded.
    *_denied(
        "regular-expression",
        GETVAR,
        STRICTER,
        ("call,system", "Getvar\nVariable: CHANNELS(a{1,2})"),
        ("call,system", 'Getvar\nVariable: REGEX("a{1,2}" b)'),
        ("call,system", "Getvar\nVariable: GROUP_MATCH_COUNT(a{1,2}@x)"),
        ("call,system", 'Getvar\nVariable: TOLOWER(CHAN"NELS"(a{1,2}))'),
        ("call,system", "Getvar\nVariable: CHANNELS(" + "a" * 300 + ")"),
    ),
    *_allowed(
        ("call,system", "Getvar\nVariable: CHANNELS(^PJSIP/1)"),
        ("call,system", 'Getvar\nVariable: REGEX("^a" b)'),
    ),
    *_denied(
        "functions",
        GETVAR,
        STRICTER,
        *(
            ("call", "Getvar\nVariable: " + call)
            for call in (
                "CHANNELS(PJSIP/1)",
                'REGEX("a" b)',
                "GROUP_MATCH_COUNT(a)",
                "PJSIP_ENDPOINT(none-such,auth)",
                "PJSIP_ENDPOINT(none-such,set_var)",
                "PJSIP_AOR(none-such,outbound_proxy)",
                "CHANNEL(appdata)",
                "SIPPEER(none-such,chanvar)",
                "TIMEOUT(x)",
                "QUEUE_EXISTS(a,b)",
                'CALLERID("num")',
                "FIELDQTY(A,x)",
                "THIRD_PARTY(x)",
                "ODBC_THING(x)",
            )
        ),
    ),
    *_denied(
        "characters",
        GETVAR,
        STRICTER,
        ("call", "Getvar\nVariable: VMCOUNT(../../x)"),
        ("call", "Getvar\nVariable: DEVICE_STATE(a;b)"),
    ),
    *_denied(
        "functions",
        PERMISSION,
        STRICTER,
        *(
            ("call", f"Setvar\nChannel: none-such\nVariable: {name}\nValue: x")
            for name in (
                "DEVICE_STATE(Custom:x)",
                "QUEUE_MEMBER(a,penalty,b)",
                "GROUP_LIST()",
                "LOCAL(A)",
                "LEN(x)",
                "THIRD_PARTY(x)",
                "LDAP_X(x)",
                "TIMEOUT(x)",
                "PJSIP_HEADER(read,X)",
                "CALLERID(a,b,c)",
            )
        ),
    ),
    *_denied(
        "global-variable",
        PERMISSION,
        STRICTER,
        ("call", "Setvar\nVariable: POLICY_TEST\nValue: 1"),
        ("call", "Setvar\nChannel:\nVariable: POLICY_TEST\nValue: 1"),
    ),
]

ORIGINATE = [
    *_allowed(("originate", _TO)),
    *_denied(
        "evaluated-value",
        PERMISSION,
        STRICTER,
        ("originate", _TO.replace("Exten: answer", "Exten: ${A}")),
        ("originate", _TO.replace("nowhere@nowhere", "$[1]@nowhere")),
    ),
    *_denied(
        "predial-gosub",
        PERMISSION,
        STRICTER,
        ("originate", _TO + "\nPreDialGoSub: lab,answer,1"),
        ("all", _TO + "\nPreDialGoSub: lab,answer,1"),
    ),
]

_CONNECTION = (
    "Originate\nChannel: AudioSocket/127.0.0.1:1/x\nContext: lab\nExten: answer\nPriority: 1\nAsync: true"
)

CONNECTIONS = [
    *_allowed(
        ("originate,system", _CONNECTION),
        ("command,agent", "Command\nCommand: queue add member Local/AudioSocket@lab to none-such"),
        ("command,system", "Command\nCommand: queue add member AudioSocket/127.0.0.1:1/x to none-such"),
        ("agent", "QueueAdd\nQueue: none-such\nInterface: Local/AudioSocket@lab"),
        ("agent,system", "QueueAdd\nQueue: none-such\nInterface: AudioSocket/127.0.0.1:1/x"),
    ),
    *_denied(
        "technology",
        PERMISSION,
        STRICTER,
        ("originate", _CONNECTION),
        ("originate", _CONNECTION.replace("AudioSocket", "unicastRTP")),
        ("originate", _CONNECTION.replace("AudioSocket", 'Audio"Socket"')),
        ("originate", _CONNECTION.replace("AudioSocket", "Audio\\Socket")),
        ("agent", 'QueueAdd\nQueue: none-such\nInterface: Audio"Socket"/127.0.0.1:1/x'),
        ("command,agent", 'Command\nCommand: queue add member Audio"Socket"/127.0.0.1:1/x to none-such'),
        ("agent", "QueueAdd\nQueue: none-such\nInterface: AudioSocket/127.0.0.1:1/x"),
    ),
]

CALLS = [
    *_allowed(("call", "Hangup\nChannel: Local/x@y"), ("system", "Hangup\nChannel: /^nosuch$/")),
    *_allowed(
        ("call", "Monitor\nChannel: none-such"),
        ("call", "Monitor\nChannel: none-such\nFile: 2024/call-1.a_b"),
        ("call", "ChangeMonitor\nChannel: none-such\nFile: call-2"),
        ("call,system", "Monitor\nChannel: none-such\nFile: /nowhere/x"),
        real=UNTRIED,
    ),
    *_denied(
        "recording-file",
        PERMISSION,
        UNTRIED,  # gone from Asterisk 21 on
        ("call", "Monitor\nChannel: none-such\nFile: /nowhere/x"),
        ("call", "Monitor\nChannel: none-such\nFile: a/../../x\nMix: true"),
        ("call", "Monitor\nChannel: none-such\nFile: x$(id)\nMix: true"),
        ("call", 'ChangeMonitor\nChannel: none-such\nFile: x";id;"'),
    ),
    *_denied("channel-pattern", PERMISSION, STRICTER, ("call", "Hangup\nChannel: /^nosuch$/")),
    *_allowed(
        ("agi", "AGI\nChannel: none-such\nCommand: STREAM FILE beep 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC Playback beep"),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC"),
        ("agi", "AGI\nChannel: none-such\nCommand:"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET VARIABLE CALLERID(num)"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${CALLERID(num)}"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET VARIABLE A 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: HANGUP"),
        ("agi", "AGI\nChannel: none-such\nCommand: hangup none-such"),
        ("agi,call", "AGI\nChannel: none-such\nCommand: HANGUP other"),
        ("agi", "AGI\nChannel: none-such\nCommand: CHANNEL STATUS"),
        ("agi,call", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${A} other"),
        ("agi", "AGI\nChannel: none-such\nCommand: SEND IMAGE x"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET DATA beep"),
        ("agi", "AGI\nChannel: none-such\nCommand: VERBOSE http://127.0.0.1"),
        ("agi", "AGI\nChannel: none-such\nCommand: RECORD FILE x wav 1 1"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: EXEC System id"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: EXEC System id x"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: GET VARIABLE GLOBAL(A)"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${GLOBAL(A)}"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: SET VARIABLE GLOBAL(A) ENV(B)"),
        ("agi", 'AGI\nChannel: none-such\nCommand: EXEC Verbose "a b"'),
        ("agi", "AGI\nChannel: none-such\nCommand: say datetime 0 # \"ABdY 'digits/at' IMp\" Europe/Berlin"),
        ("agi", "AGI\nChannel: none-such\nCommand: SPEECH RECOGNIZE beep&beep 1 0"),
        ("agi", "AGI\nChannel: none-such\nCommand: GOSUB lab answer 1 x"),
        ("agi", "AGI\nChannel: none-such\nCommand: SPEECH DESTROY"),
        ("agi", "AGI\nChannel: none-such\nCommand: VERBOSE ${A} 1"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: NONE SUCH x"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: STREAM FILE /nowhere/x 1"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: DATABASE GET a b"),
    ),
    *_denied(
        "agi-command",
        PERMISSION,
        STRICTER,
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC System id"),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC Verbose a b"),
        ("agi", 'AGI\nChannel: none-such\nCommand: EXEC Dial "Audio\\\\Socket/127.0.0.1:1/x"'),
        ("agi,system", "AGI\nChannel: none-such\nCommand: GET VARIABLE AST_CONFIG(nosuch.conf,a,b)"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${AST_CONFIG(nosuch.conf,a,b)}"),
        ("agi,system", "AGI\nChannel: none-such\nCommand: SET VARIABLE ENV(POLICY_TEST) 1"),
        ("agi", 'AGI\nChannel: none-such\nCommand: exec\t"Sys"tem id'),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC NoOp ${SHELL(id)}"),
        ("agi", "AGI\nChannel: none-such\nCommand: DATABASE PUT a b c"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET VARIABLE SHELL(id)"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${ENV(PATH)}"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${A${B}}"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET VARIABLE ENV(A) 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: RECORD FILE /nowhere/x wav 1 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC WaitForCondition #,#{SHELL(id)}"),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC ChangeMonitor /nowhere/x"),
        ("agi", "AGI\nChannel: none-such\nCommand: EXEC Playback http://127.0.0.1:1/x"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET VARIABLE MONITOR_OPTIONS x"),
        ("agi", "AGI\nChannel: none-such\nCommand: HANGUP other"),
        ("agi", 'AGI\nChannel: none-such\nCommand: "HANGUP" other'),
        ("agi", "AGI\nChannel: none-such\nCommand: CHANNEL STATUS other"),
        ("agi", "AGI\nChannel: none-such\nCommand: GET FULL VARIABLE ${A} other"),
        ("agi", "AGI\nChannel: none-such\nCommand: SEND IMAGE /etc/x"),
        ("agi", "AGI\nChannel: none-such\nCommand: STREAM FILE http://127.0.0.1:1/x 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: SPEECH LOAD GRAMMAR x /etc/x"),
        ("agi", "AGI\nChannel: none-such\nCommand: NONE SUCH x"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET NOSUCH x"),
        ("agi", "AGI\nChannel: none-such\nCommand: STREAM FILE /nowhere/x 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: SPEECH RECOGNIZE beep&/nowhere/x 1"),
        ("agi", "AGI\nChannel: none-such\nCommand: SAY DATETIME 0 # 'http://127.0.0.1:1/x'"),
        ("agi", "AGI\nChannel: none-such\nCommand: SAY DATETIME 0 # '/nowhere/x'"),
        ("agi", "AGI\nChannel: none-such\nCommand: SAY DATETIME 0 # A ../../nowhere"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET VARIABLE A ${SHELL(id)}"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET VARIABLE A ^{SHELL(id)}"),
        ("agi", "AGI\nChannel: none-such\nCommand: GOSUB lab answer 1 $[1]"),
        ("agi", "AGI\nChannel: none-such\nCommand: SET EXTENSION ${SHELL(id)}"),
    ),
    *_allowed(
        ("user", "UserEvent\nUserEvent: PolicyTest\nColour: blue"),
        ("user", "UserEvent\nUserEvent: PolicyTest\nEvent\n Response\nNote: Event: x\nEvents: x"),
    ),
    *_denied(
        "user-event-header",
        PERMISSION,
        STRICTER,
        ("user", "UserEvent\nUserEvent: PolicyTest\nEvent: Hangup"),
        ("user", "UserEvent\nUserEvent: PolicyTest\nColour: x\nPRIVILEGE: system"),
        ("all", "UserEvent\nUserEvent: PolicyTest\nResponse: Success"),
        ("all", "UserEvent\nUserEvent: PolicyTest\nEventList: Complete"),
        ("all", "UserEvent\nUserEvent: PolicyTest\n Event: x"),
        ("all", "UserEvent\nUserEvent: PolicyTest\n\tresponse :x"),
    ),
]

_UPDATE = "UpdateConfig\nSrcFilename: a.conf\nDstFilename: a.conf\n"

CONFIGURATION = [
    *_allowed(
        ("config", _UPDATE + "Action-0: Update\nCat-0: featuremap\nVar-0: blindxfer\nValue-0: #1"),
        ("config", _UPDATE + "Action-0: Append\nCat-0: a\nVar-0: b\nValue-0: sip:x;lr"),
        ("config", _UPDATE + "Action-0: RenameCat\nCat-0: a\nValue-0: #b"),
        ("config", _UPDATE + "Action-0: NewCat\nCat-0: a#b\nOptions-0: template"),
        real=UNTRIED,
    ),
    *_allowed(
        ("config", "GetConfig\nFilename: queues.conf"),
        ("system", "GetConfig\nFilename: queues.conf"),
        ("config", "GetConfigJSON\nFilename: queues.conf"),
        ("config", "ListCategories\nFilename: queues.conf"),
        ("config", "GetConfig\nFilename: none-such.conf"),
        ("config", "GetConfig"),
        ("config", "CreateConfig"),
        ("config", "UpdateConfig"),
        ("config", "UpdateConfig\nSrcFilename: queues.conf\nDstFilename: queues.conf\nReload: no"),
        ("config", "Reload\nModule: none_such"),
        ("system", "ModuleLoad\nLoadType: load\nModule: none_such.so"),
    ),
    *_allowed(
        ("system", "Reload"),
        ("system", "Reload\nModule: manager"),
        ("system", "ModuleLoad\nLoadType: reload"),
        ("config,system", "UpdateConfig\nSrcFilename: a.conf\nDstFilename: a.conf\nReload: yes"),
        real=UNTRIED,
    ),
    *_denied(
        "config-file",
        FILE,
        SAME,
        ("config", "GetConfig\nFilename: /etc/passwd"),
        ("config", "GetConfig\nFilename: ../../../../../../../etc/passwd"),
        ("config", "GetConfigJSON\nFilename: /etc/passwd"),
        ("config", "ListCategories\nFilename: /etc/passwd"),
        ("config", "CreateConfig\nFilename: ../../policy.conf"),
        ("config", "CreateConfig\nFilename: /tmp/policy.conf"),
        ("config", "UpdateConfig\nSrcFilename: /etc/passwd\nDstFilename: queues.conf"),
        ("config", "UpdateConfig\nSrcFilename: queues.conf\nDstFilename: /etc/passwd"),
    ),
    *_denied(
        "config-file",
        FILE,
        STRICTER,
        ("config", "GetConfig\nFilename: manager.conf"),
        ("system", "GetConfig\nFilename: ./manager.conf"),
        ("config", "GetConfigJSON\nFilename: manager.conf"),
        ("all", "GetConfig\nFilename: manager.conf"),
        ("config", "ListCategories\nFilename: manager.conf"),
        ("config", "GetConfig\nFilename: users.conf"),
    ),
    *_denied(
        "config-file",
        FILE,
        UNTRIED,
        ("config", "UpdateConfig\nSrcFilename: manager.conf\nDstFilename: manager.conf"),
        ("config", "GetConfig\nFilename: a..b.conf"),
    ),
    *_denied(
        "config-directive",
        PERMISSION,
        UNTRIED,
        (
            "config",
            "UpdateConfig\nSrcFilename: a.conf\nDstFilename: a.conf\nVar-000000: #exec\nValue-000000: x",
        ),
        # A block comment hides what stands before the #, within one name or from one to the next.
        ("config", _UPDATE + "Var-000000: ;-- --;#include manager.conf;\nValue-000000: x"),
        ("config", _UPDATE + "vAR-0: a;--\nValue-0: x"),
        ("config", _UPDATE + "Cat-000000: --;#include manager.conf"),
        ("config", _UPDATE + "Cat-000000:  #exec"),
        ("config", _UPDATE + "Action-000000: RenameCat\nCat-000000: a\nValue-000000: b;--"),
        ("config", _UPDATE + "Action-000000: NewCat\nCat-000000: a\nOptions-000000: inherit=b;--"),
    ),
    *_denied(
        "reload-manager",
        PERMISSION,
        UNTRIED,
        ("config", "Reload\nModule: manager"),
        ("config", "UpdateConfig\nSrcFilename: a.conf\nDstFilename: a.conf\nReload: manager"),
        # Without a module's name everything is reloaded, the manager too.
        ("config", "Reload"),
        ("config", "Reload\nModule:"),
        ("config", "UpdateConfig\nSrcFilename: a.conf\nDstFilename: a.conf\nReload: yes"),
        ("config", "UpdateConfig\nSrcFilename: a.conf\nDstFilename: a.conf\nReload: True"),
    ),
    *_denied("module-name", b"Incomplete ModuleLoad action.", SAME, ("system", "ModuleLoad")),
    *_denied("module-name", b"Need module name", SAME, ("system", "ModuleLoad\nLoadType: load")),
    *_denied(
        "module-name",
        b"Module must be in the configured modules directory.",
        UNTRIED,  # the text depends on whether such a file is there
        ("system", "ModuleLoad\nLoadType: load\nModule: ../x.so"),
        ("system", "ModuleLoad\nLoadType: load\nModule: /tmp/x.so"),
        ("system", "ModuleLoad\nLoadType: load\nModule: x..so"),
    ),
]

COMMANDS = [
    *_allowed(
        ("command", "Command\nCommand: core show version"),
        ("command", "Command\nCommand: core  show\tversion"),
        ("command", "Command\nCommand: queue show"),
        ("command", "Command\nCommand: manager show connected"),
        ("command", "Command\nCommand: core show settings"),
        ("command", "Command\nCommand: dialplan show lab"),
        ("command", "Command\nCommand:"),
        ("command,reporting", "Command\nCommand: database show none-such"),
        ("command,system", "Command\nCommand: database show"),
        ("command,system", "Command\nCommand: database show dundi"),
        ("command,call", "Command\nCommand: channel request hangup none-such"),
        ("command,system", "Command\nCommand: dialplan remove context none-such"),
        ("command,system", "Command\nCommand: pjsip export config_wizard primitives"),
        ("command,agent", "Command\nCommand: agent logoff none-such"),
        ("command,call", "Command\nCommand: meetme kick none-such 1"),
        ("command,call", "Command\nCommand: console hangup"),
        ("command,user", "Command\nCommand: voicemail remove none-such"),
        ("command", "Command\nCommand: logger reload"),
        ("command", "Command\nCommand: module reload none_such"),
        ("command", "Command\nCommand: module reload cdr_manager.so"),
        ("command", "Command\nCommand: rtp set debug off"),
        ("command", "Command\nCommand: pjsip set logger off"),
        ("command", "Command\nCommand: pjsip set logger host 127.0.0.1"),
        ("command", "Command\nCommand: odbc show"),
        ("command", "Command\nCommand: mixmonitor list none-such"),
        ("command", "Command\nCommand: bridge technology show"),
        ("command", "Command\nCommand: queue show none-such [none]"),
        ("command,agent", "Command\nCommand: queue remove member none-such from none-such"),
        ("command,agent", "Command\nCommand: queue pause member none-such"),
        ("command,system", "Command\nCommand: queue unpause member none-such"),
        ("command,system", "Command\nCommand: bridge technology suspend none-such"),
    ),
    *_allowed(
        ("command", "Command\nCommand: core set verbose 3"),
        ("command,system", "Command\nCommand: module reload"),
        ("command,system", "Command\nCommand: reload"),
        ("command", "Command\nCommand: dialplan eval function VERSION()"),  # from Asterisk 18 on
        real=UNTRIED,
    ),
    *_denied(
        "command",
        BLACKLISTED,
        SAME,
        ("command", "Command\nCommand: module load none_such"),
        ("command", "Command\nCommand: MODULE unload none_such"),
        ("all", "Command\nCommand: restart gracefully"),
    ),
    *_denied(
        "command",
        BLACKLISTED,
        STRICTER,
        ("command", "Command\nCommand: module\tload none_such"),
        ("command", 'Command\nCommand: "module" load none_such'),
        ("command", "Command\nCommand: mod\\ule load none_such"),
    ),
    *_denied(
        "database-secret",
        PERMISSION,
        STRICTER,
        ("command,reporting", "Command\nCommand: database get dundi secret"),
        ("command,reporting", 'Command\nCommand: database show "dun\\di"'),
    ),
    *_denied(
        "everything",
        PERMISSION,
        STRICTER,
        ("command,reporting", "Command\nCommand: database show"),
        ("command,reporting", 'Command\nCommand: database show "/"'),
    ),
    *_denied(
        "command",
        PERMISSION,
        STRICTER,
        ("command,reporting", "Command\nCommand: database showkey secret"),
        ("command", "Command\nCommand: !id"),
        ("command", "Command\nCommand: database show none-such"),
        ("command", "Command\nCommand: database del none-such none-such"),
        ("command", "Command\nCommand: database query x"),
        ("command", "Command\nCommand: dialplan remove context none-such"),
        ("command", "Command\nCommand: channel originate Local/nowhere@nowhere application System id"),
        ("command", "Command\nCommand: channel request hangup none-such"),
        ("command", "Command\nCommand: mixmonitor start none-such x.wav"),
        ("command", "Command\nCommand: manager kick session 0"),
        ("command", 'Command\nCommand: "manager"\tkick session 0'),
        ("command", "Command\nCommand: manager set debug off"),
        ("all", "Command\nCommand: manager kick session 0"),
        *(
            ("command", "Command\nCommand: " + command)
            for command in (
                "pjsip export config_wizard primitives to /nowhere/x",
                "pri set debug file /nowhere/x",
                "test generate results xml /nowhere/x",
                "dahdi restart",
                "agent logoff none-such",
                "queue add member Local/none-such@none-such to none-such",
                "queue remove member none-such from none-such",
                "queue pause member none-such",
                "queue unpause member none-such",
                "queue set penalty 1 on none-such",
                "queue withdraw caller none-such from none-such",
                "queue priority caller none-such on none-such to 1",
                "queue reset stats none-such",
                "queue reload members none-such",
                "add queue member none-such",
                "remove queue member none-such",
                "bridge technology suspend none-such",
                "bridge technology unsuspend none-such",
                "pjsip set logger pcap /nowhere/x",
                "rtp set other",
                "mixmonitor stop none-such",
                "meetme kick none-such 1",
                "confbridge mute none-such all",
                "console hangup",
                "console dial 1@lab",
                "voicemail remove none-such",
                "logger reload /nowhere/x.conf",
                # Aliases that cli_aliases.conf comes with.
                "add extension 1,1,NoOp into lab",
                "remove extension 1@lab",
                "convert a.wav b.gsm",
                "load none_such.so",
                "unload none_such.so",
                "set global A 1",
                "hangup",
            )
        ),
        ("all", "Command\nCommand: load none_such.so"),
        # Asterisk takes these words for either.
        ("all", "Command\nCommand: queue pause|unpause member none-such"),
        ("all", "Command\nCommand: bridge technology {suspend none-such"),
        ("all", "Command\nCommand: core set debug]verbose 0"),
    ),
    *_denied(
        "command",
        PERMISSION,
        UNTRIED,
        ("all", "Command\nCommand: core restart now"),
        ("all", "Command\nCommand: core stop gracefully"),
        ("all", "Command\nCommand: CORE\tSTOP now"),
        ("all", 'Command\nCommand: co"re" stop now'),
        ("command", "Command\nCommand: presencestate change CustomPresence:none-such away x DQo= e"),
        ("command", "Command\nCommand: dialplan eval function CHANNEL(channeltype)"),
        ("all", "Command\nCommand: dialplan eval function CHANNEL(channeltype)"),
        ("command", "Command\nCommand: dialplan eval function ENV(PATH)"),
        ("command", "Command\nCommand: dialplan eval function VERSION( x)"),
        ("all", "Command\nCommand: dialplan eval function AST_CONFIG(manager.conf,none-such,secret)"),
        ("all", "Command\nCommand: stop now"),
        ("all", "Command\nCommand: die"),
    ),
]

RELOADS = [
    *_allowed(
        ("command,system", "Command\nCommand: manager reload"),
        ("all", "Command\nCommand: manager reload"),
        ("all", "Command\nCommand: module reload manager"),
        ("all", "Command\nCommand: module reload none_such manager.so"),
        ("all", "Command\nCommand: config reload manager.conf"),
        ("all", "Command\nCommand: config reload /etc/asterisk/users.conf"),
        ("all", "Command\nCommand: core reload manager"),
        ("command", "Command\nCommand: module reload none_such"),
        ("command", "Command\nCommand: reload none_such"),
        ("command", "Command\nCommand: dialplan reload"),
    ),
    *_denied(
        "reload-manager",
        PERMISSION,
        UNTRIED,
        ("command", "Command\nCommand: manager reload"),
        ("command", "Command\nCommand: module reload manager"),
        ("command", "Command\nCommand: module reload none_such MANAGER.so"),
        ("command", "Command\nCommand: module reload"),
        ("command", "Command\nCommand: module\treload "),
        ("command", "Command\nCommand: core reload"),
        ("command", "Command\nCommand: reload"),
        ("command,config", "Command\nCommand: reload"),
        ("command,config", "Command\nCommand: config reload manager.conf"),
        # An alias is read twice.
        ("command", 'Command\nCommand: reload ""'),
        ("command", 'Command\nCommand: reload "none_such manager"'),
    ),
    # A file that manager.conf includes reloads the manager too, whatever it is called.
    *_denied(
        "command", PERMISSION, STRICTER, ("command,config", "Command\nCommand: config reload /nowhere/x.conf")
    ),
]

_COUNTS = "a{0,8000}"
_PATTERNS = (
    "pjsip list endpoints like",
    "pjsip show subscriptions inbound like",
    "pjsip show transport-monitors like",
    "pjsip show history where number like",
    "iax2 show users like",
    "iax2 show peers registered like",
    "sip show peers like",
    "mwi list like",
    "geoloc list locations like",
    "core show file version like",
    "group show channels",
)

UNDER_A_PATTERN = [
    *_allowed(
        *(("command,system", f"Command\nCommand: {command} ^1[0-9]+") for command in _PATTERNS),
        ("command", "Command\nCommand: group show channels"),
        ("command", "Command\nCommand: pjsip show history entry 3"),
        ("command", "Command\nCommand: pjsip show history where number > 5"),
        # Plain text to Asterisk.
        ("command", f"Command\nCommand: module show like {_COUNTS}"),
        ("command", f"Command\nCommand: core show applications like {_COUNTS}"),
        ("command", f"Command\nCommand: pjsip show endpoint {_COUNTS}"),
        ("command,call", "Command\nCommand: channel request hangup PJSIP/none-00000001"),
        ("command,system", "Command\nCommand: channel request hangup /^none/"),
        real=UNTRIED,
    ),
    *_denied(
        "regular-expression",
        PERMISSION,
        STRICTER,
        *(("command", f"Command\nCommand: {command} x") for command in _PATTERNS),
        ("command", 'Command\nCommand: pjsip\tshow "contacts" li\\ke x'),
        ("command", "Command\nCommand: PJSIP show contacts LIKE x"),
        ("command", "Command\nCommand: pjsip show history where number > 5 and addr like x"),
        ("command,reporting", "Command\nCommand: pjsip show contacts like x"),
    ),
    *_denied(
        "regular-expression",
        PERMISSION,
        UNTRIED,
        *(("command,system", f"Command\nCommand: {command} {_COUNTS}") for command in _PATTERNS),
        ("all", "Command\nCommand: dnsmgr refresh a++"),
        ("all", f"Command\nCommand: sip prune realtime peer like {_COUNTS}"),
        ("all", f"Command\nCommand: none-such show like {_COUNTS}"),
        ("all", "Command\nCommand: group show channels a" + "+" * 20),
        ("all", "Command\nCommand: group show channels ((((a)+)+)+)+"),
        ("all", "Command\nCommand: group show channels (a)\\\\1"),
        ("all", "Command\nCommand: group show channels " + "a" * 257),
        ("all", f"Command\nCommand: channel request hangup /{_COUNTS}/"),
    ),
    *_denied(
        "channel-pattern",
        PERMISSION,
        UNTRIED,
        ("command,call", "Command\nCommand: channel request hangup all"),
        ("command,call", "Command\nCommand: channel request hangup none-such /.*/"),
        ("command,call", "Command\nCommand: hangup request PJSIP/*"),
        ("command,call", "Command\nCommand: soft hangup PJSIP/[0-9]"),
    ),
]


UNKNOWN_COMMANDS = [
    *_allowed(
        ("command,agent", 'Command\nCommand: queue add member Local/1@lab to none-such penalty 1 as "A B"'),
    ),
    *_denied(
        "characters",
        PERMISSION,
        STRICTER,
        ("all", 'Command\nCommand: queue add member Local/1@lab to none-such penalty 1 as "A;B"'),
        ("command,agent", "Command\nCommand: queue pause member Local/1@lab queue none-such reason a\\|b"),
    ),
    *_denied(
        "technology",
        PERMISSION,
        STRICTER,
        (
            "command,agent",
            "Command\nCommand: queue add member Local/1@lab to none-such penalty 1 as A"
            " state_interface WebSocket/x",
        ),
    ),
    *_allowed(
        ("command,system", "Command\nCommand: none-such show"),
        ("command,reporting", "Command\nCommand: pjsip qualify none-such"),
        ("command,call", "Command\nCommand: devstate change none-such BUSY"),
    ),
    *_allowed(("command,system", "Command\nCommand: logger rotate"), real=UNTRIED),
    *_denied(
        "command-unknown",
        PERMISSION,
        STRICTER,
        ("command", "Command\nCommand: none-such show"),
        ("command", "Command\nCommand: pjsip none-such"),
        ("command", "Command\nCommand: core"),
        ("command", 'Command\nCommand: "core show" version'),
    ),
    *_denied(
        "command",
        PERMISSION,
        STRICTER,
        ("command", "Command\nCommand: pjsip qualify none-such"),
        ("command", "Command\nCommand: devstate change none-such BUSY"),
        ("command", "Command\nCommand: logger remove channel none-such"),
        ("command", "Command\nCommand: indication remove none-such"),
        ("command", "Command\nCommand: cc cancel all"),
        ("all", "Command\nCommand: timing test"),
    ),
    *_denied(
        "command",
        PERMISSION,
        UNTRIED,
        ("all", "Command\nCommand: console"),
        ("all", "Command\nCommand: mgcp set debug on"),
    ),
]

ROWS = [
    *CLASSES,
    *UNKNOWN,
    *KINDS,
    *VARIABLES,
    *ORIGINATE,
    *CONNECTIONS,
    *CALLS,
    *CONFIGURATION,
    *COMMANDS,
    *RELOADS,
    *UNDER_A_PATTERN,
    *UNKNOWN_COMMANDS,
]


def name_of(row: Row) -> str:
    """A readable test id."""
    words = row.action.replace("\n", " ").replace(_NO_CALL, "").split()
    return f"{row.write}-{row.rule or 'allowed'}-{' '.join(words)[-70:]}"
