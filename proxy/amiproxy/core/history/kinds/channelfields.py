"""The headers that describe a channel: many lists and nearly all events about calls have the same ones."""

# mypyc: compiled

from collections.abc import Mapping
from typing import Final

from amiproxy.core.calls.callfacts import CallFacts, read_facts
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Values, joined

#: The headers of a channel in the order of ``ast_manager_build_channel_state_string``.
NAMES = (
    b"Channel ChannelState ChannelStateDesc CallerIDNum CallerIDName ConnectedLineNum ConnectedLineName"
    b" Language AccountCode Context Exten Priority Uniqueid Linkedid ChanVariable"
).split()
_VARIABLE: Final = b"ChanVariable"
#: Each header that is there once, and its name in lower case.
_KEYS: Final = tuple([(name, name.lower()) for name in NAMES if name != _VARIABLE])
#: Those whose changes events of the class ``call`` announce when they happen.
FOLLOWED = (
    b"Channel ChannelState ChannelStateDesc CallerIDNum CallerIDName ConnectedLineNum ConnectedLineName"
    b" AccountCode"
).split()
#: Events of the class ``call`` that describe a channel again because something about it has changed.
CHANGES = (
    b"Newstate",
    b"NewCallerid",
    b"NewConnectedLine",
    b"NewAccountCode",
    b"BridgeEnter",
    b"BridgeLeave",
)


def names(prefix: str = "", among: list[bytes] = NAMES) -> str:
    """These headers, each with a prefix such as ``Parkee``, separated by blanks."""
    return " ".join(prefix + name.decode() for name in among)


def read_channel(fields: Fields, source: bytes = b"", target: bytes = b"") -> Values:
    """The headers of a channel that an event or item has.

    ``source`` is their prefix there, and ``target`` the one in the result: ``Parkee`` or nothing.
    """
    found: Values = {}
    prefix = source.lower()
    for name, key in _KEYS:
        if fields.has(prefix + key):
            found[target + name] = fields.get(prefix + key)
    variables = fields.get_all(prefix + _VARIABLE.lower()) if fields.has(prefix + _VARIABLE.lower()) else []
    if variables:
        found[target + _VARIABLE] = joined(target + _VARIABLE, variables)
    return found


def renamed(fields: Fields) -> tuple[bytes, bytes]:
    """The Uniqueid and the new name of the channel that an event ``Rename`` is about."""
    return fields.only(b"uniqueid"), fields.only(b"newname")


def facts_as(event: bytes, headers: Mapping[bytes, bytes], values: Values) -> CallFacts:
    """What a native event with these values says about its call: scopes judge the item like that event.

    ``headers`` are names of values and of the headers in the event that tell them.
    """
    parts = [b"Event: " + event, b"Privilege: all"]
    parts += [header + b": " + values[name] for name, header in headers.items() if name in values]
    return read_facts(b"\r\n".join(parts) + b"\r\n\r\n")
