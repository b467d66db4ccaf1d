"""Masking: removes possible secrets from AMI messages, for the log and for people to read.

It masks too much rather than too little: a header by its name, and in a text everything from the name of
a secret to the end of the line.  An application's data are masked unless they are known to be harmless
(``core/audit/appdata.py``).  The operator says which names are those of secrets (``log.hidden_variables``);
there is one list for the process, as there is one log.
"""

# mypyc: compiled

import re
from collections.abc import Iterable
from typing import Any, Final

import re2

from amiproxy.core.audit.appdata import MASK, shown_data, shown_everywhere
from amiproxy.core.model.hiddennames import HIDDEN_NAMES

_OPTIONS: Final = re2.Options()
_OPTIONS.case_sensitive = False
_OPTIONS.encoding = re2.Options.Encoding.LATIN1  # the encoding is unknown: each byte is a character

#: Headers that are always masked.  ``Val`` is what a database action reads and writes.
_HEADERS: Final = re2.compile(
    rb".*(?:secret|passw|passphrase|token|key|challenge|hash|auth|cred).*|val|expectedresponse", _OPTIONS
)
#: Words of Asterisk's own that match these patterns, but do not name a secret.
_HARMLESS: Final = frozenset({b"authtype", b"ping"})
#: Keys in Asterisk's configuration files, which its commands print.
_ALWAYS: Final = ("*SECRET*", "*PASSW*")
#: A password in a dial string, IAX2/user:password@host, or in a URI, sip:user:password@host.  RE2 searches in
#: linear time, however often a text begins like one.
_DIALLED_PASSWORD: Final = re2.compile(
    rb"(^|\W)((?:(?:IAX2|SIP)/[^:@/]*|\w[\w+.-]*:(?://)?[^:@/\s]*):)[^@]*@", _OPTIONS
)

#: Headers with an application's data, and with its name.
_DATA: Final = frozenset({b"data", b"appdata", b"applicationdata", b"lastdata"})
_APPLICATION: Final = frozenset({b"application", b"lastapplication"})
#: The same in a CLI or AGI command, and in the output of a command: ``Dial(PJSIP/100,20)``.
_COMMANDED: Final = re2.compile(rb"(?:^|\s)(?:application|exec)\s+(\S+)\s+(\S)", _OPTIONS)
_PRINTED: Final = re2.compile(rb"(?:^|[^\w])(\w+)\((.*)\)", _OPTIONS)

_LETTER: Final = r"[\w.\-\x80-\xff]"
_NO_LETTER: Final = r"[^\w.\-\x80-\xff]"
#: A character that can begin the separator between a name and its value.
_BETWEEN: Final = re.compile(rb"[\s=:,>%]")
#: What may follow a name within its word, such as a closing quote or bracket; and the separator.
_REST: Final = r"(?:[^\w.\-\x80-\xff\s=:,>%][^\s=:,>%]*)?"
_BEHIND: Final = r"(?:[\s=:,>]|%(?:20|2C|3A|3D))+"


class _Names:
    """Patterns that find the names of secrets, in linear time; group 1 is the name."""

    def __init__(self, patterns: Iterable[str]) -> None:
        name = f"(?:^|{_NO_LETTER})(_*(?:{'|'.join(map(_expression, (*_ALWAYS, *patterns)))}))"
        #: A name that is a whole word.
        self.word: Any = re2.compile(f"{name}(?:{_NO_LETTER}|$)".encode("latin-1"), _OPTIONS)
        #: A name that is followed by a value, up to where the value begins.
        self.with_value: Any = re2.compile(f"{name}{_REST}{_BEHIND}".encode("latin-1"), _OPTIONS)


def _expression(pattern: str) -> str:
    """The regular expression for a HiddenName; non-ASCII text is UTF-8 bytes, as in Asterisk."""
    text = pattern.encode().decode("latin-1")
    wild = {"*": f"{_LETTER}*", "?": _LETTER}
    return "".join(wild.get(character) or re2.escape(character) for character in text)


_names = _Names(HIDDEN_NAMES)


def configure(patterns: Iterable[str]) -> None:
    """Mask the values of variables with these names (see ``HiddenName``) from now on."""
    global _names  # noqa: PLW0603 - one for the process, like the log
    _names = _Names(patterns)


def masked_text(text: bytes) -> bytes:
    """The text of a CLI or AGI command, with everything masked after the first name of a secret.

    The data of an application that it runs are masked as well, unless they are harmless.

    Only the command knows which of its words, separated by blanks, is a name and which a value, so all
    that follow are masked: ``database put auth 100 hunter2`` is shown as ``database put auth ***``.
    """
    text = _without_passwords(text)
    # Quotes and backslashes may occur inside a word without changing its meaning.
    kept = [place for place, code in enumerate(text) if code not in b'"\\']
    plain = bytes(text[place] for place in kept)
    found = _first(_names.word, plain)
    if found is not None and found.end(1) < len(kept):
        text = text[: kept[found.end(1) - 1] + 1] + b" " + MASK
        plain = plain[: found.end(1)]
    run = _COMMANDED.search(plain)
    if run is None:
        return text
    begin = kept[run.start(2)]
    return text[:begin] + shown_data(run[1], text[begin:])


def _without_passwords(text: bytes) -> bytes:
    """The text with the passwords in its dial strings and URIs masked."""
    if b"@" not in text:
        return text
    shown: bytes = _DIALLED_PASSWORD.sub(rb"\1\2" + MASK + b"@", text)
    return shown


def masked_value(value: bytes) -> bytes:
    """Any other value, with everything masked after ``NAME=``, ``name: `` or ``name `` of a secret."""
    value = _without_passwords(value)
    if not _BETWEEN.search(value):
        return value
    found = _first(_names.with_value, value)
    return value if found is None or found.end() == len(value) else value[: found.end()] + MASK


def masked(raw: bytes) -> bytes:
    """A message, or whole lines of one, with the values masked that may be secret.

    Line ends stay as they are.
    """
    lines = raw.split(b"\n")
    applications = [value for line in lines for key, value in [_parts(line)] if key in _APPLICATION]
    hides_value = any(_names_hidden_variable(line) for line in lines)
    # The Message of a response is Asterisk's own text; in an action or event a client or caller wrote it.
    spared = b"message" if raw[:9].lower() == b"response:" else b""
    return b"\n".join(_masked_line(line, hides_value, spared, applications) for line in lines)


def _parts(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value


def _masked_line(line: bytes, hides_value: bool, spared: bytes, applications: list[bytes]) -> bytes:
    text = line.removesuffix(b"\r")
    end = line[len(text) :]
    name, colon, value = text.partition(b":")
    if not colon:
        return masked_value(text) + end
    key = name.strip().lower()
    if _is_hidden(key) or (hides_value and key.startswith(b"value")):
        return name + b": " + MASK + end
    if key == spared:
        return line
    if key in _DATA and (applications or key != b"data"):
        # With several applications, or none, it is not known to which one the data belong.
        blank = value[: len(value) - len(value.lstrip())]
        value = blank + shown_everywhere(applications or [b""], value[len(blank) :])
    elif key == b"output":
        value = _PRINTED.sub(_printed, value)
    return name + colon + (masked_text if key == b"command" else masked_value)(value) + end


def _printed(found: Any) -> bytes:
    text: bytes = found[0]
    data = found.start(2) - found.start()
    return text[:data] + shown_data(found[1], found[2]) + b")"


def _is_hidden(key: bytes) -> bool:
    if key in _HARMLESS:
        return False
    return _HEADERS.fullmatch(key) is not None or _names_secret(key)


def _names_hidden_variable(line: bytes) -> bool:
    """Whether a ``Value`` header beside this line is that of a secret: in Setvar, VarSet, UpdateConfig."""
    name, _, value = line.partition(b":")
    return name.strip().lower().startswith(b"var") and _names_secret(value.strip())


def _names_secret(name: bytes) -> bool:
    """Whether this is the name of a secret: ``PIN``, or ``GLOBAL(PIN)``."""
    return _first(_names.with_value, name + b"=") is not None


def _first(pattern: Any, text: bytes) -> Any:
    """The first match whose name is not in ``_HARMLESS``; None if all are."""
    found = pattern.search(text)
    while found is not None and found[1].lower() in _HARMLESS:
        found = pattern.search(text, found.end(1))
    return found
