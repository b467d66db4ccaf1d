"""Application data: how much of a dialplan application's data may be shown to people.

This is a list of what is harmless, not of what is secret.  The data of an application that is not
listed are hidden entirely: ``Authenticate``, ``VMAuthenticate`` and ``DISA`` take a PIN or password
there, and what a third-party module takes is unknown.  Names are looked up case-insensitively, as
Asterisk does.
"""

# mypyc: compiled

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = b"***"

_ALL: Final = 99

#: How many leading arguments only say where a call goes or what is played.
_ARGUMENTS: Final[dict[bytes, int]] = {
    **dict.fromkeys(
        b"""addqueuemember answer appdial appdial2 appqueue background bridge busy chanspy confbridge
        congestion directory echo extenspy followme goto gotoiftime hangup meetmecount milliwatt
        monitor mset musiconhold park parkedcall pausequeuemember pickup pickupchan playback playtones
        proceeding progress record removequeuemember ringing sayunixtime set setmusiconhold
        startmusiconhold stopmixmonitor stopmonitor stopmusiconhold stopplaytones unpausequeuemember
        voicemail voicemailmain wait waitexten waitforring waitforsilence waitmusiconhold""".split(),
        _ALL,
    ),
    # The arguments after these may be input for code, a PIN, an address with a login, or any text.
    **dict.fromkeys(b"agi deadagi dial eagi gosub macro mixmonitor page parkandannounce".split(), 1),
    **dict.fromkeys(b"originate stasis transfer userevent".split(), 1),
    **dict.fromkeys(b"meetme queue".split(), 2),
}
#: An argument is shown up to this character, which begins the arguments of a subroutine or a URL.
_INNER: Final = re.compile(rb"[(?]")
_SCHEME: Final = re.compile(rb"(?:\A|/)(?:sips?:|[a-z]+://)", re.IGNORECASE)


def shown_data(application: bytes, data: bytes) -> bytes:
    """The data with everything masked that is not known to be harmless.

    ``application`` is its name in any case.  Names of variables in it are not looked at; see ``masking`` for
    those.
    """
    shown = _ARGUMENTS.get(application.strip().strip(b'"').lower(), 0)
    if shown == _ALL or not data.strip():
        return data
    if not shown:
        return MASK
    arguments = data.split(b",")
    parts = [_without_login(argument) for argument in arguments[:shown]]
    for place, part in enumerate(parts):
        inner = _INNER.search(part)
        if inner is not None:
            return b",".join([*parts[:place], part[: inner.end()] + MASK])
    return b",".join(parts) + (b"," + MASK if any(arguments[shown:]) else b"")


def shown_everywhere(applications: Iterable[bytes], data: bytes) -> bytes:
    """As ``shown_data``, for a message that names several applications: what may be shown for all of them."""
    for application in applications:
        data = shown_data(application, data)
    return data


def _without_login(argument: bytes) -> bytes:
    """Mask passwords: ``SIP/user:***@host``, ``PJSIP/trunk/sip:user:***@host``.  ``&`` joins several."""
    return b"&".join(map(_one_without_login, argument.split(b"&")))


def _one_without_login(dialled: bytes) -> bytes:
    login, at, host = dialled.rpartition(b"@")
    scheme = _SCHEME.search(login)
    colon = login.find(b":", scheme.end() if scheme is not None else 0)
    return dialled if not at or colon < 0 else login[: colon + 1] + MASK + at + host
