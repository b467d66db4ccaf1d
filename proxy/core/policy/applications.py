"""Applications: what a user may let a channel run.

Asterisk keeps a list of applications and words in their data that need class
system (the list is the one of version 22, whatever the version upstream); what
it leaves out and what does more than the class originate says follows below it.
"""

import re
from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import AGI, CALL, SYSTEM
from proxy.core.policy import functions, userevents
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_FORBIDDEN: Final = Deny(b"Originate Access Forbidden: app or data blacklisted", "application")
_EVALUATED: Final = Deny(PERMISSION_DENIED, "evaluated-value")
_GOSUB: Final = Deny(PERMISSION_DENIED, "predial-gosub")

#: Asterisk's own list: anywhere in the application's name, any case.
_CODE: Final = re.compile(
    rb"agi|dbdeltree|exec|externalivr|mixmonitor|originate|reload|system", re.IGNORECASE
)
#: Asterisk's own list: anywhere in the data, case as here.
_CODE_IN_DATA: Final = re.compile(rb"CURL|DB|EVAL|FILE|ODBC|REALTIME|SHELL")

#: What Asterisk's list leaves out: database, files, programs and hosts of the server's own.
_MORE_CODE: Final = re.compile(
    rb"""(?:audiosocket|curl|db\w*|dictate|festival|flite|ices|jack|minivm\w*|monitor|mp3player|nbscat
    |odbc\w*|realtime\w*|receivefax|sendfax|sms|statsd)\Z""",
    re.IGNORECASE | re.VERBOSE,
)

#: Applications that take hold of somebody else's call: class call names that.
_OTHER_CALLS: Final = frozenset(
    b"""bridge bridgeadd channelredirect chanspy confkick dahdibarge dahdiscan extenspy meetmeadmin
    meetmechanneladmin muteaudio parkedcall pickup pickupchan softhangup""".split()
)
#: These play digits to their own channel, or to the one that their last argument names.
_DIGITS: Final = frozenset({b"senddtmf", b"sendmf"})

_ASSIGNING: Final = frozenset({b"set", b"mset"})
_EVALUATES: Final = re.compile(rb"\$[{\[]")

#: Where Asterisk or the dialplan behind it may evaluate what stands in an Originate.
_EVALUATED_HEADERS: Final = (b"channel", b"exten", b"context", b"application", b"data")


def originate(user: Judged, action: Action) -> Deny | None:
    """An Originate's application and data, what it would have evaluated, and PreDialGoSub."""
    application = action.get(b"application")
    if application:
        refused = run(user, application, action.get(b"data"))
        if refused is not None:
            return refused
    if action.get(b"predialgosub"):
        # It runs only in a synchronous originate, which never travels: it would be dropped in silence.
        return _GOSUB
    if not user.write & SYSTEM and any(_EVALUATES.search(action.get(name)) for name in _EVALUATED_HEADERS):
        return _EVALUATED
    return None


def run(user: Judged, application: bytes, data: bytes) -> Deny | None:
    """One application with its data, whoever starts it; Asterisk's text of an Originate if it is refused."""
    if user.write & SYSTEM:
        return None
    name = application.strip(b" \t").lower()
    items = functions.arguments(data)
    if _CODE.search(application) or _CODE_IN_DATA.search(data) or _MORE_CODE.match(name):
        return _FORBIDDEN
    if functions.calls_closed_one(data):
        # Not only Set: Read, for one, assigns to whatever its first argument names.
        return _FORBIDDEN
    if b"queue" in name and _queue_agi(data, items) and not user.write & AGI:
        return _FORBIDDEN
    if name in _ASSIGNING and not _may_assign_all(user, name, data, items):
        return _FORBIDDEN
    reaches_others = name in _OTHER_CALLS or (name in _DIGITS and any(items[3:]))
    if reaches_others and not user.write & CALL:
        return _FORBIDDEN
    if name == b"record" and leaves_folder(items[0] if items else b""):
        return _FORBIDDEN
    if name == b"userevent" and any(map(userevents.is_reserved, items[1:])):
        return _FORBIDDEN
    return None


def _queue_agi(data: bytes, items: list[bytes]) -> bool:
    # The sixth argument; read with and without regard to quotes, so that no version reads another one.
    return any(len(arguments) > 5 and arguments[5] for arguments in (data.split(b","), items))


def _may_assign_all(user: Judged, name: bytes, data: bytes, items: list[bytes]) -> bool:
    # Set takes the whole data as one assignment, MSet one for each item.
    texts = [data, *items] if name == b"mset" else [data]
    return all(functions.may_assign(user, text.partition(b"=")[0].strip(b' \t"')) for text in texts)


def leaves_folder(name: bytes) -> bool:
    """Whether a file's name, meant for the sounds folder, names one elsewhere."""
    return name.startswith(b"/") or b".." in name
