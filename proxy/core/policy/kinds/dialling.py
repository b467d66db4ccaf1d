"""Dial strings: what Asterisk calls because a client says so.

A technology that is not a telephone's is a connection to wherever the string says
(AudioSocket, UnicastRTP, MulticastRTP, WebSocket), or a message; so is a host inside
a string of one that is.
"""

import re
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.core.policy import wildcard
from proxy.core.policy.kinds import places
from proxy.core.policy.verdict import Deny, Judged, refuse

#: Technologies that reach telephones and lines which the operator of Asterisk has configured.
TELEPHONES: Final = (
    *("Agent", "Console", "DAHDI", "Dongle", "H323", "IAX2", "Khomp", "Local", "MGCP", "mISDN", "Mobile"),
    *("Motif", "OOH323", "PJSIP", "Quectel", "SCCP", "SIP", "Skinny", "USTM"),
)
#: Technologies whose destinations are names in Asterisk's configuration and never hosts.
_BY_NAME: Final = frozenset(
    {b"agent", b"dahdi", b"dongle", b"khomp", b"local", b"misdn", b"pjsip", b"quectel"}
)

#: Technologies that look a name up as a host where they know no peer of that name.
_RESOLVING: Final = frozenset({b"audiosocket", b"h323", b"iax2", b"motif", b"ooh323", b"sip", b"unicastrtp"})

#: Asterisk cuts the channel of an Originate there: what is left of Local/x@ctx may be another context's.
_LONGEST: Final = 255
_SHAPE: Final = re.compile(rb"[A-Za-z0-9_.+*#@:/-]*\Z")
#: The parameters of a SIP URI, where a host is granted.
_URI_SHAPE: Final = re.compile(rb"[A-Za-z0-9_.+*#@:/;=%~-]*\Z")
_LOCAL: Final = re.compile(rb"local/[^@/&,|]{1,79}@([^@/&,|]+)(?:/[a-z]*)?\Z", re.IGNORECASE)
_SIP: Final = re.compile(rb"(?<![A-Za-z])sips?:", re.IGNORECASE)
#: What follows the host in a SIP URI.
_BEHIND_HOST: Final = re.compile(rb"[/;>?].*", re.DOTALL)
#: The names of a SIP URI's parameters, and those that change neither where a message goes nor what it has.
_PARAMETER: Final = re.compile(rb";([^;=@/?>]*)")
_HARMLESS: Final = frozenset({b"line", b"lr", b"ob", b"phone-context", b"transport", b"user"})
#: The parts of an address, each with what stands before and behind it.
_PIECE: Final = re.compile(rb"(?:(?<=([/@]))|^)([^/@;>?]*)[^/@]*(?=([/@]?))")
#: The resolver takes these for an IPv4 address; a leading zero makes one octal.
_NUMERIC: Final = re.compile(rb"(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]{7,9})\Z", re.IGNORECASE)
#: What no resolver takes for a host, but for a number that is an IPv4 address.
_EXTENSION: Final = re.compile(rb"[0-9*#+]*\Z")
_STATE_PROVIDER: Final = re.compile(rb"hint:[^@]*@(.*)\Z", re.IGNORECASE)

CHANNEL: Final = refuse("channels", "it is not among the user's channels")
_CHARACTERS: Final = refuse("characters", "letters, digits and _ . + * # @ : / - only, 255 at most")
_TECHNOLOGY: Final = refuse("technology", "its technology is not among the user's technologies")
_LEADS_ELSEWHERE: Final = refuse(
    "host",
    "of the parameters of a SIP address only transport, user, lr, ob, line and phone-context; no headers",
)
_HOST: Final = refuse(
    "host", "it names what may be a host, or a peer of chan_sip or IAX2, not among the user's hosts"
)


def dial_string(user: Judged, value: bytes) -> Deny | None:
    """A channel that is to be made."""
    if not value:
        return None
    return _dialable(user, value, _LONGEST) or within(user, value)


def dial_strings(user: Judged, value: bytes) -> Deny | None:
    """Several, joined by ``&``, which ring at the same time."""
    for one in value.split(b"&"):
        refused = dial_string(user, one)
        if refused is not None:
            return refused
    return None


def interface(user: Judged, value: bytes) -> Deny | None:
    """A queue's member: a dial string that the queue calls for every caller, and stores."""
    if not value:
        return None
    return _dialable(user, value, places.LONGEST_NAME) or within(user, value)


def member_key(user: Judged, value: bytes) -> Deny | None:
    """The interface of a member that is there already."""
    if not value:
        return None
    if not user.write & SYSTEM and not _URI_SHAPE.match(value):
        return _CHARACTERS
    return within(user, value)


def state_interface(user: Judged, value: bytes) -> Deny | None:
    """The device whose state is a member's."""
    if not value:
        return None
    if not user.write & SYSTEM and not (_SHAPE.match(value) and len(value) <= places.LONGEST_NAME):
        return _CHARACTERS
    hint = _STATE_PROVIDER.match(value)
    return places.leads_to(user, hint[1]) if hint else within(user, value)


def comeback(user: Judged, value: bytes) -> Deny | None:
    """The channel that a parked call comes back to.

    Asterisk takes the name of a channel, and dials what is left when its end is cut off; what it cuts
    is for it to know, so both readings must be fit to be dialled.
    """
    cut = value.rpartition(b"-")[0] or value
    return dial_string(user, value) or dial_string(user, cut)


def uri(user: Judged, value: bytes) -> Deny | None:
    """Where a message goes: ``pjsip:endpoint``, ``pjsip:endpoint/sip:user@host``, ``xmpp:user@host``.

    Asterisk takes what follows a slash for a host where it knows no address of that name, with ``sip:``
    before it or without, and a single name too.
    """
    refused = _beyond_list(user)
    if refused is not None or user.write & SYSTEM:
        return refused
    technology, _, address = value.partition(b":")
    if _leads_elsewhere(address):
        return _LEADS_ELSEWHERE
    # Elsewhere that is an endpoint or account by its name.
    starts_with_host = technology.lower() == b"sip" or _SIP.match(address) is not None
    for between, piece, behind in _PIECE.findall(_SIP.sub(b"", address)):
        host = piece.rpartition(b"<")[2]
        # Before an @ stands the user; behind one, nothing but a host.
        if behind == b"@" and between != b"@":
            continue
        may_be_host = _may_be_host if between or starts_with_host else _is_address
        if (between == b"@" or may_be_host(host)) and not _granted(user, host):
            return _HOST
    return None


def within(user: Judged, value: bytes, *, live: bool = False) -> Deny | None:
    """Whether the user's ``contexts`` and ``channels`` hold this device, or channel of a device.

    ``live``: the channel is there already, and where it goes is decided elsewhere; with ``channels``
    alone a Local channel is a device like any other.
    """
    rules = user.rules
    if rules is None or (live and rules.channels is None):
        return None
    if value[:6].lower() == b"local/" and rules.contexts is not None:
        # Local is a way into the dialplan: the list of contexts says where to.
        local = _LOCAL.match(value)
        return places.leads_to(user, local[1]) if local else places.CONTEXT
    if rules.channels is not None and not wildcard.matches_channel(rules.channels, value):
        return CHANNEL
    return None


def _dialable(user: Judged, value: bytes, longest: int) -> Deny | None:
    if len(value) > longest:
        return _CHARACTERS
    if user.write & SYSTEM:
        return None
    technology, _, destination = value.partition(b"/")
    if not wildcard.matches_any_case(_technologies(user), technology):
        return _TECHNOLOGY
    by_name = technology.lower() in _BY_NAME
    address = _SIP.search(destination) if by_name else None
    if address is not None:
        if not _URI_SHAPE.match(value):
            return _CHARACTERS
        if _leads_elsewhere(destination):
            return _LEADS_ELSEWHERE
        # With two @ no parser can be trusted to find the host that we find.
        named = destination[address.end() :].split(b"@")
        hosts = [_BEHIND_HOST.sub(b"", at) for at in named[1:] or named]
        return None if all(_granted(user, host) for host in hosts) else _HOST
    if not _SHAPE.match(value):
        return _CHARACTERS
    return None if by_name else _names_host(user, technology, destination)


def _names_host(user: Judged, technology: bytes, destination: bytes) -> Deny | None:
    """Refuse a host: chan_sip, chan_iax2 and their kin take one where they know no peer of that name.

    ``user:secret@peer/extension@context``, and for SIP ``peer/extension/host``: a part that is read as an
    extension by one of them is a host for another.  Nobody but Asterisk knows its peers, so a name that is
    no number is a host here.
    """
    first, *others = destination.split(b"/")
    at = first.split(b"@")
    may_be_host = _may_be_host if technology.lower() in _RESOLVING else _is_address
    hosts = [host for host in at[1:] or at if may_be_host(host)]
    hosts += [part for other in others for part in other.split(b"@") if b"." in part or b":" in part]
    if technology.lower() == b"sip":
        hosts += filter(None, others[1:])
    return None if all(_granted(user, host) for host in hosts) else _HOST


def _leads_elsewhere(address: bytes) -> bool:
    """Whether a SIP address says besides its host where to send (``maddr``, a Route among its headers)."""
    return b"?" in address or not _HARMLESS.issuperset(map(bytes.lower, _PARAMETER.findall(address)))


def _may_be_host(name: bytes) -> bool:
    """Whether a resolver may know this name, be it a peer's or not."""
    return not _EXTENSION.match(name) or _is_address(name)


def _is_address(name: bytes) -> bool:
    """Whether this names a host and no peer: by a dot, a port, or a number that is an IPv4 address."""
    return b"." in name or b":" in name or (_NUMERIC.match(name) is not None and _leads_somewhere(name))


def _leads_somewhere(number: bytes) -> bool:
    """Whether an IPv4 address is written as this number: extensions are numbers too, but most are smaller."""
    octal = number[:1] == b"0" and number[1:2].lower() != b"x"
    value = int(number, 8 if octal else 0)
    return value == 0 or 2**24 <= value < 2**32


def _technologies(user: Judged) -> tuple[str, ...]:
    listed = None if user.rules is None else user.rules.technologies
    return TELEPHONES if listed is None else listed


def _granted(user: Judged, host: bytes) -> bool:
    """Whether the user's ``hosts`` have this one, written with or without a port."""
    listed = None if user.rules is None else user.rules.hosts
    if not listed:
        return False
    return wildcard.matches_any_case(listed, host) or wildcard.matches_any_case(
        listed, host.rpartition(b":")[0]
    )


def _beyond_list(user: Judged) -> Deny | None:
    return None if user.rules is None or user.rules.channels is None else CHANNEL
