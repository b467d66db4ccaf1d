"""Regular expressions that Asterisk compiles: what one may hold even where a user may send any.

glibc's regcomp copies what it repeats.  ``a{0,8000}`` takes hundreds of
megabytes; so do 21 bytes of ``a++++``, where each further ``+`` doubles what
stands before it.  Back-references make matching exponential.
"""

import re
from typing import Final

MAX_LENGTH: Final = 256

_DANGEROUS: Final = re.compile(
    rb"""\{             # a count
    |[+*?)}]\+          # a repetition of a group or of a repetition
    |\\[0-9]            # a back-reference
    """,
    re.VERBOSE,
)


def is_bounded(pattern: bytes) -> bool:
    """Whether compiling and matching the pattern takes memory and time in proportion to its length."""
    return len(pattern) <= MAX_LENGTH and _DANGEROUS.search(pattern) is None
