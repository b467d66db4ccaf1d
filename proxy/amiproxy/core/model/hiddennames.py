"""Patterns for the names of variables whose values must not appear in the log.

``*`` stands for any run of characters, ``?`` for one; case is ignored, and so are
the leading underscores that control inheritance in Asterisk.
"""

import re
from typing import Final

from amiproxy.core.model.errors import Unfit

#: Maximum number of patterns: every line shown is searched for all of them at once, in one regular
#: expression, and some thousand would not compile.
MOST_HIDDEN_NAMES: Final = 200
_FIT: Final = re.compile(r"[\w.*?-]*[\w.-][\w.*?-]*")


class HiddenName(str):
    """One pattern; parses itself from a text."""

    __slots__ = ()

    @classmethod
    def from_text(cls, text: str) -> "HiddenName":
        """Check a pattern.  Raises Unfit with the reason."""
        if not _FIT.fullmatch(text):
            remedy = 'write part of a name between stars, such as "*PIN*"'
            raise Unfit(f"{text!r} is not a pattern for variable names", remedy)
        return cls(text)


#: The default patterns, meant to hide too much rather than too little.
HIDDEN_NAMES: Final = tuple(
    HiddenName(f"*{word}*")
    for word in ("PIN", "PASS", "SECRET", "TOKEN", "KEY", "HASH", "AUTH", "CRED", "CHALLENGE")
)
