"""Dialplan functions: which users may read and write each, the grammar of its arguments, what it reveals.

Source: Asterisk's code at tags 16.30, 18.26, 20.20, 22.10, 23.4 and master of August 2026.  A function
that is missing here belongs to a third-party module or is defined in func_odbc.conf.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final, NamedTuple

from amiproxy.ami.arguments.kinds import Kind


@unique
class OpenTo(Enum):
    """Which users may use a function in a given way."""

    #: Every user whose classes allow the action.
    ALL = "all"
    #: Users whose ``functions`` list it, by name or by a pattern.
    NAMED = "named"
    #: Users whose ``functions`` list it by its full name: its result may contain line ends, which would
    #: begin separate messages on the link, or it reveals passwords.
    SPELLED = "spelled"
    #: Users with class system.
    SYSTEM = "system"
    #: Users with class system whose ``functions`` list it by its full name: it reaches secrets, the
    #: environment, the network or databases.
    CLOSED = "closed"


@unique
class Tells(Enum):
    """Which calls the value of a function reveals something about."""

    #: No calls, or only the one that the action names.
    OWN = "own"
    #: The device or channel that its first argument names.
    DEVICE = "device"
    #: All calls.
    ALL = "all"


class Form(NamedTuple):
    """One way to use a function.

    ``arguments``: the kind of each, or the words that it may be, in lower case; trailing arguments may
    be left out.  ``repeats``: the last may occur any number of times.  ``value``: the kind of the
    value assigned.
    """

    who: OpenTo
    arguments: tuple[Kind | frozenset[bytes], ...]
    repeats: bool = False
    value: Kind = Kind.TEXT


class Function(NamedTuple):
    """One function; ``reads`` is empty if it cannot be read, ``writes`` if it cannot be written.

    ``undoes``: the headers of an Originate, in lower case, whose values it could change afterwards.
    """

    reads: tuple[Form, ...]
    writes: tuple[Form, ...]
    tells: Tells
    undoes: frozenset[bytes]


#: What may be read of a channel with CHANNEL(); some of the last items (``pjsip``, ``rtp``) take more words.
_OF_CHANNEL: Final = """accountcode|amaflags|audionativeformat|audioreadformat|audiowriteformat|callgroup|
callid|channeltype|channame|checkhangup|context|device_name|digitdetect|dtmf_features|exten|faxdetect|hangupsource|
language|lastcontext|lastexten|linkedid|max_forwards|musicclass|name|namedcallgroup|namedpickupgroup|onhold|
parkinglot|peeraccount|pickupgroup|secure_bridge_media|secure_bridge_signaling|state|tdd|tenantid|tonezone|
transfercapability|txgain|rxgain|uniqueid|userfield|videonativeformat|from|useragent|t38passthrough|uri|
pjsip|rtp|rtcp|rtpqos|rtpsource|rtpdest""".replace("\n", "")

#: Options of configuration objects that neither contain a secret nor name one.
_OF_ENDPOINT: Final = """100rel|accountcode|allow|allow_subscribe|allow_transfer|aors|call_group|callerid|
callerid_privacy|callerid_tag|context|cos_audio|device_state_busy_at|direct_media|disallow|dtmf_mode|
fax_detect|force_rport|from_domain|from_user|language|mailboxes|max_audio_streams|max_video_streams|
media_encryption|message_context|moh_suggest|named_call_group|named_pickup_group|one_touch_recording|
pickup_group|record_off_feature|record_on_feature|rewrite_contact|rtp_symmetric|send_pai|send_rpid|
subscribe_context|t38_udptl|tone_zone|tos_audio|transport|trust_id_inbound|trust_id_outbound|voicemail_extension
""".replace("\n", "")
_OF_AOR: Final = """authenticate_qualify|contact|default_expiration|mailboxes|max_contacts|maximum_expiration|
minimum_expiration|qualify_frequency|qualify_timeout|remove_existing|remove_unavailable|support_path|
voicemail_extension""".replace("\n", "")
_OF_CONTACT: Final = """authenticate_qualify|call_id|endpoint_name|expiration_time|path|qualify_frequency|
qualify_timeout|reg_server|rtt|status|uri|user_agent|via_addr|via_port""".replace("\n", "")
_OF_PEER: Final = """accountcode|busylevel|callerid_name|callerid_num|callgroup|codec|codecs|context|curcalls|
dynamic|expire|ip|language|limit|mailbox|maxforwards|namedcallgroup|namedpickupgroup|pickupgroup|port|regexten|
status|useragent""".replace("\n", "")
_OF_FAX: Final = (
    "ecm|faxdetect|gateway|headerinfo|localstationid|maxrate|minrate|modem|negotiate_both|t38gateway"
)

#: ``read|write WHO (grammar): NAME …``, where the grammar's items are kinds, or words separated by ``|``;
#: ``…`` repeats the last item, and ``= kind`` after the grammar is the kind of the value written.  A line
#: without a grammar stands for one or more arguments of free text.  ``_TELLS`` and ``_UNDOES`` follow below.
TABLE: Final = f"""
read all (word, word): CALLERID CDR CONNECTEDLINE REDIRECTING
read all ({_OF_CHANNEL}, word, word): CHANNEL
read all (channel): CHANNEL_EXISTS
read all (): CHANNELS
read all (word, conference): CONFBRIDGE_INFO
read all (device): DEVICE_STATE
read all (context-shown, extension-shown, priority): DIALPLAN_EXISTS
read all (extension-shown, word): EXTENSION_STATE HINT
read all (object): GROUP GROUP_COUNT PJSIP_DIAL_CONTACTS
read all (channel, ast|tech): HANGUPCAUSE
read all (object, {_OF_PEER}): IAXPEER SIPPEER
read all: LEN
read all (object, {_OF_AOR}): PJSIP_AOR
read all (object, {_OF_CONTACT}): PJSIP_CONTACT
read all (object, {_OF_ENDPOINT}): PJSIP_ENDPOINT
read all (presence, word, word): PRESENCE_STATE
read all (queue): QUEUE_EXISTS QUEUE_MEMBER_LIST QUEUE_WAITING_COUNT
read all (queue, word, member-key): QUEUE_MEMBER
read all (queue, word): QUEUE_MEMBER_COUNT
read all (queue, member-key): QUEUE_MEMBER_PENALTY
read all (absolute|digit|response): TIMEOUT
read all (word): VERSION
read all (mailbox, voicemail-folder): VMCOUNT

read named: ABS AES_ENCRYPT BASE64_ENCODE BASENAME CSV_QUOTE DIGIT_SUM DIRNAME EXISTS FILTER IF ISNULL
  KEYPADHASH LTRIM MAX MD5 MIN PASSTHRU PJSIP_PARSE_URI QUOTE RTRIM SAYFILES SHA1 SORT SQL_ESC
  SQL_ESC_BACKSLASHES TOLOWER TOUPPER TRIM URIENCODE
read named (timing…): IFTIME
read named (text, time-zone, text…): STRPTIME
read named (variable-name, text…): CUT FIELDNUM FIELDQTY HASHKEYS LISTFILTER LOCAL PJSIP_PARSE_URI_FROM
  STRBETWEEN STRREPLACE VARIABLE_EXISTS
read named (integer, variable-name): LOCAL_PEEK
read named (integer, word, word): STACK_PEEK
read named (): UUID
read named (word, word): AGC CALLCOMPLETION CALLERPRES CHECKSIPDOMAIN DENOISE EXCEPTION FAXOPT FEATURE
  FEATUREMAP
  HANGUPCAUSE_KEYS IAXVAR MIXMONITOR PJSIP_DTMF_MODE PJSIP_MEDIA_OFFER PJSIP_MOH_PASSTHROUGH POLARITY
  RECORDING_INFO SIP_HEADER SIP_HEADERS SMDI_MSG SPEECH SPEECH_ENGINE SPEECH_GRAMMAR SPEECH_RESULTS_TYPE
  SPEECH_SCORE SPEECH_TEXT STIR_SHAKEN TONE_DETECT VOLUME
read named (read, word, integer): PJSIP_HEADER
read named (word, word, word, word): PJSIP_HEADERS PJSIP_HEADER_PARAM PJSIP_RESPONSE_HEADER
  PJSIP_RESPONSE_HEADERS
read named (module): IFMODULE
read named (word, conference): CONFBRIDGE_CHANNELS MEETME_INFO
read named (mailbox, word): MAILBOX_EXISTS
read named (parking-space, parking-lot-shown): PARK_GET_CHANNEL
read named (queue, integer): QUEUE_GET_CHANNEL
read named (queue): QUEUE_VARIABLES
read named (context-shown, extension-shown, priority): VALID_EXTEN
read named (object): GROUP_LIST
read named (word, word, word): CDR_PROP DAHDI_CHANNEL mISDN_CC

read spelled (variable-name, text…): JSON_DECODE REPLACE
read spelled: AES_DECRYPT AGENT BASE64_DECODE GEOLOC_PROFILE ICONV MESSAGE MESSAGE_DATA URIDECODE
read spelled (integer, time-zone, text…): STRFTIME
read spelled (mailbox, word, voicemail-folder): VM_INFO

read system (regular-expression): CHANNELS GROUP_MATCH_COUNT REGEX
read system: AMI_CLIENT BLACKLIST CALENDAR_BUSY CALENDAR_EVENT CALENDAR_QUERY CALENDAR_QUERY_RESULT DB
  DB_DELETE
  DB_EXISTS DB_KEYCOUNT DB_KEYS DEC DIALGROUP DUNDILOOKUP DUNDIQUERY DUNDIRESULT ENUMLOOKUP ENUMQUERY
  ENUMRESULT EVAL EVAL_EXTEN EVAL_SUB FILE FILE_COUNT_LINE FILE_FORMAT GLOBAL GLOBAL_EXISTS HASH IMPORT INC
  JABBER_RECEIVE JABBER_STATUS LOCK MASTER_CHANNEL MATH MINIVMACCOUNT MINIVMCOUNTER PERIODIC_HOOK POP
  PP_EACH_EXTENSION PP_EACH_USER RAND SET SHARED SHELL SHIFT SMDI_MSG_RETRIEVE SPRINTF SRVQUERY SRVRESULT STAT
  SYSINFO TRYLOCK TXTCIDNAME UNLOCK
read closed: AST_CONFIG AST_SORCERY CURL CURLOPT ENV ODBC ODBC_FETCH REALTIME REALTIME_DESTROY REALTIME_FIELD
  REALTIME_HASH

write all (word, word) = text: CALLERID CDR CONNECTEDLINE REDIRECTING
write all (accountcode) = account: CHANNEL
write all (amaflags|userfield) = text: CHANNEL
write all (language|musicclass|tonezone) = plain-name: CHANNEL
write all (add|update|remove, word, integer) = text: PJSIP_HEADER
write all (absolute|digit|response) = word: TIMEOUT

write named (word, word) = word: AGC CALLERPRES CDR_PROP DENOISE FRAME_DROP JITTERBUFFER MUTEAUDIO PITCH_SHIFT
  PJSIP_DTMF_MODE PJSIP_MEDIA_OFFER PJSIP_MOH_PASSTHROUGH SPEECH_ENGINE STIR_SHAKEN_ATTESTATION TALK_DETECT
  VOLUME
write named (device) = word: DEVICE_STATE
write named (object) = text: GROUP
write named ({_OF_FAX}, word) = text: FAXOPT
write named (word) = text: IAXVAR LOG_GROUP MESSAGE_DATA
write named (word, word, word, integer) = text: PJSIP_HEADER_PARAM PJSIP_INHERITABLE_HEADER

write system = text: ARRAY CALENDAR_WRITE CALLCOMPLETION CONFBRIDGE DAHDI_CHANNEL DB DB_DELETE DELETE
  DIALGROUP
  EXPORT FEATURE FEATUREMAP FILE FRAME_TRACE GEOLOC_PROFILE GLOBAL GLOBAL_DELETE GROUP_LIST GROUP_MATCH_COUNT
  HASH HOLD_INTERCEPT JACK_HOOK LOCAL MASTER_CHANNEL MESSAGE MINIVMCOUNTER PERIODIC_HOOK
  PJSIP_SEND_SESSION_REFRESH PJSIP_TRANSFER_HANDLING POLARITY PRESENCE_STATE PUSH QUEUE_MEMBER
  QUEUE_MEMBER_PENALTY SCRAMBLE SHARED SPEECH SPEECH_GRAMMAR SPEECH_RESULTS_TYPE SPEECH_SCORE SPEECH_TEXT
  SQL_ESC SQL_ESC_BACKSLASHES TESTTIME TONE_DETECT UNSHIFT
write closed = text: CURL CURLOPT ENV ODBC ODBC_FETCH REALTIME REALTIME_DESTROY REALTIME_FIELD REALTIME_STORE
"""

#: Prefixes under which modules define further functions: all of them are closed, whatever follows.
CLOSED_FAMILIES: Final = (b"LDAP", b"ODBC", b"REALTIME")

#: Which calls each function reveals something about; a function that is missing here reveals nothing
#: about any call but the one that the action names.
_TELLS: Final = """
device: CHANNEL_EXISTS DEVICE_STATE HANGUPCAUSE
all: AGENT AMI_CLIENT CHANNELS CONFBRIDGE_CHANNELS CONFBRIDGE_INFO CURL DB DB_EXISTS DB_KEYCOUNT DB_KEYS
  DIALGROUP
  EVAL EVAL_EXTEN EVAL_SUB EXTENSION_STATE FILE FILE_COUNT_LINE GLOBAL GLOBAL_EXISTS GROUP_COUNT
  GROUP_MATCH_COUNT IMPORT JABBER_RECEIVE LOCK MASTER_CHANNEL MEETME_INFO ODBC ODBC_FETCH PARK_GET_CHANNEL
  QUEUE_GET_CHANNEL QUEUE_MEMBER QUEUE_MEMBER_COUNT QUEUE_MEMBER_LIST QUEUE_MEMBER_PENALTY QUEUE_VARIABLES
  QUEUE_WAITING_COUNT REALTIME REALTIME_FIELD REALTIME_HASH SHARED SHELL SIPPEER SMDI_MSG_RETRIEVE STAT
  SYSINFO
  TRYLOCK
"""

#: Headers of an Originate -> functions that could override them from inside a ``Variable``.
_UNDOES: Final = """
account: CDR CHANNEL
callerid: CALLERID CALLERPRES CONNECTEDLINE GEOLOC_PROFILE IAXVAR MESSAGE_DATA PJSIP_HEADER PJSIP_HEADER_PARAM
  PJSIP_INHERITABLE_HEADER REDIRECTING STIR_SHAKEN_ATTESTATION
codecs: CHANNEL PJSIP_MEDIA_OFFER
"""


#: Functions that look at their channel's driver, formats or datastores.  For a use without a channel
#: Asterisk makes a dummy channel that has none of these, on which some of them (``CHANNEL(channeltype)``)
#: crash Asterisk.
OF_CHANNEL: Final = frozenset(
    b"""AGC CALLCOMPLETION CALLERPRES CHANNEL CHECKSIPDOMAIN DAHDI_CHANNEL DENOISE FAXOPT FEATURE FEATUREMAP
    IAXVAR MASTER_CHANNEL MIXMONITOR PJSIP_DTMF_MODE PJSIP_HEADER PJSIP_HEADERS
    PJSIP_HEADER_PARAM PJSIP_INHERITABLE_HEADER PJSIP_MEDIA_OFFER PJSIP_MOH_PASSTHROUGH PJSIP_RESPONSE_HEADER
    PJSIP_RESPONSE_HEADERS PJSIP_SEND_SESSION_REFRESH PJSIP_TRANSFER_HANDLING POLARITY RECORDING_INFO
    SIP_HEADER SIP_HEADERS SMDI_MSG SPEECH SPEECH_ENGINE SPEECH_GRAMMAR SPEECH_RESULTS_TYPE SPEECH_SCORE
    SPEECH_TEXT STACK_PEEK STIR_SHAKEN TONE_DETECT VOLUME mISDN_CC""".split()
)


def _lines(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.strip().replace("\n  ", " ").splitlines():
        if line:
            what, _, names = line.partition(": ")
            yield what, names.split(" ")


def _form(text: str) -> Form:
    text, _, value = text.partition(" = ")
    who, parenthesis, inner = text.partition(" (")
    inner = inner.rstrip(")")
    items = inner.rstrip("…").split(", ") if inner else [] if parenthesis else ["text"]
    return Form(
        OpenTo(who),
        tuple(_item(item) for item in items),
        inner.endswith("…") or not parenthesis,
        Kind(value) if value else Kind.TEXT,
    )


def _item(text: str) -> Kind | frozenset[bytes]:
    return Kind(text) if text in _KINDS else frozenset(text.encode().split(b"|"))


_KINDS: Final = frozenset(kind.value for kind in Kind)


def _functions() -> Mapping[bytes, Function]:
    forms: dict[str, dict[str, list[Form]]] = {"read": {}, "write": {}}
    for what, names in _lines(TABLE):
        use, _, rest = what.partition(" ")
        for name in names:
            forms[use].setdefault(name, []).append(_form(rest))
    tells = {name: Tells(what) for what, names in _lines(_TELLS) for name in names}
    undoes: dict[str, set[bytes]] = {}
    for header, names in _lines(_UNDOES):
        for name in names:
            undoes.setdefault(name, set()).add(header.encode())
    return MappingProxyType(
        {
            name.encode(): Function(
                tuple(forms["read"].get(name, ())),
                tuple(forms["write"].get(name, ())),
                tells.get(name, Tells.OWN),
                frozenset(undoes.get(name, ())),
            )
            for name in sorted(forms["read"].keys() | forms["write"].keys())
        }
    )


#: By name, as Asterisk spells it: function names are case-sensitive.
FUNCTIONS: Final = _functions()


def open_to(who: OpenTo, *, written: bool) -> list[str]:
    """Sorted names of the functions that this group of users may read, or write if ``written``."""
    return [
        name.decode()
        for name, function in FUNCTIONS.items()
        if any(form.who is who for form in (function.writes if written else function.reads))
    ]
