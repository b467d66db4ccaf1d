"""Names of variables whose values nobody may read in the log, as an operator writes them.

``*`` is any run of characters of a name, ``?`` is one; case does not count, nor
do the underscores in front that Asterisk inherits by.
"""

import re
from typing import Final

from proxy.config.problems import Unfit

#: So many are looked for at once, with every line that is shown; a thousand more would not compile.
MOST_HIDDEN_NAMES: Final = 200
_FIT: Final = re.compile(r"[\w.*?-]*[\w.-][\w.*?-]*")


class HiddenName(str):
    """One pattern; reads itself from a text."""

    __slots__ = ()

    @classmethod
    def from_text(cls, text: str) -> "HiddenName":
        """Check; Unfit says why not."""
        if not _FIT.fullmatch(text):
            remedy = 'write part of a name between stars, such as "*PIN*"'
            raise Unfit(f"{text!r} is no pattern for names of variables", remedy)
        return cls(text)


#: Meant to hide too much rather than too little.
HIDDEN_NAMES: Final = tuple(
    HiddenName(f"*{word}*")
    for word in ("PIN", "PASS", "SECRET", "TOKEN", "KEY", "HASH", "AUTH", "CRED", "CHALLENGE")
)
