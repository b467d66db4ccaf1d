"""Applications: what a user may let a channel run.

Asterisk keeps a list of applications and words in their data that need class
system (the list is the one of version 22, whatever the version upstream); what
it leaves out and what does more than the class originate says follows below it.
"""

import re
from types import MappingProxyType
from typing import Final

from proxy.ami.privilege import AGENT, AGI, ALL, CALL, MESSAGE, SYSTEM
from proxy.core.policy import functions, userevents
from proxy.core.policy.verdict import Deny, Judged

_FORBIDDEN: Final = Deny(b"Originate Access Forbidden: app or data blacklisted", "application")

#: Asterisk's own list: anywhere in the application's name, any case.
_CODE: Final = re.compile(
    rb"agi|dbdeltree|exec|externalivr|mixmonitor|originate|reload|system", re.IGNORECASE
)
#: Asterisk's own list: anywhere in the data, case as here.
_CODE_IN_DATA: Final = re.compile(rb"CURL|DB|EVAL|FILE|ODBC|REALTIME|SHELL")

#: What Asterisk's list leaves out: what evaluates its own data (so that any character may stand for ``$``),
#: and database, files, programs, accounts and hosts of the server's own.
_MORE_CODE: Final = re.compile(
    rb"""(?:adsiprog|audiosocket|changemonitor|curl|dahdiras|db\w*|dictate|festival|flite|ices|jabber(?:join
    |leave|send|sendgroup)|jack|minivm\w*|monitor|mp3player|mysql|nbscat|odbc\w*|osp\w*|pjsipnotify|readfile
    |realtime\w*|receivefax|sendfax|sms|speechloadgrammar|statsd|testclient|testserver|waitforcondition)\Z""",
    re.IGNORECASE | re.VERBOSE,
)

#: The class that names what these do.  call: they take hold of somebody else's call; agent: of a queue.
_CLASS: Final = MappingProxyType(
    {
        **dict.fromkeys(
            b"""bridge bridgeadd broadcast channelredirect chanspy confkick dahdibarge dahdiscan extenspy
            importvar meetmeadmin meetmechanneladmin muteaudio parkedcall pickup pickupchan sipsendcustominfo
            slastation softhangup stasisbroadcast""".split(),
            CALL,
        ),
        **dict.fromkeys(
            b"""addqueuemember agentlogin pausequeuemember queuelog queueupdate removequeuemember
            unpausequeuemember""".split(),
            AGENT,
        ),
        b"messagesend": MESSAGE,
    }
)
#: These play digits to their own channel, or to the one that the argument of this number names.
_DIGITS: Final = MappingProxyType({b"senddtmf": 3, b"sendmf": 5, b"sendsf": 2})

#: Assign to the variable that the argument of this number names.
_ASSIGNED_BY: Final = MappingProxyType(
    {
        b"jabberstatus": 2,
        b"meetmecount": 1,
        b"read": 0,
        b"readexten": 0,
        b"receivemf": 0,
        b"receivesf": 0,
        b"storedtmf": 1,
    }
)

#: Files that are not sounds: a path leads out of the folder that they are meant for.
_FILES: Final = frozenset({b"authenticate", b"disa", b"record", b"sendimage"})

#: Play files, and fetch those whose name is a URL.  The argument of this number is a URL to show instead.
_PLAYS: Final = MappingProxyType(
    {
        **dict.fromkeys(
            b"""amd authenticate background backgrounddetect controlplayback ivrdemo page parkandannounce
            playback read readexten retrydial saycountedadj saycountednoun speechbackground
            speechprocessingsound""".split(),
            -1,
        ),
        b"dial": 3,
        b"queue": 2,
    }
)
#: Technologies whose channels are connections to the host that the caller names.
_CONNECTION: Final = re.compile(rb"(?:\A|[,&])[ \t]*(?:audiosocket|unicastrtp)/", re.IGNORECASE)

_ASSIGNING: Final = frozenset({b"importvar", b"mset", b"set"})
_BLANK: Final = b' \t"'


def connects(text: bytes) -> bool:
    """Whether one of the channels to be dialled is a connection, however quoted."""
    return any(map(_CONNECTION.search, functions.readings(text)))


def run(user: Judged, application: bytes, data: bytes) -> Deny | None:
    """One application with its data, whoever starts it; Asterisk's text of an Originate if it is refused."""
    if user.write & SYSTEM or _may_run(user, application, data):
        return None
    return _FORBIDDEN


def _may_run(user: Judged, application: bytes, data: bytes) -> bool:
    name = application.strip(b" \t").lower()
    items = functions.arguments(data)
    if _CODE.search(application) or _CODE_IN_DATA.search(data) or _MORE_CODE.match(name):
        return False
    # Not only Set: other modules' applications assign to what an argument names, too.
    if functions.calls_closed_one(data):
        return False
    if b"queue" in name and _queue_agi(data, items) and not user.write & AGI:
        return False
    if not user.write & _class_of(name, items):
        return False
    if name == b"userevent" and any(map(userevents.is_reserved, items[1:])):
        return False
    return _stays_inside(name, data, items) and _may_assign_all(user, name, data, items)


def _queue_agi(data: bytes, items: list[bytes]) -> bool:
    # The sixth argument; read with and without regard to quotes, so that no version reads another one.
    return any(len(arguments) > 5 and arguments[5] for arguments in (data.split(b","), items))


def _class_of(name: bytes, items: list[bytes]) -> int:
    if name in _DIGITS and any(items[_DIGITS[name] : _DIGITS[name] + 1]):
        return CALL
    return _CLASS.get(name, ALL)


def _stays_inside(name: bytes, data: bytes, items: list[bytes]) -> bool:
    if connects(data) or (name in _FILES and items and leaves_folder(items[0])):
        return False
    shown = _PLAYS.get(name)
    return shown is None or not any(b"://" in item for number, item in enumerate(items) if number != shown)


def _may_assign_all(user: Judged, name: bytes, data: bytes, items: list[bytes]) -> bool:
    if name == b"importvar" and not functions.may_read(user, data.partition(b",")[2].strip(_BLANK)):
        return False  # name=channel,variable: the last is read over there
    return all(functions.may_assign(user, variable) for variable in assigned_by(name, data, items))


def assigned_by(name: bytes, data: bytes, items: list[bytes]) -> list[bytes]:
    """The variables that an application (its name in lower case) sets because its data say so."""
    if name in _ASSIGNED_BY:
        return [item.strip(_BLANK) for item in items[_ASSIGNED_BY[name] : _ASSIGNED_BY[name] + 1]]
    if name not in _ASSIGNING:
        return []
    # Set takes the whole data as one assignment, MSet one for each item.
    texts = [data, *items] if name == b"mset" else [data]
    return [text.partition(b"=")[0].strip(_BLANK) for text in texts]


def leaves_folder(name: bytes) -> bool:
    """Whether a file's name, meant for the sounds folder, names one elsewhere."""
    return name.startswith(b"/") or b".." in name
