"""Event filters: which events a manager user wants, in Asterisk's own language.

A filter is written in one of three forms and becomes an EventFilter; the filters
of a session together are a FilterSet.  Both are immutable, hashable and equal when
they mean the same, since sessions with equal filters share one subscription.

Results are those of an Asterisk that runs in a UTF-8 locale.  Known differences:

- refused here, as not compiling: backreferences; ``\\<`` and ``\\>`` between
  characters that leave open which side is the word; ``^`` after and ``$`` before
  an element that may match nothing, if that would make a difference; counts over
  1000; groups nested deeper than 100; patterns that are not UTF-8 or are over the
  caller's limit;
- ``\\b``, ``\\B``, ``\\<`` and ``\\>`` treat ASCII letters, digits and ``_`` as word characters;
- ``[:alpha:]``, ``\\w`` and similar classes follow Unicode's general categories, from
  which glibc departs for some combining marks, circled letters and digits that
  are not ASCII.
"""

from amiproxy.ami.eventfilter.filters import (
    CLIENT_LIMIT,
    EventFilter,
    FilterSet,
    compile_advanced,
    compile_legacy,
    from_mapping,
)

__all__ = ["CLIENT_LIMIT", "EventFilter", "FilterSet", "compile_advanced", "compile_legacy", "from_mapping"]
