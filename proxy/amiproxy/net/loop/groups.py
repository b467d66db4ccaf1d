"""Reduce the exception group of a task group to the one exception that the caller can handle.

No code may raise inside ``except*``: CPython 3.11.0 to 3.11.3 leave such an exception
wrapped in a group (python/cpython#103590), so that an ``except`` for its type does not
catch it.  Keep the result of ``first_of``, and raise it after the whole statement.
"""

from typing import TypeVar

_Raised = TypeVar("_Raised", bound=BaseException)


def first_of(group: BaseExceptionGroup[_Raised]) -> _Raised:
    """The first exception of a group, or of the groups inside it."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
