"""Masking: AMI messages with whatever may be a secret taken out, for people to look at.

Meant to hide too much rather than too little: a header is hidden for its name,
a value for the name that stands before it in ``NAME=VALUE`` or ``name: value``.
"""

import re
from typing import Final

MASK: Final = b"***"

_WORDS: Final = rb"secret|passw|passphrase|pin(?!g)|token|key|challenge|hash|auth|cred"
#: ``Val`` is what a database action reads and writes; ``AuthType`` is only a word.
_HIDDEN: Final = re.compile(rb"(?i)(?!authtype\Z)(?:[^:]*(?:" + _WORDS + rb")[^:]*|val|expectedresponse)\Z")
_SECRET_WORD: Final = re.compile(rb"(?i)(?:" + _WORDS + rb")\w*")
_ASSIGNED: Final = re.compile(
    rb"(?i)([\w.()-]*(?:" + _WORDS + rb")[\w.()-]*\s*(?:=>?|:)\s*)(?:\"[^\"]*\"|[^,;&|\r]+)"
)


def masked(raw: bytes) -> bytes:
    """The message, whole lines of it, with the values hidden that may be secret."""
    lines = raw.split(b"\n")
    hides_value = any(_names_hidden_variable(line) for line in lines)
    return b"\n".join(_masked_line(line, hides_value) for line in lines)


def masked_text(text: bytes) -> bytes:
    """A command's or an AGI command's text, with all hidden that follows the first secret-like word.

    Words are parted by blanks there, so what is a name and what its value is for the command to know:
    ``database put auth 100 hunter2`` is shown as ``database put auth ***``.
    """
    # Quotes and backslashes may stand inside a word, and mean nothing to what it says.
    kept = [place for place, code in enumerate(text) if code not in b'"\\']
    found = _SECRET_WORD.search(bytes(text[place] for place in kept))
    if found is None or found.end() == len(kept):
        return text
    return text[: kept[found.end() - 1] + 1] + b" " + MASK


def _masked_line(line: bytes, hides_value: bool) -> bytes:
    name, colon, value = line.partition(b":")
    if not colon:
        return _ASSIGNED.sub(rb"\1" + MASK, line)
    hidden = _HIDDEN.match(name.strip()) or (hides_value and name.strip().lower().startswith(b"value"))
    if hidden:
        end = b"\r" if value.endswith(b"\r") else b""
        return name + b": " + MASK + end
    return name + colon + _ASSIGNED.sub(rb"\1" + MASK, value)


def _names_hidden_variable(line: bytes) -> bool:
    """Whether a ``Value`` beside this line is that of a secret: Setvar, VarSet, UpdateConfig."""
    name, _, value = line.partition(b":")
    if not name.strip().lower().startswith(b"var"):
        return False
    return _HIDDEN.match(value.strip().partition(b"=")[0]) is not None
