"""Channel variables that Asterisk's own code reads, and what each value must be.

Source: Asterisk's code at tags 16.30, 18.26, 20.20, 22.10 and master of August 2026: every literal
name that C code looks up on a channel, and so among the global variables too.  Any other name means
nothing to Asterisk; only the site's dialplan may read it.

Asterisk strips up to two leading underscores from a name (they say which channels inherit it) and
compares the rest case-sensitively: ``monitor_exec`` is a free name.  Only app_osplookup ignores the
case of its own names, and all of those are harmless.
"""

# mypyc: compiled

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from amiproxy.ami.arguments.kinds import Kind

#: One line for names of the same kind: ``kind: NAME …``; ``*`` ends the prefix of a family.
#:
#: - ``kind!``: the value identifies the caller.
#: - ``closed …``: setting it makes Asterisk do what only class system may: run code or a command
#:   (``code``), write or mail a file (``file``), play or fetch a URL (``fetch``), go to a place in the
#:   dialplan or dial (``dialplan``), or affect other users' calls (``calls``).
TABLE: Final = """
boolean: AGENTACKCALL AGIEXITONHANGUP AGISIGHUP BRIDGE_NOANSWER LIMIT_PLAYAUDIO_CALLEE LIMIT_PLAYAUDIO_CALLER
  MFCR2_DOUBLE_ANSWER SAY_DTMF_INTERRUPT SS7_COL_REQUEST SS7_RLT_ON SS7_SEND_FAR
integer: AGENTAUTOLOGOFF AGENTWRAPUPTIME ALARMRECEIVER_CALL_LIMIT ALARMRECEIVER_RETRIES_LIMIT ANSWEREDTIME
  DIALEDTIME HANGUPCAUSE MISDN_DIGITAL_TRANS MORSEDITLEN MORSESPACETONE MORSETONE MYSQL_TIMEOUT OSPRESULTS
  PRI_CAUSE
  QUEUEWAIT QUEUE_MAX_PENALTY QUEUE_MIN_PENALTY QUEUE_PRIO QUEUE_RAISE_PENALTY SIP_MAX_FORWARDS
  SPEECH_DTMF_MAXLEN SS7_CALLREF_IDENT SS7_CALLREF_PC SS7_CAUSE SS7_CUG_INDICATOR SS7_CUG_INTERLOCK_CODE
  SS7_CUG_INTERLOCK_NI SS7_FORWARD_INDICATOR_PMBITS SS7_GENERIC_DIGSCHEME SS7_GENERIC_DIGTYPE
  SS7_INTERWORKING_INDICATOR SS7_LSPI_IDENT SS7_REDIRECT_INFO_IND SS7_TMR SS7_TMR_NUM TOUCH_MIXMONITOR_BEEP
word: AGENTACCEPTDTMF AGENT_STATUS CALLWAITDELUXEANNOUNCEMENT CALL_QUALIFIER DIALSTATUS EAGI_AUDIO_FORMAT
  FAXBITRATE FAXPAGES FAXRESOLUTION FEATDMF_CIC FEATDMF_OZZ GET_TRANSFERRER_DATA MFCR2_CATEGORY MFCR2_CAUSE
  MISDN_ADDRESS_COMPLETE MISDN_KEYPAD MORSETYPE OSPAUTHSTATUS OSPLOOKUPSTATUS OSPNEXTSTATUS
  SIP_CODEC SIP_CODEC_INBOUND SIP_CODEC_OUTBOUND SPEECH_DTMF_TERMINATOR
parking-space: PARKINGEXTEN
parking-lot: PARKINGLOT
context: EXITCONTEXT FORWARD_CONTEXT MEETME_EXIT_CONTEXT SPY_EXIT_CONTEXT TRANSFER_CONTEXT
extension: TRANSFER_EXTEN
sip-headers: SIPADDHEADER*
text: ALERT_INFO ARG* CRYPT_KEY GOSUB_RETVAL IAX2OSPTOKEN MISDN_USERUSER OSPIN* OSPOUT* SENDTEXT_BODY
  SENDTEXT_CONTENT_TYPE SENDTEXT_TO_DISPLAYNAME SIP_URI_OPTIONS USERUSERINFO VM_CATEGORY VXML_URL
  ~HASH~* ~ODBCFIELDS~
text!: CALLER_H323DIALEDDIGITS CALLER_H323EMAIL CALLER_H323ID CALLER_H323URL DIALEDPEERNUMBER LOCALHEADERINFO
  LOCALSTATIONID REMOTESTATIONID SENDTEXT_FROM_DISPLAYNAME SS7_CHARGE_NUMBER SS7_GENERIC_ADDRESS
  SS7_GENERIC_DIGITS SS7_GENERIC_NAME SS7_JIP
plain-name!: SIPFROMDOMAIN
closed code: AGIEXECFULL ATTENDEDTRANSFER BLINDTRANSFER DUNDIDIALARGS MEETME_AGI_BACKGROUND MONITOR_*
closed dialplan: BRIDGE_FEATURES CONNECTED_LINE_* DYNAMIC_FEATURES END_IF_* END_WHILE_* GOSUB_RESULT
  GOTO_ON_BLINDXFR IF_* MACRO_* PARKINGDYN* REDIRECTING_* TESTTIME WHILE_*
closed file: AUTO_MONITOR MEETME_RECORDINGFILE MEETME_RECORDINGFORMAT MVM_* TOUCH_MIXMONITOR
  TOUCH_MIXMONITOR_*
  TOUCH_MONITOR TOUCH_MONITOR_*
closed fetch: ATTENDED_TRANSFER_COMPLETE_SOUND BRIDGE_PLAY_SOUND CONF_LIMIT_* LIMIT_CONNECT_FILE
  LIMIT_TIMEOUT_FILE LIMIT_WARNING_FILE SIPREFERREDBYHDR SIPREFERTOHDR
closed calls: BRIDGEPEER GROUP OUTBOUND_GROUP OUTBOUND_GROUP_ONCE PICKUPMARK
  SIPTRANSFER SIPTRANSFER_* SKINNY_AUTOANSWER SLASTATION SLATRUNK_STATUS SPYGROUP
"""


class Variable(NamedTuple):
    """How Asterisk uses one variable.

    ``closed``: why only class system may set it; empty for a variable that is harmless as long as its
    value is of ``kind``.  ``says_caller``: the value identifies the caller.
    """

    kind: Kind
    closed: str = ""
    says_caller: bool = False


def find(name: bytes) -> Variable | None:
    """The variable that Asterisk reads under this name; None if Asterisk does not read it.

    ``name`` is as written by the client; any number of leading underscores is ignored.
    """
    plain = name.lstrip(b"_")
    found = _NAMES.get(plain)
    if found is None:
        family = _ANY_FAMILY.match(plain)
        return None if family is None else _FAMILIES[family[0]]
    return found


def rows() -> Iterator[tuple[str, list[str]]]:
    """The table's lines: (kind or reason for being closed, names)."""
    for line in TABLE.strip().replace("\n  ", " ").splitlines():
        what, _, names = line.partition(": ")
        yield what, names.split(" ")


def _read() -> tuple[Mapping[bytes, Variable], Mapping[bytes, Variable]]:
    names: dict[bytes, Variable] = {}
    families: dict[bytes, Variable] = {}
    for what, listed in rows():
        head, _, reason = what.partition(" ")
        kind = Kind.TEXT if head == "closed" else Kind(head.rstrip("!"))
        variable = Variable(kind, reason, head.endswith("!") or listed == ["SIPADDHEADER*"])
        for name in listed:
            where = families if name.endswith("*") else names
            where[name.rstrip("*").encode()] = variable
    return MappingProxyType(names), MappingProxyType(families)


_NAMES, _FAMILIES = _read()
_ANY_FAMILY: Final = re.compile(b"|".join(map(re.escape, sorted(_FAMILIES, reverse=True))))
