"""Eventfilters: which events a manager user wants, in Asterisk's own language.

A filter comes in one of three spellings and becomes an EventFilter; a session's
filters together are a FilterSet.  Both are immutable, hashable and equal when
they mean the same, since sessions with equal filters share one subscription.

Results are those of an Asterisk that runs in a UTF-8 locale.  Known differences:

- refused here, as not compiling: backreferences; ``\\<`` and ``\\>`` between
  characters that leave open which side is the word; ``^`` behind and ``$`` before
  what may match nothing, where that would make a difference; counts over 1000;
  groups deeper than 100; patterns that are no UTF-8 or over the caller's limit;
- ``\\b``, ``\\B``, ``\\<`` and ``\\>`` take ASCII letters, digits and ``_`` for words;
- ``[:alpha:]``, ``\\w`` and their like go by Unicode's general categories, from
  which glibc departs for some combining marks, circled letters and digits that
  are not ASCII.
"""

from proxy.ami.eventfilter.filters import (
    CLIENT_LIMIT,
    EventFilter,
    FilterSet,
    compile_advanced,
    compile_legacy,
    from_mapping,
)

__all__ = ["CLIENT_LIMIT", "EventFilter", "FilterSet", "compile_advanced", "compile_legacy", "from_mapping"]
