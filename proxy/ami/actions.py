"""Which classes an action needs, and what shape its answer has.

The shipped table is Asterisk 22's and 16's own ListCommands (ami.md §3.1); at
every link-up it is overlaid with what the live Asterisk says, so a module that
is not loaded or a new action is judged as Asterisk would.  An action known to
neither is unknown to the proxy too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from proxy.ami import privilege
from proxy.ami.answers import UNKNOWN, Answer, AnswerKind
from proxy.ami.arguments import ARGUMENTS, Described

_SHIPPED = {
    "none": """
        BridgeDestroy BridgeInfo BridgeKick BridgeList BridgeTechnologyList BridgeTechnologySuspend
        BridgeTechnologyUnsuspend Challenge DAHDIDialOffhook DAHDIDNDoff DAHDIDNDon DAHDIHangup DAHDIRestart
        DAHDIShowChannels DAHDIShowStatus DAHDITransfer Events ListCommands Login Logoff Ping
        PRIDebugFileUnset PRIDebugSet PRIShowSpans QueueChangePriorityCaller QueueReload QueueReset
        QueueRule QueueStatus QueueSummary QueueWithdrawCaller WaitEvent
    """,
    "agent": """
        AgentLogoff Agents QueueAdd QueueLog QueueMemberRingInUse QueuePause QueuePenalty QueueRemove
    """,
    "agi": """
        AGI
    """,
    "aoc": """
        AOCMessage
    """,
    "call": """
        Atxfer BlindTransfer Bridge CancelAtxfer ChangeMonitor ConfbridgeKick ConfbridgeLock ConfbridgeMute
        ConfbridgeSetSingleVideoSrc ConfbridgeUnlock ConfbridgeUnmute ControlPlayback FAXSession FAXSessions
        MeetmeMute MeetmeUnmute Monitor MWIDelete MWIUpdate Park ParkedCalls Parkinglots PauseMonitor
        PlayDTMF PlayMF Redirect SendFlash SendText Setvar StopMonitor UnpauseMonitor
    """,
    "call,reporting": """
        DeviceStateList ExtensionState ExtensionStateList Getvar MailboxCount MailboxStatus MWIGet
        PresenceState PresenceStateList VoicemailBoxSummary VoicemailUsersList VoicemailUserStatus
    """,
    "command": """
        Command
    """,
    "config": """
        CreateConfig ListCategories UpdateConfig
    """,
    "config,reporting": """
        ShowDialPlan
    """,
    "message": """
        MessageSend
    """,
    "originate": """
        Originate
    """,
    "reporting": """
        ConfbridgeList ConfbridgeListRooms FAXStats MeetmeList MeetmeListRooms
    """,
    "system": """
        ConfbridgeStartRecord ConfbridgeStopRecord DBDel DBDelTree DBPut DialplanExtensionAdd
        DialplanExtensionRemove Filter JabberSend MixMonitor ModuleCheck ModuleLoad MuteAudio PJSIPNotify
        PJSIPSetMaintenance PJSIPShowAors PJSIPShowAuths PJSIPShowContacts PJSIPShowEndpoint
        PJSIPShowEndpoints PJSIPShowRegistrationInboundContactStatuses PJSIPShowRegistrationsInbound
        PJSIPShowResourceLists PJSIPShowSubscriptionsInbound PJSIPShowSubscriptionsOutbound PRIDebugFileSet
        SIPnotify SIPpeerstatus SorceryMemoryCacheExpire SorceryMemoryCacheExpireObject
        SorceryMemoryCachePopulate SorceryMemoryCacheStale SorceryMemoryCacheStaleObject
    """,
    "system,call": """
        AbsoluteTimeout Hangup LocalOptimizeAway MixMonitorMute PJSIPHangup StopMixMonitor
    """,
    "system,call,reporting": """
        Status
    """,
    "system,config": """
        GetConfig GetConfigJSON Reload
    """,
    "system,reporting": """
        CoreSettings CoreShowChannelMap CoreShowChannels CoreStatus DBGet DBGetTree IAXnetstats IAXpeerlist
        IAXpeers IAXregistry LoggerRotate PJSIPQualify PJSIPRegister PJSIPShowMaintenance
        PJSIPShowRegistrationsOutbound PJSIPUnregister SIPpeers SIPqualifypeer SIPshowpeer SIPshowregistry
        SKINNYdevices SKINNYlines SKINNYshowdevice SKINNYshowline
    """,
    "user": """
        UserEvent VoicemailForward VoicemailMove VoicemailRefresh VoicemailRemove
    """,
}

#: Event that closes the list an action answers with (ami.md §5), by action name in lower case.
LIST_COMPLETE: Mapping[bytes, bytes] = MappingProxyType(
    {
        b"agents": b"AgentsComplete",
        b"bridgeinfo": b"BridgeInfoComplete",
        b"bridgelist": b"BridgeListComplete",
        b"bridgetechnologylist": b"BridgeTechnologyListComplete",
        b"confbridgelist": b"ConfbridgeListComplete",
        b"confbridgelistrooms": b"ConfbridgeListRoomsComplete",
        b"coreshowchannelmap": b"CoreShowChannelMapComplete",
        b"coreshowchannels": b"CoreShowChannelsComplete",
        b"dahdishowchannels": b"DAHDIShowChannelsComplete",
        b"dahdishowstatus": b"DAHDIShowStatusComplete",
        b"dbget": b"DBGetComplete",
        b"dbgettree": b"DBGetTreeComplete",
        b"devicestatelist": b"DeviceStateListComplete",
        b"extensionstatelist": b"ExtensionStateListComplete",
        b"faxsessions": b"FAXSessionsComplete",
        b"hangup": b"ChannelsHungupListComplete",
        b"iaxpeerlist": b"PeerlistComplete",
        b"iaxpeers": b"PeerlistComplete",
        b"iaxregistry": b"RegistrationsComplete",
        b"meetmelist": b"MeetmeListComplete",
        b"meetmelistrooms": b"MeetmeListRoomsComplete",
        b"mwiget": b"MWIGetComplete",
        b"parkedcalls": b"ParkedCallsComplete",
        b"parkinglots": b"ParkinglotsComplete",
        b"pjsipshowaors": b"AorListComplete",
        b"pjsipshowauths": b"AuthListComplete",
        b"pjsipshowcontacts": b"ContactListComplete",
        b"pjsipshowendpoint": b"EndpointDetailComplete",
        b"pjsipshowendpoints": b"EndpointListComplete",
        b"pjsipshowmaintenance": b"PJSIPMaintenanceStatusComplete",
        b"pjsipshowregistrationinboundcontactstatuses": b"ContactStatusDetailComplete",
        b"pjsipshowregistrationsinbound": b"InboundRegistrationDetailComplete",
        b"pjsipshowregistrationsoutbound": b"OutboundRegistrationDetailComplete",
        b"pjsipshowresourcelists": b"ResourceListDetailComplete",
        b"pjsipshowsubscriptionsinbound": b"InboundSubscriptionDetailComplete",
        b"pjsipshowsubscriptionsoutbound": b"OutboundSubscriptionDetailComplete",
        b"presencestatelist": b"PresenceStateListComplete",
        b"prishowspans": b"PRIShowSpansComplete",
        b"queuestatus": b"QueueStatusComplete",
        b"queuesummary": b"QueueSummaryComplete",
        b"showdialplan": b"ShowDialPlanComplete",
        b"sippeers": b"PeerlistComplete",
        b"sippeerstatus": b"SIPpeerstatusComplete",
        b"sipshowregistry": b"RegistrationsComplete",
        b"skinnydevices": b"DevicelistComplete",
        b"skinnylines": b"LinelistComplete",
        b"status": b"StatusComplete",
        b"voicemailboxsummary": b"VoicemailBoxDetailComplete",
        b"voicemailuserslist": b"VoicemailUserEntryComplete",
        b"voicemailuserstatus": b"VoicemailUserDetailComplete",
    }
)

#: Answered by the session itself, never sent to Asterisk: they would act on the link that all share.
LOCAL = frozenset(
    {b"challenge", b"events", b"filter", b"listcommands", b"login", b"logoff", b"ping", b"waitevent"}
)

#: Answers that are not one response with our ActionID (ami.md §1.2: no response at all, raw rows,
#: several responses).  They run alone on the link, with a Ping behind them that marks their end.
FENCED = frozenset({b"iaxnetstats", b"jabbersend", b"moduleload", b"skinnyshowdevice", b"skinnyshowline"})

#: Actions that may hold up the session of Asterisk in which they run, for as long as a tone, a module, a
#: disk or another host takes (ami.md §6).
MAY_HOLD = frozenset(
    {
        b"command",
        b"dbdeltree",
        b"dbgettree",
        b"loggerrotate",
        b"mailboxcount",
        b"mailboxstatus",
        b"messagesend",
        b"moduleload",
        b"pjsipqualify",
        b"playdtmf",
        b"playmf",
        b"queuereload",
        b"reload",
        b"sorcerymemorycachepopulate",
        b"voicemailboxsummary",
        b"voicemailuserslist",
        b"voicemailuserstatus",
    }
)

#: Dialplan functions that wait for another host, a database or a lock; in capitals, as Asterisk has them.
HOLDING_FUNCTIONS = frozenset(
    b"""CALENDAR_QUERY CURL DUNDILOOKUP DUNDIQUERY ENUMLOOKUP ENUMQUERY JABBER_RECEIVE LOCK ODBC_FETCH
    REALTIME REALTIME_DESTROY REALTIME_FIELD REALTIME_HASH REALTIME_STORE SHELL SRVQUERY TRYLOCK
    TXTCIDNAME""".split()
)

#: Items that Asterisk sends without the ActionID of their action (ami.md §5), by action name in lower case.
#: No other message without our ActionID is part of an answer's list.
NAMELESS_ITEMS: Mapping[bytes, bytes] = MappingProxyType({b"iaxpeers": b"PeerEntry"})

#: One plain event with the ActionID follows the response (ami.md §5).
ONE_EVENT = frozenset({b"faxsession", b"faxstats"})

#: Broadcast events that carry the ActionID of the action behind them, also after its response.
ECHOED_BY = MappingProxyType(
    {b"originate": b"OriginateResponse", b"sipqualifypeer": b"SIPQualifyPeerDone", b"userevent": b"UserEvent"}
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the table: the name as Asterisk spells it, and the classes of which any will do."""

    name: bytes
    classes: int
    synopsis: bytes = b""
    #: Its classes as ListCommands prints them.
    privilege_text: bytes = b""


class OtherActions:
    """Actions of modules that are not Asterisk's own, as the operator describes them; by lower-case name.

    ``rows`` take the place of what the connected Asterisk says of their classes; ``answers`` are
    those that are described.
    """

    __slots__ = ("answers", "described", "rows", "undescribed_for_system")

    def __init__(
        self,
        rows: Mapping[bytes, Listed] = MappingProxyType({}),
        described: Mapping[bytes, Described] = MappingProxyType({}),
        answers: Mapping[bytes, Answer] = MappingProxyType({}),
        *,
        undescribed_for_system: bool = False,
    ) -> None:
        self.rows = rows
        self.described = described
        self.answers = answers
        self.undescribed_for_system = undescribed_for_system


class ActionTable:
    """Action name (any case) -> Listed.  Immutable: ``learnt_from`` gives a new table."""

    __slots__ = ("_live", "_others", "_rows", "undescribed_for_system")

    def __init__(
        self,
        rows: Mapping[bytes, Listed],
        live: tuple[Listed, ...] = (),
        others: "OtherActions | None" = None,
    ) -> None:
        self._others = others if others is not None else OtherActions()
        self._rows = {**rows, **self._others.rows}
        self._live = live
        #: Whether class system may run actions whose headers nobody has described.
        self.undescribed_for_system = self._others.undescribed_for_system

    def described(self, key: bytes) -> Described | None:
        """The arguments of an action, by its name in lower case; None if nobody has described it."""
        found = ARGUMENTS.get(key)
        return found if found is not None else self._others.described.get(key)

    def with_others(self, others: "OtherActions") -> "ActionTable":
        """The same table with these descriptions of other modules' actions, in place of earlier ones."""
        rows = dict(SHIPPED._rows)
        rows.update((row.name.lower(), row) for row in self._live)
        return ActionTable(rows, self._live, others)

    def find(self, key: bytes) -> Listed | None:
        """The row of an action, by its name in lower case; None if Asterisk would not know it."""
        return self._rows.get(key)

    def __iter__(self) -> Iterator[Listed]:
        """All rows, shipped and learnt."""
        return iter(self._rows.values())

    @property
    def live(self) -> tuple[Listed, ...]:
        """What the connected Asterisk listed, in its order; empty before the first link-up."""
        return self._live

    def learnt_from(self, headers: list[tuple[bytes, bytes]]) -> "ActionTable":
        """The shipped table overlaid with the headers of a ListCommands response.

        Lines that are not ``Name: synopsis  (Priv: …)`` are passed over.
        """
        live: list[Listed] = []
        for name, value in headers:
            synopsis, found, rest = value.rpartition(b"(Priv: ")
            if found and rest.endswith(b")"):
                live.append(Listed(name, privilege.action_classes(rest[:-1]), synopsis, rest[:-1]))
        rows = dict(SHIPPED._rows)
        rows.update((row.name.lower(), row) for row in live)
        return ActionTable(rows, tuple(live), self._others)


def _shipped() -> ActionTable:
    rows: dict[bytes, Listed] = {}
    for classes, names in _SHIPPED.items():
        mask = privilege.parse_classes(classes)
        for name in names.encode().split():
            rows[name.lower()] = Listed(name, mask)
    return ActionTable(rows)


SHIPPED = _shipped()


_ONE_RESPONSE: Final = Answer(AnswerKind.RESPONSE, own=True)


def _own_answers() -> dict[bytes, Answer]:
    found = dict.fromkeys([*ARGUMENTS, *(row.name.lower() for row in SHIPPED)], _ONE_RESPONSE)
    for key, complete in LIST_COMPLETE.items():
        found[key] = Answer(AnswerKind.RESPONSE, complete, own=True)
    found.update(dict.fromkeys(ONE_EVENT, Answer(AnswerKind.EVENT, own=True)))
    found.update(dict.fromkeys(FENCED, Answer(AnswerKind.ROWS, own=True)))
    return found


_OWN_ANSWERS: Final = _own_answers()


def answer_of(key: bytes, others: Mapping[bytes, Answer]) -> Answer:
    """What the answer to an action (its name in lower case) looks like; ``others``: as described."""
    found = _OWN_ANSWERS.get(key)
    return found if found is not None else others.get(key, UNKNOWN)
