"""One row for each check of an application's data; the tests of ``rows`` read these too."""

from tests.core.policy.rows import APPLICATION, PERMISSION, SAME, STRICTER, Row

_HEAD = "Originate\nChannel: Local/nowhere@nowhere\nTimeout: 1000\nAsync: true\nApplication: "


def _row(write: str, call: str, text: bytes | None, rule: str, real: str) -> Row:
    application, _, data = call.partition("|")
    action = _HEAD + application + (f"\nData: {data}" if data else "")
    return Row(",".join(filter(None, ("originate", write))), action, text, rule, real)


def _denied(rule: str, real: str, *calls: str, write: str = "", text: bytes = PERMISSION) -> list[Row]:
    return [_row(write, call, text, rule, real) for call in calls]


def _allowed(*calls: str, write: str = "") -> list[Row]:
    return [_row(write, call, None, "", SAME) for call in calls]


ALLOWED = [
    *_allowed(
        "Answer",
        "Answer|500",
        "Authenticate|1234",
        "Authenticate|1234,,4,vm-password",
        "BackGround|beep&digits/1,n,en",
        "Busy|5",
        "ControlPlayback|beep,3000,#,*,0,8,9,o(100)",
        "DateTime",
        "DateTime|,Europe/Berlin,ABdY 'digits/at' IMp",
        "Dial|Local/nowhere@nowhere,1",
        "Dial|Local/nowhere@nowhere&Local/none@nowhere,20^5,tTgrA(beep)D(12)m(default)S(60)",
        "Dial|Local/nowhere@nowhere,1,,http://127.0.0.1/shown",
        "Dial|PJSIP/none-such,30,rTto",
        "Echo",
        "Gosub|lab,answer,1(a,b c)",
        "Goto|lab,answer,1",
        "Goto|answer,1",
        "Goto|1",
        "Hangup|16",
        "Milliwatt|m",
        "MSet|A=1,B=2",
        "MusicOnHold|default,1",
        "NoOp",
        'NoOp|any "text" at (all), http://127.0.0.1',
        "Page|Local/nowhere@nowhere,diqA(beep)ns,1",
        "Playback|beep",
        "Playback|beep&custom/greeting,noanswer",
        "PlayTones|440/100,0/100",
        "PlayTones|!350+440",
        "Queue|lab-queue,,,,10",
        "Queue|lab-queue,tTrm(default),,beep,10",
        "Queue|lab-queue,,http://127.0.0.1/shown",
        "Read",
        "Read|A,,1",
        "Read|A,beep&digits/1,4,st(#),2,5",
        "RetryDial|beep,1,1,Local/nowhere@nowhere,1,t",
        "SayAlpha|a/b,c",
        "SayCountedNoun|2,digits/day",
        "StreamEcho|4,video",
        "SayDigits|123",
        "SayNumber|12,f",
        "SayUnixTime|1700000000,,IMp",
        "SendDTMF|1",
        "SendDTMF|1,,,,a",
        "SendMF|1,,,5",
        "SendSF|1,2600",
        "SendText|any (text, at all",
        "Set|A=1",
        "Set|A=1,B=2",
        "Set|CALLERID(name)=x",
        "StartMusicOnHold",
        "StoreDTMF|RX,A",
        "Verbose|2,text",
        "Verbose|text",
        "Wait|1",
        "Wait|0.5",
        "WaitForSilence|500,2,5",
        "Zapateller|answer,nocallerid",
    ),
    *_allowed("Queue|lab-queue,,,,10,script", write="agi"),
    *_allowed(
        "Bridge|none-such,p",
        "Broadcast|,none-such",
        "ChannelRedirect|none-such,lab,answer,1",
        "ChanSpy|none-such",
        "ChanSpy|PJSIP/200,q",
        "ChanSpy|PJSIP/200,qwEg(sales)",
        "ConfBridge|none-such",
        "SendDTMF|1,,,none-such",
        "SendSF|1,,none-such",
        "SoftHangup|none-such",
        write="call",
    ),
    *_allowed(
        "PauseQueueMember|,none-such",
        "AddQueueMember|none-such,Local/nowhere@nowhere,1,,Anna",
        "QueueLog|none-such,NONE,NONE,X,a|b",
        write="agent",
    ),
    *_allowed("MessageSend|none:such", write="message"),
    *_allowed("UserEvent|Hello,Colour: blue", 'UserEvent|Hello,Text: "a, b"', write="user"),
    *_allowed(
        "System|/bin/true",
        "NoOp|${A}",
        "Playback|http://127.0.0.1:1/x.wav",
        "Set|MONITOR_FILENAME=x",
        "WaitForCondition|#,1",
        "Dial|Local/nowhere@nowhere,1,U(sub)",
        write="system",
    ),
]

#: Asterisk refuses these itself.
RUN_CODE = [
    *_denied(
        "application",
        SAME,
        *(
            f"{name}|x"
            for name in (
                *("AGI", "EAGI", "deadagi", "DBdeltree", "Exec", "ExecIf", "TryExec", "ExternalIVR"),
                *("MixMonitor", "Originate", "Reload", "System", "TrySystem", " sYsTeM "),
            )
        ),
        *(f"NoOp|a{word}b" for word in ("CURL", "DB", "EVAL", "FILE", "ODBC", "REALTIME", "SHELL")),
        "Queue|lab-queue,,,,10,script",
        text=APPLICATION,
    ),
    *_denied("application", SAME, "AGI|script", write="agi", text=APPLICATION),
]

#: They affect more than their own call, or are not described.
CLOSED = [
    *_denied(
        "application",
        STRICTER,
        "AudioSocket|x,127.0.0.1:1",
        "DBdel|policy/test",
        "Directory|default",
        "ImportVar|A=none-such,B",
        "Log|NOTICE,x",
        "Macro|none-such",
        "NoSuchApplication",
        "Record|policy-test.wav",
        "Record|/nowhere/x.wav",
        "SendImage|/etc/x",
        "Transfer|none-such",
        "VMAuthenticate|none-such",
        "VoiceMail|none-such",
        "VoiceMailMain|none-such,s",
        "VoiceMailPlayMsg|none-such,1",
        # It evaluates its own data, with any character for the dollar.
        "WaitForCondition|#,#{SH#{A}ELL(id)}",
        "waitforcondition|x",
        *(
            f"{name}|x"
            for name in (
                *("ChangeMonitor", "DAHDIRAS", "JabberSend", "JabberSendGroup", "MYSQL", "OSPLookup"),
                *("PJSIPNotify", "ReadFile", "SpeechLoadGrammar", "StasisBroadcast", "TestClient"),
                "TestServer",
            )
        ),
    ),
    *_denied("application", STRICTER, "VoiceMailMain|none-such,s", "StasisBroadcast|x", write="call"),
]

#: They need another class besides originate.
CLASSES = [
    *_denied(
        "application",
        STRICTER,
        "AddQueueMember|x",
        "AgentLogin|x",
        "AgentRequest|x",
        "Bridge|none-such",
        "BridgeWait|none-such",
        "ChannelRedirect|none-such,lab,answer,1",
        "ChanSpy|none-such",
        "ConfBridge|none-such",
        "ConfBridge",
        "MeetMe|none-such",
        "MessageSend|x",
        "Park|default",
        "ParkedCall|default,701",
        "PauseQueueMember|x",
        "Pickup|none-such@lab",
        "QueueLog|x",
        "RemoveQueueMember|x",
        "SendDTMF|1,,,none-such",
        "SendMF|1,,,,,none-such",
        "SendSF|1,,none-such",
        "SLAStation|x",
        "SoftHangup|none-such",
        "UnpauseQueueMember|x",
        "UserEvent|Hello,Colour: blue",
    ),
    *_denied("application", STRICTER, "Broadcast|,none-such", write="agent"),
    *_denied("application", STRICTER, "PauseQueueMember|,none-such", write="call"),
    *_denied("application", STRICTER, "UserEvent|Hello", "CELGenUserEvent|Hello", write="call,agent"),
    *_denied("user-event-header", STRICTER, "UserEvent|Hello,Privilege: system", write="user"),
    *_denied("user-event-header", STRICTER, 'UserEvent|Hello,A: 1,"Pri"vilege: system', write="user"),
]

#: Arguments of a kind that is refused, and arguments that are not described.
ARGUMENTS = [
    # Each stream takes memory, and up to four thousand million are allowed.
    *_denied("characters", STRICTER, "StreamEcho|100,audio", "StreamEcho|4294967295,audio"),
    # Repeated without a pause.
    *_denied(
        "characters",
        STRICTER,
        "Read|A,,1,,1000000,0.001",
        "RetryDial|beep,0,-1,Local/nowhere@nowhere",
        "RetryDial|beep,0,100,Local/nowhere@nowhere",
        "WaitForNoise|0,2147483647",
        "WaitForSilence|0,2147483647",
        "WaitForTone|440,1,1,1000000",
    ),
    *_denied(
        "sound-file",
        STRICTER,
        "BackGround|HTTPS://127.0.0.1:1/x.wav",
        "BackGround|beep,,../../etc",
        "BackGround|passwd,,/etc",
        "ControlPlayback|/etc/passwd",
        "DateTime|,,'http://127.0.0.1:1/x'",
        "DateTime|,,IMp'/etc/passwd'",
        "DateTime|,../../../etc/passwd",
        "Dial|Local/nowhere@nowhere,1,A(http://127.0.0.1:1/x)",
        "Page|Local/nowhere@nowhere,A(/etc/passwd)",
        "Playback|/var/spool/asterisk/voicemail/default/1/INBOX/msg0000",
        "Playback|../voicemail/1/INBOX/msg0000",
        "Playback|beep&../x",
        "Playback|beep&http://127.0.0.1:1/x.wav",
        "Playback|http://127.0.0.1:1/x.wav",
        "Queue|lab-queue,,,/etc/passwd",
        "Queue|lab-queue,,,http://127.0.0.1:1/x",
        "Read|A,http://127.0.0.1:1/x.wav",
        "ReadExten|A,/etc/passwd",
        "RetryDial|/etc/passwd,1,1,Local/nowhere@nowhere",
        "SayCountedAdj|1,/etc/passwd",
        "SayCountedNoun|1,http://127.0.0.1:1/x",
        "SayUnixTime|,,'http://127.0.0.1:1/x.wav'",
    ),
    *_denied(
        "technology",
        STRICTER,
        "Dial|AudioSocket/127.0.0.1:1/x",
        "Dial|Local/1@a&AudioSocket/127.0.0.1:1/x",
        "Dial|MulticastRTP/basic/127.0.0.1:1",
        "Dial|UnicastRTP/127.0.0.1:1",
        "Page|Local/1@a&MulticastRTP/basic/127.0.0.1:1",
        "RetryDial|beep,1,1,WebSocket/x",
    ),
    *_denied("host", STRICTER, "Dial|PJSIP/x/sip:x@127.0.0.1:1", "Page|SIP/x@127.0.0.1"),
    *_denied(
        "functions",
        STRICTER,
        "MSet|A=1,ENV(POLICY_TEST)=1",
        "Read|ENV(POLICY_TEST),,1",
        "Read|global(POLICY_TEST),,1",
        "ReceiveSF|CHANNEL(hangup_handler_push)",
        'Set|"ENV"(POLICY_TEST)=1',
        'Set|A=E"NV"(PATH)',
        "Set|ENV(POLICY_TEST)=1",
        "StoreDTMF|RX,STRFTIME(x)",
    ),
    *_denied(
        "variables",
        STRICTER,
        "MSet|A=1,MONITOR_OPTIONS=x",
        "Read|MONITOR_EXEC,,1",
        "ReadExten|MONITOR_EXEC",
        "ReceiveMF|MONITOR_EXEC",
        "Set| __TOUCH_MIXMONITOR=x",
        "Set|MONITOR_OPTIONS=x",
        "StoreDTMF|RX,MONITOR_EXEC",
    ),
    *_denied(
        "characters",
        STRICTER,
        "Authenticate|/etc/x",
        "Authenticate|1234,d",
        "Gosub|lab,answer,1(a",
        "Goto|lab,answer,1,x",
        "Goto|lab@x,answer,1",
        "Queue|lab-queue,,,,10,,lab^answer^1",
        "Queue|lab-queue,,,,10,,,lab^answer^1",
        "Wait|x(1)",
    ),
    *_denied("agi-script", STRICTER, "Queue|lab-queue,,,,10,agi://127.0.0.1:1/x", write="agi"),
    *_denied("agi-script", STRICTER, "Queue|lab-queue,,,,10,/bin/true", write="agi"),
    *_denied(
        "application",
        STRICTER,
        # Options that run dialplan, jump elsewhere, set a caller id, or play a file that a variable names.
        "Dial|Local/nowhere@nowhere,1,B(sub^s^1)",
        "Dial|Local/nowhere@nowhere,1,F(lab^answer^1)",
        "Dial|Local/nowhere@nowhere,1,G(lab^answer^1)",
        "Dial|Local/nowhere@nowhere,1,L(60000:30000)",
        "Dial|Local/nowhere@nowhere,1,M(sub)",
        "Dial|Local/nowhere@nowhere,1,U(sub)",
        "Dial|Local/nowhere@nowhere,1,b(sub^s^1)",
        "Dial|Local/nowhere@nowhere,1,f(100)",
        "Dial|Local/nowhere@nowhere,1,o(100)",
        "Dial|Local/nowhere@nowhere,1,t,,x",
        "Page|Local/nowhere@nowhere,b(sub^s^1)",
        "Playback|beep,say",
        "Queue|lab-queue,b(sub^s^1)",
        "Queue|lab-queue,F(lab^answer^1)",
        "Read|A,beep,,v",
        # Quotes and backslashes.
        "Dial|Audio\\Socket/127.0.0.1:1/x",
        'Page|Local/1@a&Audio"Socket"/127.0.0.1:1/x',
        'RetryDial|beep,1,1,"Unicast"RTP/127.0.0.1:1/x',
        'Queue|lab-queue,"F"',
        "Dial|Local/nowhere@nowhere,1,A[x]",
        # One more argument than Asterisk reads.
        "Echo|x",
        "Playback|beep,skip,x",
        "SayNumber|1,f,x",
        "Queue|lab-queue,,,,10,,,,,1,x",
    ),
    *_denied("application", STRICTER, "ChanSpy|none-such,r(x)", "ChanSpy|none-such,X", write="call"),
    *_denied("evaluated-value", STRICTER, "NoOp|${A}", "NoOp|$[1]", "Gosub|lab,answer,1(^{A})"),
]

APPLICATIONS = [*ALLOWED, *RUN_CODE, *CLOSED, *CLASSES, *ARGUMENTS]
