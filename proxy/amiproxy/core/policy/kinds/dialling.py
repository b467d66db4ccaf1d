"""Dial strings: what a client may have Asterisk call.

A technology that is not a telephone's makes Asterisk connect to wherever the string
says (AudioSocket, UnicastRTP, MulticastRTP, WebSocket), or send a message; so does a
host in the dial string of a telephone's technology.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy import wildcard
from amiproxy.core.policy.kinds import places
from amiproxy.core.policy.verdict import Deny, Judged, refuse

#: Technologies that reach telephones and lines configured by Asterisk's operator.
TELEPHONES: Final = (
    *("Agent", "Console", "DAHDI", "Dongle", "H323", "IAX2", "Khomp", "Local", "MGCP", "mISDN", "Mobile"),
    *("Motif", "OOH323", "PJSIP", "Quectel", "SCCP", "SIP", "Skinny", "USTM"),
)
#: Technologies whose destinations are names in Asterisk's configuration and never hosts.
_BY_NAME: Final = frozenset(
    {b"agent", b"dahdi", b"dongle", b"khomp", b"local", b"misdn", b"pjsip", b"quectel"}
)

#: Technologies that resolve a name as a host if there is no peer of that name.
_RESOLVING: Final = frozenset({b"audiosocket", b"h323", b"iax2", b"motif", b"ooh323", b"sip", b"unicastrtp"})

#: Length to which Asterisk cuts the channel of an Originate: a cut Local/x@ctx may name another context.
_LONGEST: Final = 255
_SHAPE: Final = re.compile(rb"[A-Za-z0-9_.+*#@:/-]*\Z")
#: The same with the parameters of a SIP URI, for granted hosts.
_URI_SHAPE: Final = re.compile(rb"[A-Za-z0-9_.+*#@:/;=%~-]*\Z")
_LOCAL: Final = re.compile(rb"local/[^@/&,|]{1,79}@([^@/&,|]+)(?:/[a-z]*)?\Z", re.IGNORECASE)
_SIP: Final = re.compile(rb"(?<![A-Za-z])sips?:", re.IGNORECASE)
#: What follows the host in a SIP URI.
_BEHIND_HOST: Final = re.compile(rb"[/;>?].*", re.DOTALL)
#: The names of a SIP URI's parameters, and those that change neither a message's destination nor its content.
_PARAMETER: Final = re.compile(rb";([^;=@/?>]*)")
_HARMLESS: Final = frozenset({b"line", b"lr", b"ob", b"phone-context", b"transport", b"user"})
#: The parts of an address, each with the separators before and after it.
_PIECE: Final = re.compile(rb"(?:(?<=([/@]))|^)([^/@;>?]*)[^/@]*(?=([/@]?))")
#: Numbers that the resolver takes for an IPv4 address; a leading zero makes one octal.
_NUMERIC: Final = re.compile(rb"(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]{7,9})\Z", re.IGNORECASE)
#: Names that no resolver takes for a host, except numbers that are an IPv4 address.
_EXTENSION: Final = re.compile(rb"[0-9*#+]*\Z")
_STATE_PROVIDER: Final = re.compile(rb"hint:[^@]*@(.*)\Z", re.IGNORECASE)

CHANNEL: Final = refuse("channels", "it is not among the user's channels")
_CHARACTERS: Final = refuse("characters", "letters, digits and _ . + * # @ : / - only, 255 at most")
_TECHNOLOGY: Final = refuse("technology", "its technology is not among the user's technologies")
_LEADS_ELSEWHERE: Final = refuse(
    "host",
    "a SIP address may have the parameters transport, user, lr, ob, line and phone-context only; no headers",
)
_HOST: Final = refuse(
    "host", "it may name a host, or a peer of chan_sip or IAX2, that is not among the user's hosts"
)


def dial_string(user: Judged, value: bytes) -> Deny | None:
    """A channel that Asterisk is to create."""
    if not value:
        return None
    return _dialable(user, value, _LONGEST) or within(user, value)


def dial_strings(user: Judged, value: bytes) -> Deny | None:
    """Several dial strings joined by ``&``, which ring at the same time."""
    for one in value.split(b"&"):
        refused = dial_string(user, one)
        if refused is not None:
            return refused
    return None


def interface(user: Judged, value: bytes) -> Deny | None:
    """A queue's member: a dial string that the queue stores, and dials for every caller."""
    if not value:
        return None
    return _dialable(user, value, places.LONGEST_NAME) or within(user, value)


def member_key(user: Judged, value: bytes) -> Deny | None:
    """The interface of an existing member."""
    if not value:
        return None
    if not user.write & SYSTEM and not _URI_SHAPE.match(value):
        return _CHARACTERS
    return within(user, value)


def state_interface(user: Judged, value: bytes) -> Deny | None:
    """The device whose state counts as a member's."""
    if not value:
        return None
    if not user.write & SYSTEM and not (_SHAPE.match(value) and len(value) <= places.LONGEST_NAME):
        return _CHARACTERS
    hint = _STATE_PROVIDER.match(value)
    return places.leads_to(user, hint[1]) if hint else within(user, value)


def comeback(user: Judged, value: bytes) -> Deny | None:
    """The channel to which a parked call returns.

    Asterisk takes the name of a channel, cuts off its suffix and dials the rest.  Where it cuts cannot be
    known for certain, so both the whole name and the cut one must be allowed as dial strings.
    """
    cut = value.rpartition(b"-")[0] or value
    return dial_string(user, value) or dial_string(user, cut)


def uri(user: Judged, value: bytes) -> Deny | None:
    """The destination of a message: ``pjsip:endpoint``, ``pjsip:endpoint/sip:user@host``, ``xmpp:user@host``.

    If Asterisk does not know an address of that name, it takes what follows a slash for a host, with or
    without ``sip:`` before it, even if it is a single name.
    """
    refused = _beyond_list(user)
    if refused is not None or user.write & SYSTEM:
        return refused
    technology, _, address = value.partition(b":")
    if _leads_elsewhere(address):
        return _LEADS_ELSEWHERE
    # For other technologies the address begins with the name of an endpoint or account.
    starts_with_host = technology.lower() == b"sip" or _SIP.match(address) is not None
    for between, piece, behind in _PIECE.findall(_SIP.sub(b"", address)):
        host = piece.rpartition(b"<")[2]
        # The part before an @ is the user; the part after one is always a host.
        if behind == b"@" and between != b"@":
            continue
        may_be_host = _may_be_host if between or starts_with_host else _is_address
        if (between == b"@" or may_be_host(host)) and not _granted(user, host):
            return _HOST
    return None


def within(user: Judged, value: bytes, *, live: bool = False) -> Deny | None:
    """Check a device, or a device's channel, against the user's ``contexts`` and ``channels``.

    ``live``: the channel exists already, and where it goes is decided elsewhere, so without ``channels``
    nothing is checked.  For a user with ``channels`` alone, a Local channel is a device like any other.
    """
    rules = user.rules
    if rules is None or (live and rules.channels is None):
        return None
    if value[:6].lower() == b"local/" and rules.contexts is not None:
        # A Local channel enters the dialplan: check its context.
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
        # With two @, another parser may find another host than we do: check every part after one.
        named = destination[address.end() :].split(b"@")
        hosts = [_BEHIND_HOST.sub(b"", at) for at in named[1:] or named]
        return None if all(_granted(user, host) for host in hosts) else _HOST
    if not _SHAPE.match(value):
        return _CHARACTERS
    return None if by_name else _names_host(user, technology, destination)


def _names_host(user: Judged, technology: bytes, destination: bytes) -> Deny | None:
    """Refuse a host: chan_sip, chan_iax2 and similar drivers accept one if they have no peer of that name.

    The forms are ``user:secret@peer/extension@context``, and for SIP ``peer/extension/host``: a part that
    one driver reads as an extension is a host for another.  Only Asterisk knows its peers, so any name that
    is not a number counts as a host here.
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
    """Whether a SIP address has another destination besides its host (``maddr``, or a Route header)."""
    return b"?" in address or not _HARMLESS.issuperset(map(bytes.lower, _PARAMETER.findall(address)))


def _may_be_host(name: bytes) -> bool:
    """Whether a resolver may resolve this name, whether or not it is a peer's."""
    return not _EXTENSION.match(name) or _is_address(name)


def _is_address(name: bytes) -> bool:
    """Whether this names a host, not a peer: by a dot, a port, or a number that is an IPv4 address."""
    return b"." in name or b":" in name or (_NUMERIC.match(name) is not None and _leads_somewhere(name))


def _leads_somewhere(number: bytes) -> bool:
    """Whether this number is a plausible IPv4 address: extensions are numbers too, but most are smaller."""
    octal = number[:1] == b"0" and number[1:2].lower() != b"x"
    value = int(number, 8 if octal else 0)
    return value == 0 or 2**24 <= value < 2**32


def _technologies(user: Judged) -> tuple[str, ...]:
    listed = None if user.rules is None else user.rules.technologies
    return TELEPHONES if listed is None else listed


def _granted(user: Judged, host: bytes) -> bool:
    """Whether the user's ``hosts`` contain this host, with or without its port."""
    listed = None if user.rules is None else user.rules.hosts
    if not listed:
        return False
    return wildcard.matches_any_case(listed, host) or wildcard.matches_any_case(
        listed, host.rpartition(b":")[0]
    )


def _beyond_list(user: Judged) -> Deny | None:
    return None if user.rules is None or user.rules.channels is None else CHANNEL
