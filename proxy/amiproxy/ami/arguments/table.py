"""Every header that a manager action of Asterisk reads, and the kind of its value.

Source: Asterisk's code at tags 16.30, 18.26, 20.20, 22.10, 23.4 and master of
August 2026: the handler of each action, including headers that are undocumented
(``Channel2`` of Park, ``Destination`` of MessageSend).  A header that is not listed
here is not sent.

One entry per action: ``Name: Header kind, Header kind``.

- ``Header|Alias``: two names of one argument.
- ``Header/Other``: Asterisk uses ``Header`` in place of ``Other``.
- ``#`` in a header stands for a number, ``*`` for any header.
- ``kind!``: left out or empty, the argument means everything of its kind, and the action
  would change or reveal too much: only class system may leave it out.
- ``-``: the action reads no header.
"""

TABLE = """
AbsoluteTimeout: Channel channel, Timeout seconds
AgentLogoff: Agent agent, Soft boolean
Agents: -
AGI: Channel channel, Command agi-command, CommandID event-text
AOCMessage: Channel channel, ChannelPrefix/Channel channel-prefix, MsgType word, ChargeType word, CurrencyName
  text, CurrencyAmount integer, CurrencyMultiplier word, TotalType word, AOCBillingId word,
  ChargingAssociationId integer, ChargingAssociationNumber text, ChargingAssociationPlan integer,
  UnitAmount(#) integer, UnitType(#) integer, ChargedItem word, RateType word, Time integer, TimeScale word,
  Granularity integer, GranularityTimeScale word, ChargingType word, VolumeUnit word, Code integer
Atxfer: Channel channel, Exten extension, Context context
BlindTransfer: Channel channel, Exten extension, Context context
Bridge: Channel1 channel-prefix, Channel2 channel-prefix, Tone word
BridgeDestroy: BridgeUniqueid whole-bridge
BridgeInfo: BridgeUniqueid bridge
BridgeKick: BridgeUniqueid bridge, Channel channel
BridgeList: BridgeType word
BridgeTechnologyList: -
BridgeTechnologySuspend: BridgeTechnology bridge-technology
BridgeTechnologyUnsuspend: BridgeTechnology bridge-technology
CancelAtxfer: Channel channel
Challenge: AuthType word, Username credential
ChangeMonitor: Channel channel, File recording
Command: Command cli-command
ConfbridgeKick: Conference conference, Channel channel-or-all
ConfbridgeList: Conference conference
ConfbridgeListRooms: -
ConfbridgeLock: Conference whole-conference
ConfbridgeMute: Conference conference, Channel channel-or-all
ConfbridgeSetSingleVideoSrc: Conference conference, Channel channel-prefix
ConfbridgeStartRecord: Conference whole-conference, RecordFile recording
ConfbridgeStopRecord: Conference whole-conference
ConfbridgeUnlock: Conference whole-conference
ConfbridgeUnmute: Conference conference, Channel channel-or-all
ControlPlayback: Channel channel, Control word
CoreSettings: -
CoreShowChannelMap: Channel channel
CoreShowChannels: -
CoreStatus: -
CreateConfig: Filename config-file
DAHDIDialOffhook: DAHDIChannel dahdi-channel, Number digits
DAHDIDNDoff: DAHDIChannel dahdi-channel
DAHDIDNDon: DAHDIChannel dahdi-channel
DAHDIHangup: DAHDIChannel dahdi-channel
DAHDIRestart: -
DAHDIShowChannels: DAHDIChannel dahdi-channel-shown
DAHDIShowStatus: -
DAHDITransfer: DAHDIChannel dahdi-channel
DBDel: Family database-family, Key database-key
DBDelTree: Family database-family!, Key database-key
DBGet: Family database-family, Key database-key
DBGetTree: Family database-family!, Key database-key
DBPut: Family database-family, Key database-key, Val database-value
DeviceStateList: -
DialplanExtensionAdd: Context context, Extension extension, Priority priority, Application application,
  ApplicationData application-data, Replace boolean
DialplanExtensionRemove: Context context, Extension extension, Priority priority
Events: EventMask event-mask, ProxySequence boolean
ExtensionState: Exten extension-shown, Context context-shown
ExtensionStateList: -
FAXSession: SessionNumber integer
FAXSessions: -
FAXStats: -
Filter: Operation word, Filter event-filter, MatchCriteria event-filter
GetConfig: Filename config-file, Category config-section, Filter config-filter
GetConfigJSON: Filename config-file, Category config-section, Filter config-filter
Getvar: Channel channel, Variable variable-read
Hangup: Channel channel-pattern, Cause integer
IAXnetstats: -
IAXpeerlist: -
IAXpeers: -
IAXregistry: -
JabberSend: Jabber object, ScreenName uri, Message text
ListCategories: Filename config-file, Match config-filter
ListCommands: -
LocalOptimizeAway: Channel channel
LoggerRotate: -
Login: Username credential, Secret credential, AuthType word, Key credential, Events event-mask
Logoff: -
MailboxCount: Mailbox mailbox
MailboxStatus: Mailbox mailbox
MeetmeList: Conference conference
MeetmeListRooms: -
MeetmeMute: Meetme whole-conference, Usernum conference-user
MeetmeUnmute: Meetme whole-conference, Usernum conference-user
MessageSend: To|Destination uri, From text, Body text, Base64Body/Body base64, Variable sip-headers
MixMonitor: Channel channel, File recording, Options application-data, Command shell-command
MixMonitorMute: Channel channel, State boolean, Direction word, MixMonitorID word
ModuleCheck: Module module
ModuleLoad: Module reloaded-module, LoadType word, Recursive boolean
Monitor: Channel channel, File recording, Format recording-format, Mix boolean
MuteAudio: Channel channel, State boolean, Direction word
MWIDelete: Mailbox mailbox-pattern
MWIGet: Mailbox mailbox-pattern
MWIUpdate: Mailbox mailbox, OldMessages integer, NewMessages integer
Originate: Channel dial-string, Exten extension, Context context, Priority priority, Timeout milliseconds,
  CallerID caller-id, Account account, Application application, Data application-data, Async boolean, Variable
  assignments, Codecs codecs, EarlyMedia boolean, ChannelId new-id, OtherChannelId new-id, PreDialGoSub gosub
Park: Channel channel, TimeoutChannel|Channel2 comeback-channel, AnnounceChannel never-sent, Timeout
  milliseconds, Parkinglot parking-lot, ParkingSpace parking-space
ParkedCalls: ParkingLot parking-lot-shown
Parkinglots: -
PauseMonitor: Channel channel
Ping: -
PJSIPHangup: Channel channel-pattern, Cause word
PJSIPNotify: Endpoint object-reached, URI uri, Channel channel, Variable sip-headers, Option object
PJSIPQualify: Endpoint object-reached
PJSIPRegister: Registration object-or-all
PJSIPSetMaintenance: Endpoint object-or-all, State word
PJSIPShowAors: -
PJSIPShowAuths: -
PJSIPShowContacts: -
PJSIPShowEndpoint: Endpoint object
PJSIPShowEndpoints: -
PJSIPShowMaintenance: Endpoint object
PJSIPShowRegistrationInboundContactStatuses: -
PJSIPShowRegistrationsInbound: -
PJSIPShowRegistrationsOutbound: -
PJSIPShowResourceLists: -
PJSIPShowSubscriptionsInbound: -
PJSIPShowSubscriptionsOutbound: -
PJSIPUnregister: Registration object-or-all
PlayDTMF: Channel channel, Digit digits, Duration holding-milliseconds, Receive boolean
PlayMF: Channel channel, Digit holding-digits, Duration holding-milliseconds
PresenceState: Provider presence
PresenceStateList: -
PRIDebugFileSet: File any-file
PRIDebugFileUnset: -
PRIDebugSet: Level word, Span integer
PRIShowSpans: Span integer
QueueAdd: Queue queue, Interface interface, Penalty integer, Paused boolean, Reason queue-text, MemberName
  member-name, StateInterface state-interface, Wrapuptime integer
QueueChangePriorityCaller: Queue queue, Caller channel, Priority integer, Immediate boolean
QueueLog: Queue queue-log-column, UniqueId queue-log-column, Interface queue-log-column, Event
  queue-log-column, Message queue-log-text
QueueMemberRingInUse: Interface member-key, RingInUse boolean, Queue queue
QueuePause: Queue queue, Interface member-key, Paused boolean, Reason queue-text
QueuePenalty: Queue queue, Interface member-key, Penalty integer
QueueReload: Queue queue!, Members boolean, Rules boolean, Parameters boolean
QueueRemove: Queue queue, Interface member-key
QueueReset: Queue queue!
QueueRule: Rule queue
QueueStatus: Queue queue, Member member
QueueSummary: Queue queue
QueueWithdrawCaller: Queue queue, Caller channel, WithdrawInfo text
Redirect: Channel channel, ExtraChannel channel, Exten extension, ExtraExten extension, Context context,
  ExtraContext context, Priority priority, ExtraPriority priority
Reload: Module reloaded-module
SendFlash: Channel channel, Receive boolean
SendText: Channel channel, Message text, Content-Type text
Setvar: Channel channel, Variable variable-set, Value variable-value
ShowDialPlan: Extension extension-shown, Context context-shown
SIPnotify: Channel uri, Call-ID text, Variable sip-headers
SIPpeers: -
SIPpeerstatus: Peer object
SIPqualifypeer: Peer object-reached
SIPshowpeer: Peer object
SIPshowregistry: -
SKINNYdevices: -
SKINNYlines: -
SKINNYshowdevice: Device object
SKINNYshowline: Line object
SorceryMemoryCacheExpire: Cache object
SorceryMemoryCacheExpireObject: Cache object, Object object
SorceryMemoryCachePopulate: Cache object
SorceryMemoryCacheStale: Cache object
SorceryMemoryCacheStaleObject: Cache object, Object object, Reload boolean
Status: Channel channel, Variables variables-read, AllVariables boolean
StopMixMonitor: Channel channel, MixMonitorID word
StopMonitor: Channel channel
UnpauseMonitor: Channel channel
UpdateConfig: SrcFilename config-file, DstFilename config-file, Reload reloaded-module,
  PreserveEffectiveContext boolean, Action-# word, Cat-# config-section, Var-# config-text, Value-#
  config-text, Match-# config-text, Line-# integer, Options-# config-options
UserEvent: UserEvent event-text, * payload
VoicemailBoxSummary: Context mailbox-context, Mailbox mailbox
VoicemailForward: Mailbox mailbox, Context mailbox-context, Folder voicemail-folder, ID message-id, ToFolder
  voicemail-folder, ToMailbox mailbox, ToContext mailbox-context
VoicemailMove: Mailbox mailbox, Context mailbox-context, Folder voicemail-folder, ID message-id, ToFolder
  voicemail-folder
VoicemailRefresh: Context mailbox-context, Mailbox mailbox
VoicemailRemove: Mailbox mailbox, Context mailbox-context, Folder voicemail-folder, ID message-id
VoicemailUsersList: -
VoicemailUserStatus: Context mailbox-context, Mailbox mailbox
WaitEvent: Timeout seconds
"""

#: Actions whose answers reveal nothing about calls, or only about the one that the action names.  Any other
#: action is refused to a user with a scope: its answer may list or count all users' calls.
TELLS_NO_CALLS = """
AbsoluteTimeout AgentLogoff AGI AOCMessage Atxfer BlindTransfer Bridge BridgeDestroy BridgeKick
BridgeTechnologyList BridgeTechnologySuspend BridgeTechnologyUnsuspend CancelAtxfer Challenge ChangeMonitor
ConfbridgeKick ConfbridgeLock ConfbridgeMute ConfbridgeSetSingleVideoSrc ConfbridgeStartRecord
ConfbridgeStopRecord ConfbridgeUnlock ConfbridgeUnmute ControlPlayback CoreSettings CreateConfig
DAHDIDialOffhook DAHDIDNDoff DAHDIDNDon DAHDIHangup DAHDIRestart DAHDIShowStatus DAHDITransfer DBDel
DBDelTree DBPut DialplanExtensionAdd DialplanExtensionRemove Events Filter GetConfig
GetConfigJSON Getvar Hangup IAXpeerlist IAXpeers IAXregistry JabberSend ListCategories ListCommands
LocalOptimizeAway LoggerRotate Login Logoff MailboxCount MailboxStatus MeetmeMute MeetmeUnmute MessageSend
MixMonitor MixMonitorMute ModuleCheck ModuleLoad Monitor MuteAudio MWIDelete MWIGet MWIUpdate Originate Park
Parkinglots PauseMonitor Ping PJSIPHangup PJSIPNotify PJSIPQualify PJSIPRegister PJSIPSetMaintenance
PJSIPShowAors PJSIPShowAuths PJSIPShowContacts PJSIPShowMaintenance
PJSIPShowRegistrationInboundContactStatuses PJSIPShowRegistrationsInbound PJSIPShowRegistrationsOutbound
PJSIPShowResourceLists PJSIPShowSubscriptionsInbound PJSIPShowSubscriptionsOutbound PJSIPUnregister PlayDTMF
PlayMF PresenceState PresenceStateList PRIDebugFileSet PRIDebugFileUnset PRIDebugSet PRIShowSpans QueueAdd
QueueChangePriorityCaller QueueLog QueueMemberRingInUse QueuePause QueuePenalty QueueReload QueueRemove
QueueReset QueueRule QueueWithdrawCaller Redirect Reload SendFlash SendText Setvar ShowDialPlan SIPnotify
SIPpeers SIPpeerstatus SIPqualifypeer SIPshowpeer SIPshowregistry SKINNYdevices SKINNYlines SKINNYshowdevice
SKINNYshowline SorceryMemoryCacheExpire SorceryMemoryCacheExpireObject SorceryMemoryCachePopulate
SorceryMemoryCacheStale SorceryMemoryCacheStaleObject StopMixMonitor StopMonitor UnpauseMonitor UpdateConfig
UserEvent VoicemailBoxSummary VoicemailForward VoicemailMove VoicemailRefresh VoicemailRemove
VoicemailUsersList VoicemailUserStatus WaitEvent
"""
