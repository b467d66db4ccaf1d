"""AGI commands: what the action AGI lets a channel under asynchronous AGI do.

Class agi names playing, reading digits and the like.  EXEC reaches every
application, DATABASE the database, GET and SET VARIABLE every function; those
are judged as they are anywhere else.  Some commands take the name of another
channel: that is class call's.
"""

import re
from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import CALL, SYSTEM
from proxy.core.policy import applications, functions
from proxy.core.policy.commands import words
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_REFUSED: Final = Deny(PERMISSION_DENIED, "agi-command")

#: Verbs that run no application and touch no database.
_PLAIN: Final = frozenset(
    b"""answer asyncagi channel gosub hangup noop receive record say send set tdd verbose wait""".split()
)
_EXPRESSION: Final = re.compile(rb"\$\{([^{}$]*)\}")


def agi(user: Judged, action: Action) -> Deny | None:
    """The ``Command`` of an AGI action; read into words by the same rules as a CLI command."""
    said = words(action.get(b"command"))
    if not said:
        return None
    if user.write & SYSTEM:
        return None if _may_use_functions(user, said) else _REFUSED
    said = [said[0].lower(), *said[1:]]
    channels = other_channels(said, action.get(b"channel"))
    if (channels and not user.write & CALL) or not _may_run(user, said):
        return _REFUSED
    return None


def other_channels(said: list[bytes], own: bytes) -> list[bytes]:
    """The channels that the words of an AGI command name, but for the one it is sent to."""
    match [word.lower() for word in said[:3]]:
        case [b"hangup", *_]:
            named = said[1:2]
        case [b"channel", b"status", *_]:
            named = said[2:3]
        case [b"get", b"full", b"variable"]:
            named = said[4:5]
        case _:
            named = []
    return [channel for channel in named if channel != own]


def _may_use_functions(user: Judged, said: list[bytes]) -> bool:
    # What hands out secrets stays closed to class system as well.
    match [word.lower() for word in said[:3]]:
        case [b"get", b"full", b"variable"]:
            return functions.may_read(user, b" ".join(said[3:]))
        case [b"get", b"variable", _]:
            return functions.may_read(user, said[2])
        case [b"set", b"variable", _]:
            return functions.may_assign(user, said[2])
        case _:
            return True


def _may_run(user: Judged, said: list[bytes]) -> bool:
    match [word.lower() for word in said[:3]]:
        case [b"exec"]:
            return True  # Asterisk answers with the usage
        case [b"exec", application, *_]:
            # Of more words Asterisk gives the first alone to the application.
            data = b"".join(said[2:3])
            return not said[3:] and b"${" not in data and applications.run(user, application, data) is None
        case [b"get", b"variable", _]:
            return functions.may_read(user, said[2])
        case [b"get", b"full", b"variable"]:
            return _may_evaluate(user, b" ".join(said[3:]))
        case [b"set", b"variable", _]:
            return functions.may_assign(user, said[2])
        case [b"record", b"file", _] | [b"send", b"image", _]:
            return not applications.leaves_folder(said[2])
        case [b"speech", b"load", b"grammar"]:
            return False
        case [b"control" | b"get" | b"speech" | b"stream", *_]:
            # The prompts that they play: a URL would be fetched.
            return not any(b"://" in word for word in said)
        case _:
            return said[0] in _PLAIN


def _may_evaluate(user: Judged, expression: bytes) -> bool:
    # Flat ${name} only: what is left once those are out must have nothing to evaluate.
    names = _EXPRESSION.findall(expression)
    return b"$" not in _EXPRESSION.sub(b"", expression) and all(
        functions.may_read(user, name) for name in names
    )
