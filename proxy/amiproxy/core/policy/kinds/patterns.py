"""Regular expressions that Asterisk would compile: for class system only, and bounded even then.

``regcomp`` copies what is repeated: ``a{0,8000}`` takes hundreds of megabytes, and so do the
21 bytes of ``a+++…``, where each further ``+`` doubles what precedes it.  Matching
back-references takes unbounded time.  All of this happens on Asterisk's machine, while the
link waits.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.privilege import SYSTEM
from amiproxy.core.policy.kinds import names
from amiproxy.core.policy.verdict import Deny, Judged, refuse

MAX_PATTERN: Final = 256
_COSTLY: Final = re.compile(rb"\{|[+*?)}]\+|\\[1-9]")
#: An option of a change to a configuration; a list of them is separated by commas.  If a section inherits
#: from several templates, Asterisk crashes if the first does not exist.
_OPTION: Final = re.compile(
    rb"[ \t]*(?:allowdups|template|ignoreerror|inherit[ \t]*=[ \t]*(?:[^\"'\\,=]*|\"[^\"'\\,=]*\"))?[ \t]*\Z",
    re.IGNORECASE,
)
_CATFILTER: Final = re.compile(rb"[ \t]*catfilter[ \t]*=", re.IGNORECASE)
#: After a backslash Asterisk continues its search for a separator two characters later, even past the end.
_ENDS_ESCAPED: Final = re.compile(rb"\\.\Z", re.DOTALL)

NEEDS_SYSTEM: Final = refuse("regular-expression", "a regular expression needs class system")
UNBOUNDED: Final = refuse(
    "regular-expression",
    f"a regular expression has at most {MAX_PATTERN} characters, no counts {{2}}, no back-references, "
    "no + after a group or another repetition",
)

OPTIONS: Final = refuse(
    "config-options",
    "only allowdups, template, ignoreerror, inherit with one template, and catfilter last, without a "
    "backslash before the last character: Asterisk may crash on others",
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
    """``name=value`` pairs; both sides of each are patterns."""
    if not value:
        return None
    return bounded(user, value) or (OPTIONS if _ENDS_ESCAPED.search(value) else None)


def config_options(user: Judged, value: bytes) -> Deny | None:
    """Options of a change to a configuration.  ``catfilter`` contains patterns, and comes last."""
    options = value.split(b",")
    for number, option in enumerate(options):
        if _CATFILTER.match(option):
            return config_filter(user, b",".join(options[number:]))
        if not _OPTION.match(option):
            return OPTIONS
    return None
