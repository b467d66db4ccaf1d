"""Every dialplan application of Asterisk 16 to 23, and the kinds of its arguments.

Source: Asterisk's code: how each application splits its data, what its options do, and what it does
with each argument.  An argument or option that is not listed here is refused to users without class
system, and so are more arguments than Asterisk reads.

One line for one or more applications with the same arguments: ``Name Name: argument, argument``.

- ``kind``: a value of this kind (``amiproxy.ami.arguments.kinds``); ``kind@class`` needs that class as well.
- ``[abc D=digits|word]``: options, by letter; D with an argument in parentheses; or one whole word.
- ``kind...``: all remaining data, including commas; ``kind*``: any number of values.
- ``-``: no argument.
- ``Name~``: it reaches calls or places to which the lists ``contexts`` and ``channels`` cannot be applied.

Options that are left out on purpose: those that run a subroutine or an application, go elsewhere in
the dialplan, set a caller id, record to a file of the caller's choice, or play one without a check.
"""

from typing import Final

#: Applications that act on their own channel, or dial what the kind of their argument has checked.
_FREE: Final = """
AMD: number, number, number, number, number, number, number, number, number, sounds
Answer: number, word
Authenticate: digits, nothing, number, sounds
BackGround~: sounds, [snmp|skip|noanswer], language, context
BackgroundDetect~: sounds, number, number, number, number
Busy Congestion: number
ControlPlayback: sounds, number, digits, digits, digits, digits, digits, [o=number]
DateTime SayUnixTime: number, time-zone, date-format, [j=digits]
Dial: dial-strings, number, [acCEgHhiIjkKNoRtTwWxXz A=sounds D=typed-digits m=music-class Q=word r=word
  S=number], shown-url
DumpChan: number
Echo: -
Flash: -
Goto: place...
Gosub: subroutine...
Hangup: word
HangupCauseClear: -
Incomplete~: [n]
MailboxExists: mailbox, [j]
Milliwatt: [mo]
Morsecode: text...
MusicOnHold: music-class, number
NoOp Verbose: text...
Page: dial-strings, [dinqrs A=sounds], number
PauseMonitor StopMonitor UnpauseMonitor: -
PJSIPHangup: word
Playback: sounds, [|skip|noanswer]
PlayTones: tones...
Proceeding Progress Ringing: -
Queue: queue, [cCdhHiIkKnrRtTwWxX m=music-class], shown-url, sounds, number, agi-script@agi, nothing,
  nothing, object, number
Read: filled-variable, sounds, number, [sine t=digits], repeats, number
ReadExten~: filled-variable, sounds, context, [sinp], number
ReceiveMF: filled-variable, number, [dklmopqrs n=number]
ReceiveSF: filled-variable, number, number, number, [demqr t=number]
ReceiveText: number
RetryDial: sounds, number, repeats, dial-strings, number, [acCEgHhiIjkKNoRtTwWxXz A=sounds
  D=typed-digits m=music-class Q=word r=word S=number], shown-url
SayAlpha SayDigits SayPhonetic: text...
SayAlphaCase: word, text...
SayCountedAdj SayCountedNoun: number, sounds, word
SayMoney SayNumber SayOrdinal: number, word
SendDTMF~: digits, number, number, channel@call, [a]
SendMF~: digits, number, number, number, number, channel@call
SendSF~: digits, number, channel@call
SendText: text...
Set: assignment...
MSet: several-assignments...
SetAMAFlags: word
SIPDtmfMode: word
StartMusicOnHold: music-class
StopMusicOnHold StopPlayTones: -
StoreDTMF: word, filled-variable, number
StreamEcho: count, word
ToneScan: word, number, number, [fv]
VMSayName: mailbox
Wait WaitForRing WaitUntil: number
WaitDigit: number, digits
WaitExten~: number, [m=music-class d=word]
WaitForNoise WaitForSilence: number, repeats, number
WaitForTone: word, number, number, repeats, [s d=number]
Zapateller: [|answer|nocallerid], [|answer|nocallerid]
"""

#: Applications that affect other users' calls, or join them.
_CALL: Final = """
AttendedTransfer~: extension
BlindTransfer~: extension, context
Bridge~: channel-prefix, [phHkKntTwW S=number]
BridgeAdd~: channel-prefix
BridgeWait~: object, word, [n e=word m=music-class S=number]
Broadcast~: [blorsw], channel*
ChannelRedirect~: channel, place...
ChanSpy~: channel-prefix, [bBdDElNoqsSuwW c=digits e=word g=word n=mailbox v=number x=digits]
ConfBridge: whole-conference, object, object, object
ConfKick~: whole-conference, channel-or-all
DAHDIBarge~ DAHDIScan~: word, [bBdDElNoqsSuwW]
ExtenSpy~: word, [bBdDElNoqsSuwW c=digits e=word g=word n=mailbox v=number x=digits]
MeetMe~: whole-conference, [AaCcDdEeFiIkMmnoPpqsTltwx1], digits
MeetMeAdmin~: whole-conference, word, conference-user
MeetMeChannelAdmin~: channel, word
MeetMeCount~: whole-conference, filled-variable
Park~: parking-lot, [rRs m=music-class t=number]
ParkedCall~: parking-lot, parking-space
Pickup~: word
PickupChan~: channel-prefix, [p]
Signal~: word, text...
SIPSendCustomINFO~: text...
SLAStation~ SLATrunk~: word
SoftHangup~: channel-prefix, [a]
WaitForSignal~: word, number
"""

#: Applications that act on queues and their members.
_AGENT: Final = """
AddQueueMember~: queue, interface, number, [p r=queue-text], member-name, state-interface, number
AgentLogin~: agent, [s]
AgentRequest~: agent
PauseQueueMember~ UnpauseQueueMember~: queue, member-key, [i], queue-text
QueueLog~: queue-log-column, queue-log-column, queue-log-column, queue-log-column, queue-log-text...
QueueUpdate~: queue-log-column, queue-log-column, queue-log-column, queue-log-column, queue-log-column,
  queue-log-text...
RemoveQueueMember~: queue, member-key
"""

#: Applications that write events which all users read.
_USER: Final = """
CELGenUserEvent: event-text, text...
UserEvent: event-text, event-headers...
"""

_MESSAGE: Final = """
MessageSend: uri, text, text
"""

#: By the class that they need in addition to the action's own; "" for none.
BY_CLASS: Final = {"": _FREE, "call": _CALL, "agent": _AGENT, "user": _USER, "message": _MESSAGE}

#: Applications that need class system, or must be listed in the user's ``applications``; their arguments
#: are checked as described here then.
CLOSED_DESCRIBED: Final = """
ChanIsAvail: dial-strings, [ajst]
Directory~: mailbox-context, context, [aemnsv b=number f=number l=number p=number]
FollowMe~: object, [adIlNns]
ForkCDR: [aerv]
Log: word, text...
NoCDR: -
ParkAndAnnounce~: parking-lot, [rRs m=music-class t=number], sounds, dial-string
PrivacyManager: number, number, nothing, context
Record: recording, number, number, [aknqstuyx]
ResetCDR: [v]
SIPAddHeader SIPRemoveHeader: text...
Stasis~: object, text...
VMAuthenticate: mailbox
VoiceMail~: mailbox, [sSbuUP g=number t=sounds]
VoiceMailMain~: mailbox, [p g=number]
VoiceMailPlayMsg: mailbox, message-id
"""

#: The same, without a description of their arguments, because they run programs, dialplan or applications,
#: open connections, read or write files and databases, or evaluate their data themselves.
CLOSED: Final = """
ADSIProg AELSub AGI AlarmReceiver AudioSocket CallCompletionCancel CallCompletionRequest ChangeMonitor
ClearHash ContinueWhile DAHDIAcceptR2Call DAHDIRAS DAHDISendCallreroutingFacility DAHDISendKeypadFacility
DBdeltree DeadAGI Dictate DISA EAGI Else ElseIf EndIf EndWhile Exec ExecIf ExecIfTime ExitIf ExitWhile
ExternalIVR Festival GetCPEID GosubIf GotoIf GotoIfTime IAX2Provision ICES If ImportVar IVRDemo JabberJoin
JabberLeave JabberSend JabberSendGroup JabberStatus JACK Macro MacroExclusive MacroExit MacroIf
MinivmAccMess MinivmDelete MinivmGreet MinivmMWI MinivmNotify MinivmRecord misdn_check_l2l1 misdn_command
misdn_facility misdn_set_opt MixMonitor MobileSendSMS MobileStatus Monitor MP3Player MYSQL NBScat
ODBC_Commit ODBC_Rollback ODBCFinish Originate OSPAuth OSPFinish OSPLookup OSPNext PJSIPNotify
RaiseException ReceiveFAX Reload Return SendFAX SendImage SendURL SkelGuessNumber SMS SpeechActivateGrammar
SpeechBackground SpeechCreate SpeechDeactivateGrammar SpeechDestroy SpeechLoadGrammar SpeechProcessingSound
SpeechStart SpeechUnloadGrammar StackPop StasisBroadcast StatsD StopMixMonitor System TestClient TestServer
Transfer TryExec TrySystem WaitForCondition While
"""
