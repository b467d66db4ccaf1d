"""Parameters of a query or a form (application/x-www-form-urlencoded), as AJAM takes an action from them.

AJAM is Asterisk's AMI over HTTP: ``/rawman?action=Ping``.  They are decoded as Asterisk 16 and 22 do it
(measured): parts end at ``&`` only, the first ``=`` ends the name, ``+`` is a blank, an escape that is not
two hexadecimal digits stays as it is, and neither order nor repetition changes anything.

Asterisk also lets CR, LF and NUL through.  With them a value can write lines of its own, so here they are
refused, as are names that could be read differently by somebody else.
"""

import re
from typing import Final

from amiproxy.ami.errors import LineTooLong, ProtocolError, TooManyHeaders
from amiproxy.ami.message import MAX_HEADERS, MAX_LINE

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
# Tab is the only control byte that a header may hold.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f]")
# A name begins and ends with a character that is neither a blank nor a colon.
_NAME: Final = re.compile(rb"[^\t :](?:[^:]*[^\t :])?")

Parameters = list[tuple[bytes, bytes]]


class UnfitParameter(ProtocolError):
    """A parameter that cannot be a header of an action; nothing of the request may be sent on."""


def decode(form: bytes) -> Parameters:
    """The parameters in their order, each as name and value, decoded; nothing is refused here.

    Parts without any text, as after a ``&`` at the end, are left out: Asterisk makes a header without name
    and value of them, which nothing reads.
    """
    found: Parameters = []
    for part in form.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            found.append((_decoded(name), _decoded(value)))
    return found


def action_name(parameters: Parameters) -> bytes:
    """The name of the action: the first value of ``action`` that is not empty; b"" if there is none."""
    for name, value in parameters:
        if name.lower() == b"action":
            text = value.lstrip(b" \t")  # AMI skips them
            if text:
                return text
    return b""


def last(parameters: Parameters, wanted: bytes) -> bytes:
    """The last value of a parameter, by its name in lower case; b"" if it is missing.

    So Asterisk reads those that are for itself, such as ``ajaxdest``.
    """
    return next((value for name, value in reversed(parameters) if name.lower() == wanted), b"")


def as_action(parameters: Parameters) -> bytes:
    """The action that they are, as AMI, its blank line included.

    Raises UnfitParameter if one of them cannot be a header.  Raises LineTooLong or TooManyHeaders where AMI
    itself would: Asterisk has no such limits here, but its AMI, to which the action is sent, has.
    """
    lines: list[bytes] = []
    longest = 0
    for name, value in parameters:
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise UnfitParameter("Failed to parse message: control character")
        if not _NAME.fullmatch(name):
            raise UnfitParameter("Failed to parse message: invalid header name")
        line = name + b": " + value
        longest = max(longest, len(line))
        lines.append(line)
    if len(lines) > MAX_HEADERS:
        raise TooManyHeaders(_action_id(parameters))
    if longest > MAX_LINE:
        raise LineTooLong(_action_id(parameters))
    return b"\r\n".join([*lines, b"", b""])


def _action_id(parameters: Parameters) -> bytes:
    """The ActionID that the error is answered with; b"" if there is none, or one that is itself too long."""
    found = next((value for name, value in parameters if name.lower() == b"actionid"), b"")
    return found if len(found) <= MAX_LINE else b""


def _decoded(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text) if b"%" in text else text
