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
#: What a change to a configuration may say, parted by commas.  Of several templates Asterisk crashes on the
#: first that is not there.
_OPTION: Final = re.compile(
    rb"[ \t]*(?:allowdups|template|ignoreerror|inherit[ \t]*=[ \t]*(?:[^\"'\\,=]*|\"[^\"'\\,=]*\"))?[ \t]*\Z",
    re.IGNORECASE,
)
_CATFILTER: Final = re.compile(rb"[ \t]*catfilter[ \t]*=", re.IGNORECASE)
#: Asterisk looks for what parts the text from two characters behind a backslash on, be that behind its end.
_ENDS_ESCAPED: Final = re.compile(rb"\\.\Z", re.DOTALL)

NEEDS_SYSTEM: Final = refuse("regular-expression", "a regular expression needs class system")
UNBOUNDED: Final = refuse(
    "regular-expression",
    f"a regular expression has at most {MAX_PATTERN} characters, no counts {{2}}, no back-references, "
    "no + behind a group or another repetition",
)

OPTIONS: Final = refuse(
    "config-options",
    "allowdups, template, ignoreerror, inherit of one template, and catfilter behind them, with no backslash "
    "in front of the last character: Asterisk crashes on others",
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
    if not value:
        return None
    return bounded(user, value) or (OPTIONS if _ENDS_ESCAPED.search(value) else None)


def config_options(user: Judged, value: bytes) -> Deny | None:
    """Options of a change to a configuration.  ``catfilter`` holds patterns, and stands last."""
    options = value.split(b",")
    for number, option in enumerate(options):
        if _CATFILTER.match(option):
            return config_filter(user, b",".join(options[number:]))
        if not _OPTION.match(option):
            return OPTIONS
    return None
