"""Nasty values, and the aim of each.

``{traps}`` is the folder that must stay empty, as Asterisk sees it; ``{tcp}`` and ``{udp}`` are ports
of 127.0.0.1 that must not be contacted; ``{id}`` distinguishes one attempt from another, so that an effect
in a trap names its origin; ``{neighbour}``, ``{prefix}`` and ``{uniqueid}`` name a call of
another user.  Two braces stand for one.
"""

from typing import Final, NamedTuple


class Danger(NamedTuple):
    """``aim`` is the kind of harm it would do; ``value`` None leaves the header out."""

    aim: str
    value: str | None

    @property
    def label(self) -> str:
        """A readable name."""
        return "(left out)" if self.value is None else self.value or "(empty)"


#: Without a blank: Asterisk truncates the extensions that it makes of such values there.
_SHELL: Final = "SHELL(id>{traps}/{id})"
_BY_AIM: Final = {
    "evaluation": (
        "${{" + _SHELL + "}}",
        "^{{" + _SHELL + "}}",
        "$[${{" + _SHELL + "}}]",
        "$[1]",
        _SHELL,
        "FILE({traps}/{id},,,a)",
        "A=1,B=${{" + _SHELL + "}}",
        "Local/x@${{" + _SHELL + "}}-0000",
        "x\\,${{" + _SHELL + '}},"y',
        "BLINDTRANSFER=Local/x@${{" + _SHELL + "}}",
        "EVAL(${{" + _SHELL + "}})",
        "MASTER_CHANNEL(SHELL(id>{traps}/{id}))",
    ),
    "shell": (
        "x;touch {traps}/{id};",
        "x`touch {traps}/{id}`",
        "$(touch {traps}/{id})",
        "touch {traps}/{id}",
    ),
    "context": (
        "Local/{id}@secret",
        "Local/{id}@secret-0",
        "Local/{id}@secret/n",
        "Local/own@own&Local/{id}@secret",
        "local/{id}@SECRET@secret",
        "secret",
        "secret,{id},1",
        "{id}@secret",
    ),
    "file": (
        "/etc/passwd",
        "../../tmp/x",
        "{traps}/{id}",
        "{traps}/{id}.wav",
        "../../../../../../..{traps}/{id}",
        "x,,touch {traps}/{id}",
    ),
    "connection": (
        "http://127.0.0.1:{tcp}/{id}",
        "http://127.0.0.1:{tcp}/{id}.wav",
        "AudioSocket/127.0.0.1:{tcp}/40325ec2-5efd-4bd3-805f-53576e581d13",
        "WebSocket/127.0.0.1:{tcp}",
        "MulticastRTP/basic/127.0.0.1:{udp}",
        "UnicastRTP/127.0.0.1:{udp}",
        "PJSIP/sip:{id}@127.0.0.1:{udp}",
        "PJSIP/200/sip:{id}@127.0.0.1:{udp}",
        "SIP/{id}@127.0.0.1:{udp}",
        "IAX2/x@127.0.0.1:{udp}/x",
        "pjsip:200/sip:{id}@127.0.0.1:{udp}",
        "sip:{id}@127.0.0.1:{udp}",
        "Message/x",
    ),
    "everything": ("/.*/", "/./", "*all", "all", "participants", "*", "", None),
    "memory": ("a{{0,8000}}", "/a{{0,8000}}/", "name=a{{0,8000}}", "CHANNELS(a{{0,8000}})"),
    "time": ("10000000", "-1", "99999999999999999999", "1" * 400),
    "record": ("x;|y", "x;|Local/{id}@secret;0;0;x", "a|b|c", 'a"b,c', "a\\", "a,b,c"),
    "line": (
        "x\rAction: Hangup\rChannel: {neighbour}",
        "x\nAction: Hangup\nChannel: {neighbour}",
        "x\r\n\r\nAction: Hangup\r\nChannel: {neighbour}",
        "x\0y",
    ),
    "neighbour": ("{neighbour}", "{prefix}", "{uniqueid}", "/{prefix}.*/"),
}

DANGERS: Final = tuple(Danger(aim, value) for aim, values in _BY_AIM.items() for value in values)
