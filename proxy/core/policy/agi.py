"""AGI commands: what the action AGI lets a channel under asynchronous AGI do.

Class agi names playing, reading digits and the like.  EXEC reaches every
application, DATABASE the database, GET and SET VARIABLE every function; those
are judged as they are anywhere else.
"""

import re
from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import SYSTEM
from proxy.core.policy import applications, functions
from proxy.core.policy.commands import words
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_REFUSED: Final = Deny(PERMISSION_DENIED, "agi-command")

#: Verbs that run no application and touch no database.
_PLAIN: Final = frozenset(
    b"""answer asyncagi channel control get gosub hangup noop receive record say send set speech stream tdd
    verbose wait""".split()
)
_EXPRESSION: Final = re.compile(rb"\$\{([^{}$]*)\}")


def agi(user: Judged, action: Action) -> Deny | None:
    """The ``Command`` of an AGI action; read into words by the same rules as a CLI command."""
    said = words(action.get(b"command"))
    if not said or user.write & SYSTEM:
        return None
    return None if _may_run(user, [said[0].lower(), *said[1:]]) else _REFUSED


def _may_run(user: Judged, said: list[bytes]) -> bool:
    match [word.lower() for word in said[:3]]:
        case [b"exec"]:
            return True  # Asterisk answers with the usage
        case [b"exec", application, *_]:
            data = b" ".join(said[2:])
            return b"${" not in data and applications.run(user, application, data) is None
        case [b"get", b"variable", _]:
            return functions.may_read(user, said[2])
        case [b"get", b"full", b"variable"]:
            return _may_evaluate(user, b" ".join(said[3:]))
        case [b"set", b"variable", _]:
            return functions.may_assign(user, said[2])
        case [b"record", b"file", _]:
            return not applications.leaves_folder(said[2])
        case _:
            return said[0] in _PLAIN


def _may_evaluate(user: Judged, expression: bytes) -> bool:
    # Flat ${name} only: what is left once those are out must have nothing to evaluate.
    names = _EXPRESSION.findall(expression)
    return b"$" not in _EXPRESSION.sub(b"", expression) and all(
        functions.may_read(user, name) for name in names
    )
