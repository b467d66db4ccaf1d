"""Audit: what an audit line may say of an action, and which allowed actions get one."""

import re
from typing import Final

from proxy.ami.actions import LOCAL
from proxy.ami.message import Action
from proxy.core.masking import masked_text, masked_value

#: A target is for people to recognise, not to carry data.
MAX_TARGET: Final = 128

#: Headers that say what an action is aimed at, in the order they are shown.  No Secret, no Key, no Value.
_TARGETS: Final = (
    b"channel",
    b"channel1",
    b"channel2",
    b"extrachannel",
    b"interface",
    b"queue",
    b"conference",
    b"context",
    b"exten",
    b"extracontext",
    b"extraexten",
    b"application",
    b"command",
    b"filename",
    b"srcfilename",
    b"dstfilename",
    b"module",
    b"family",
    b"key",
    b"mailbox",
    b"bridgeuniqueid",
    b"bridgetechnology",
    b"endpoint",
    b"userevent",
    b"to",
)
#: ``Key`` is a database key in these and an MD5 login's proof elsewhere.
_DATABASE: Final = frozenset({b"dbget", b"dbgettree", b"dbput", b"dbdel", b"dbdeltree"})
#: In these a name is the target; in all others Variable may carry a value.
_NAMES_VARIABLE: Final = frozenset({b"getvar", b"setvar"})

_UNPRINTABLE: Final = re.compile(rb"[^\x20-\x5b\x5d-\x7e]")

#: Reads what any class may: no audit line when allowed.
_READS: Final = LOCAL | frozenset(
    b"""agents bridgeinfo bridgelist bridgetechnologylist confbridgelist confbridgelistrooms coresettings
    coreshowchannelmap coreshowchannels corestatus dahdishowchannels dahdishowstatus devicestatelist
    extensionstate extensionstatelist faxsession faxsessions faxstats getvar iaxnetstats iaxpeerlist iaxpeers
    iaxregistry mailboxcount mailboxstatus meetmelist meetmelistrooms modulecheck mwiget parkedcalls
    parkinglots pjsipshowaors pjsipshowcontacts pjsipshowendpoint pjsipshowendpoints pjsipshowmaintenance
    pjsipshowregistrationinboundcontactstatuses pjsipshowregistrationsinbound pjsipshowregistrationsoutbound
    pjsipshowresourcelists pjsipshowsubscriptionsinbound pjsipshowsubscriptionsoutbound presencestate
    presencestatelist prishowspans queuerule queuestatus queuesummary showdialplan sippeers sippeerstatus
    sipshowpeer sipshowregistry skinnydevices skinnylines skinnyshowdevice skinnyshowline status
    voicemailboxsummary voicemailuserslist voicemailuserstatus""".split()
)


def is_privileged(action: Action) -> bool:
    """Whether the action is recorded even when it is allowed."""
    return action.key not in _READS


def target_of(action: Action) -> str:
    """What the action is aimed at, as ``channel=PJSIP/100 context=lab``; empty if it names nothing.

    At most 128 bytes of each value are shown, then ``…``; what is not printable ASCII is ``\\xNN``.
    Secrets and the values of variables never are, nor what follows the name of a secret in a command.
    """
    parts: list[str] = []
    for header in _TARGETS:
        if header == b"key" and action.key not in _DATABASE:
            continue
        value = action.get(header)
        if value:
            parts.append(f"{header.decode()}={_shown(_masked(header, value))}")
    if action.key in _NAMES_VARIABLE and action.get(b"variable"):
        parts.append(f"variable={_shown(action.get(b'variable').partition(b'=')[0])}")
    return " ".join(parts)


def _masked(header: bytes, value: bytes) -> bytes:
    return masked_text(value) if header == b"command" else masked_value(value)


def _shown(value: bytes) -> str:
    text = _UNPRINTABLE.sub(_escaped, value[:MAX_TARGET]).decode("ascii")
    return f"{text}…" if len(value) > MAX_TARGET else text


def _escaped(byte: re.Match[bytes]) -> bytes:
    return b"\\x%02x" % byte.group()[0]
