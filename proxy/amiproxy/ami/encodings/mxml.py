"""AJAM's XML, as of ``/mxml``: one element for each message, one attribute for each header.

The form is that of Asterisk 16 and 22 (measured), with two changes, because Asterisk's is not always XML:
text from outside is escaped and made valid, and no attribute of an element has the name of another.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from amiproxy.ami.encodings.tables import escaped, rows

_BEGIN: Final = b"<ajax-response>\n"
_END: Final = b"</ajax-response>\n"
# ASCII only: clients compare it with names that they know.
_TYPE: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
#: Bytes of ``ajaxdest`` that are taken: it is repeated for each message of an answer.
LONGEST_TARGET: Final = 100
_NOT_IN_A_NAME: Final = re.compile(rb"[^a-z0-9]")


class XmlForm:
    """Writes messages for one request, by its parameters ``ajaxdest`` and ``ajaxobjtype``.

    A type that is not a name, or is longer than 100 characters, counts as ``generic``; a target that is too
    long as ``unknown``, as an empty one does.
    """

    __slots__ = ("_head",)

    def __init__(self, target: bytes = b"", kind: bytes = b"") -> None:
        shown = escaped(target) if 0 < len(target) <= LONGEST_TARGET else b"unknown"
        element = kind if _TYPE.fullmatch(kind) else b"generic"
        self._head = b"<response type='object' id='" + shown + b"'><" + element

    def message(self, message: bytes) -> bytes:
        """One message as an element; b"" if it has no lines."""
        headers = rows(message)
        if not headers:
            return b""
        taken: dict[bytes, int] = {}
        parts = [self._head]
        for name, value in headers:
            attribute = _attribute(name)
            count = taken[attribute] = taken.get(attribute, 0) + 1
            number = b"-%d" % count if count > 1 else b""
            parts.append(b" " + attribute + number + b"='" + escaped(value) + b"'")
        parts.append(b" /></response>\n")
        return b"".join(parts)

    def document(self, elements: Iterable[bytes]) -> bytes:
        """The whole document, of what ``message`` returned."""
        return b"".join((_BEGIN, *elements, _END))


@lru_cache(maxsize=1024)
def _attribute(name: bytes) -> bytes:
    """A header's name as that of an attribute, as Asterisk makes it: é, which is two bytes, is ``__``."""
    plain = _NOT_IN_A_NAME.sub(b"_", name.lower())
    return plain if plain and not plain[:1].isdigit() else b"_" + plain
