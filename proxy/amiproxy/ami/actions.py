"""Which privilege classes an action needs, and what shape its answer has.

The shipped table is what ListCommands of Asterisk 22 and 16 prints.  At every
link-up it is overlaid with what the connected Asterisk lists, so that actions of
new modules are judged by the classes that Asterisk asks for.  An action that
is in neither is unknown to the proxy too.
"""

# mypyc: compiled

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from amiproxy.ami import privilege
from amiproxy.ami.answers import UNKNOWN, Answer, AnswerKind
from amiproxy.ami.arguments import ARGUMENTS, Described

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

#: Event that completes the event list with which an action is answered, by action name in lower case.
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

#: Actions that the session answers itself.  They are never sent to Asterisk, where they would act on the
#: link, which all clients share.
LOCAL = frozenset(
    {b"challenge", b"events", b"filter", b"listcommands", b"login", b"logoff", b"ping", b"waitevent"}
)

#: Actions whose answer is not one response with our ActionID, but no response at all, raw rows or several
#: responses.  They run alone on the link, followed by a Ping that marks the end of the answer.
FENCED = frozenset({b"iaxnetstats", b"jabbersend", b"moduleload", b"skinnyshowdevice", b"skinnyshowline"})

#: Actions that may block the Asterisk session in which they run, for as long as a tone, a module, a disk or
#: another host takes.
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

#: Dialplan functions that wait for another host, a database or a lock; in capitals, as Asterisk spells them.
HOLDING_FUNCTIONS = frozenset(
    b"""CALENDAR_QUERY CURL DUNDILOOKUP DUNDIQUERY ENUMLOOKUP ENUMQUERY JABBER_RECEIVE LOCK ODBC_FETCH
    REALTIME REALTIME_DESTROY REALTIME_FIELD REALTIME_HASH REALTIME_STORE SHELL SRVQUERY TRYLOCK
    TXTCIDNAME""".split()
)

#: List items that Asterisk sends without the ActionID of their action, by action name in lower case.
#: No other message without our ActionID is part of an event list.
NAMELESS_ITEMS: Mapping[bytes, bytes] = MappingProxyType({b"iaxpeers": b"PeerEntry"})

#: Actions whose response is followed by one plain event with the ActionID.
ONE_EVENT = frozenset({b"faxsession", b"faxstats"})

#: Actions -> broadcast events that carry the ActionID of the action that caused them, also after the
#: response.
ECHOED_BY = MappingProxyType(
    {b"originate": b"OriginateResponse", b"sipqualifypeer": b"SIPQualifyPeerDone", b"userevent": b"UserEvent"}
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the table: the name as Asterisk spells it, and the classes, any one of which is enough."""

    name: bytes
    classes: int
    synopsis: bytes = b""
    #: The classes as ListCommands prints them.
    privilege_text: bytes = b""


#: The proxy's own action that lists the servers of a session; only sessions with several servers have it.
PROXY_SERVERS: Final = Listed(b"ProxyServers", 0, b"List the servers of this session  ", b"<none>")
#: The proxy's own actions about what there is now and what a client has missed.
PROXY_SNAPSHOT: Final = Listed(b"ProxySnapshot", 0, b"List what there is now  ", b"<none>")
PROXY_RESUME: Final = Listed(b"ProxyResume", 0, b"Send the events since a position  ", b"<none>")
#: These two, by name in lower case; only users with ``history`` have them.
HISTORY: Final[Mapping[bytes, Listed]] = MappingProxyType(
    {row.name.lower(): row for row in (PROXY_SNAPSHOT, PROXY_RESUME)}
)
#: All actions that a session answers itself, except ProxyServers.
ANSWERED_HERE: Final = LOCAL | frozenset(HISTORY)


class OtherActions:
    """Actions of third-party modules, as the operator describes them; by name in lower case.

    ``rows`` override the classes that the connected Asterisk lists for them; ``answers`` has the shapes
    of those answers that are described.
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
    """Action name in lower case -> Listed.  Immutable: ``learnt_from`` returns a new table."""

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
        #: Whether class system may run actions whose headers are not described.
        self.undescribed_for_system = self._others.undescribed_for_system

    def described(self, key: bytes) -> Described | None:
        """The arguments of an action, by its name in lower case; None if they are not described."""
        found = ARGUMENTS.get(key)
        return found if found is not None else self._others.described.get(key)

    def with_others(self, others: "OtherActions") -> "ActionTable":
        """The same table with these descriptions of third-party actions in place of the earlier ones."""
        rows = dict(SHIPPED._rows)
        rows.update((row.name.lower(), row) for row in self._live)
        return ActionTable(rows, self._live, others)

    def find(self, key: bytes) -> Listed | None:
        """The row of an action, by its name in lower case; None if the action is unknown."""
        return self._rows.get(key)

    def __iter__(self) -> Iterator[Listed]:
        """All rows, shipped and learnt."""
        return iter(self._rows.values())

    @property
    def live(self) -> tuple[Listed, ...]:
        """The rows that the connected Asterisk listed, in its order; empty before the first link-up."""
        return self._live

    def learnt_from(self, headers: list[tuple[bytes, bytes]]) -> "ActionTable":
        """The shipped table overlaid with the headers of a ListCommands response.

        ``headers`` are (name, value) as ``Message.headers`` has them.  Lines that are not ``Name: synopsis
        (Priv: …)`` are ignored.
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
    """The shape of the answer to an action (name in lower case); ``others``: those the operator described."""
    found = _OWN_ANSWERS.get(key)
    return found if found is not None else others.get(key, UNKNOWN)
