"""Regular expressions that Asterisk would compile: class system only, and bounded then.

``regcomp`` copies what is repeated: ``a{0,8000}`` takes hundreds of megabytes, and so do
the 21 bytes of ``a+++…``, where each further ``+`` doubles what stands before it.  Matching
takes time without a limit for back-references.  All on the machine of Asterisk, while the
link waits.
"""

import re
from typing import Final

from proxy.ami.privilege import SYSTEM
from proxy.core.policy.kinds import names
from proxy.core.policy.verdict import Deny, Judged, refuse

MAX_PATTERN: Final = 256
_COSTLY: Final = re.compile(rb"\{|[+*?)}]\+|\\[1-9]")
_LISTED_OPTION: Final = re.compile(rb"catfilter", re.IGNORECASE)

NEEDS_SYSTEM: Final = refuse("regular-expression", "a regular expression needs class system")
UNBOUNDED: Final = refuse(
    "regular-expression",
    f"a regular expression has at most {MAX_PATTERN} characters, no counts {{2}}, no back-references, "
    "no + behind a group or another repetition",
)


def bounded(user: Judged, pattern: bytes) -> Deny | None:
    """A text that Asterisk compiles as a regular expression."""
    if not user.write & SYSTEM:
        return NEEDS_SYSTEM
    return UNBOUNDED if len(pattern) > MAX_PATTERN or _COSTLY.search(pattern) else None


def mailbox(user: Judged, value: bytes) -> Deny | None:
    """A mailbox, or ``/pattern/`` for all that match."""
    return bounded(user, value) if value.startswith(b"/") else names.mailbox(user, value)


def config_filter(user: Judged, value: bytes) -> Deny | None:
    """``name=value`` pairs, both sides of each a pattern."""
    return bounded(user, value) if value else None


def config_options(user: Judged, value: bytes) -> Deny | None:
    """Options of a change to a configuration; ``catfilter`` holds patterns."""
    return bounded(user, value) if _LISTED_OPTION.search(value) else None
