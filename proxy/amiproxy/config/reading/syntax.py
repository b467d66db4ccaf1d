"""What is wrong with a text that is not YAML: the place, plain words, and a remedy.

The parser's own message is written for people who know YAML's grammar, and often names the place where the
parser gave up, not the one to correct.  No text of the file is repeated, because it may be a secret.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
#: Characters that YAML does not allow, even in quotes.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = "\ufeff"
_INDENT = "indent the keys of a mapping, and the dashes of a list, by the same number of spaces"
_QUOTE = "put the value in quotes"


class Fault(NamedTuple):
    """``line`` and ``column`` count from 1, and are 0 if the place is not known."""

    line: int
    column: int
    text: str
    remedy: str


class Refused(yaml.MarkedYAMLError):
    """A text that is YAML, but not the plain YAML that is accepted."""

    def __init__(self, text: str, remedy: str, mark: Any) -> None:
        super().__init__(problem=text, problem_mark=mark, note=remedy)


def explain(error: yaml.YAMLError, text: bytes) -> Fault:
    """What is wrong with this text, for which the parser raised the error."""
    if isinstance(error, Refused):
        return _at(error.problem_mark, str(error.problem), str(error.note))
    if isinstance(error, yaml.MarkedYAMLError):
        return _Syntax(error, _lines(text)).fault()
    return _unreadable(text)


def _at(mark: Any, text: str, remedy: str) -> Fault:
    return Fault(mark.line + 1, mark.column + 1, text, remedy) if mark else Fault(0, 0, text, remedy)


def _lines(text: bytes) -> Sequence[str]:
    return _LINE_BREAK.split(text.decode("utf-16" if text.startswith(_UTF_16) else "utf-8", "replace"))


def _unreadable(text: bytes) -> Fault:
    """The first byte or character that may not be in a file."""
    if text.startswith(_UTF_16):
        decoded = text.decode("utf-16", "replace")
    else:
        try:
            decoded = text.decode()
        except UnicodeDecodeError as error:
            before = _LINE_BREAK.split(text[: error.start].decode("utf-8", "replace"))
            wrong = "the file is not UTF-8: this byte belongs to another encoding"
            remedy = "save it as UTF-8, for example with iconv -f latin1 -t utf-8"
            return Fault(len(before), len(before[-1]) + 1, wrong, remedy)
    found = _CONTROL.search(decoded)
    if found is None:
        return Fault(0, 0, "not valid YAML", "save it as UTF-8")
    before = _LINE_BREAK.split(decoded[: found.start()])
    place = len(before), len(before[-1]) + 1
    if found[0] == "\0":
        return Fault(
            *place, "a NUL byte", "remove it; if there are many, the file is UTF-16: save it as UTF-8"
        )
    return Fault(*place, f"a control character (0x{ord(found[0]):02x})", "remove it")


class _Syntax:
    """One error of the parser, and the lines of the text."""

    def __init__(self, error: yaml.MarkedYAMLError, lines: Sequence[str]) -> None:
        self._lines = lines
        self._problem = str(error.problem or error.context)
        self._context = str(error.context or "")
        #: Where the parser gave up, and where what it was reading begins; lines and columns count from 0.
        self._mark: Any = error.problem_mark or error.context_mark
        self._begin: Any = error.context_mark or self._mark

    def fault(self) -> Fault:
        if self._mark is None:
            return Fault(0, 0, f"not valid YAML: {self._problem}", "")
        if _BOM in self._up_to_mark:
            text = "a byte order mark (U+FEFF) before this place, which editors do not show"
            return _at(self._mark, text, "delete the line and write it again")
        for part, look in _LOOKS:
            if part in self._problem:
                return look(self)
        what = ", ".join(filter(None, (self._context, self._problem)))
        return _at(self._mark, f"not valid YAML: {what}", "")

    def _line(self, number: int) -> str:
        return self._lines[number] if 0 <= number < len(self._lines) else ""

    @property
    def _up_to_mark(self) -> str:
        return self._line(self._mark.line)[: self._mark.column]

    @property
    def _rest_of_line(self) -> str:
        return self._line(self._mark.line)[self._mark.column :]

    def _line_before(self) -> str:
        """The last line before the mark that is neither blank nor a comment."""
        before = (self._line(number) for number in range(self._mark.line - 1, -1, -1))
        return next((line for line in before if line.strip() and not line.lstrip().startswith("#")), "")

    # -- one for each kind of error ----------------------------------------

    def _tab(self) -> Fault:
        return _at(self._mark, "a tab where the line is indented", "use spaces: YAML allows no tabs there")

    def _no_token(self) -> Fault:
        if self._rest_of_line.startswith("\t"):
            return self._tab()
        return _at(self._mark, "a value cannot begin with @, ` or %", _QUOTE)

    def _end_of_file(self) -> Fault:
        remedy = "close it; inside double quotes a quote is written \\\", inside single quotes ''"
        return _at(self._begin, "the quote that begins here is never closed", remedy)

    def _not_closed(self) -> Fault:
        opening, closing = "{}" if "mapping" in self._context else "[]"
        text = f"the {opening} that begins here is not closed, or a comma is missing in it"
        remedy = (
            f"write {closing} at its end, and commas between its parts; put texts with {opening} in quotes"
        )
        return _at(self._begin, text, remedy)

    def _no_value(self) -> Fault:
        remedy = "remove a comma or bracket that is too many, or put the value in quotes"
        return _at(self._mark, "a value is expected here", remedy)

    def _no_key(self) -> Fault:
        if self._up_to_mark.strip():
            return _at(self._mark, "more text after the end of the value", "put the whole value in quotes")
        return self._indentation()

    def _indentation(self) -> Fault:
        return _at(self._mark, "this line is not indented like those that it belongs to", _INDENT)

    def _colon(self) -> Fault:
        line, before = self._line(self._mark.line), self._line_before()
        if ": " in self._up_to_mark:
            return _at(self._mark, "a second colon with a blank after it in one line", _QUOTE)
        if _indentation(line) > _indentation(before) and ":" in before:
            text = "this line is indented deeper than the line before it, which has a value already"
            return self._at_first_of_line(text, _INDENT)
        if re.search(r":\S", before):
            text = "the line before this one has no blank after its colon"
            return self._at_first_of_line(text, "write key: value")
        return _at(self._mark, "a key is not expected here", "look at the line before: it may lack its colon")

    def _at_first_of_line(self, text: str, remedy: str) -> Fault:
        return Fault(self._mark.line + 1, _indentation(self._line(self._mark.line)) + 1, text, remedy)

    def _no_colon(self) -> Fault:
        return _at(
            self._begin, "a line without a colon", "write key: value, or - value for an item of a list"
        )

    def _dash(self) -> Fault:
        text = "a list cannot begin with a dash behind its key"
        return _at(self._mark, text, "write it on lines of its own, as - value, or as [value, value]")

    def _escape(self) -> Fault:
        text = "a backslash in double quotes, and YAML does not know what follows it"
        return _at(self._mark, text, "write \\\\ for a backslash, or use single quotes")

    def _block(self) -> Fault:
        return _at(
            self._mark, "only a comment may follow | and >", "write the text on the next lines, indented"
        )

    def _directive(self) -> Fault:
        return _at(self._begin, "a line cannot begin with %", "put it in quotes, or begin a comment with #")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


#: By a part of the parser's message (libyaml's scanner.c and parser.c); the first that fits counts.
_LOOKS = (
    ("tab character", _Syntax._tab),
    ("cannot start any token", _Syntax._no_token),
    ("unexpected end of stream", _Syntax._end_of_file),
    ("unexpected document indicator", _Syntax._end_of_file),
    ("expected ',' or", _Syntax._not_closed),
    ("expected node content", _Syntax._no_value),
    ("expected key", _Syntax._no_key),
    ("expected '-' indicator", _Syntax._no_key),
    ("<document start>", _Syntax._no_key),
    ("mapping values are not allowed", _Syntax._colon),
    ("could not find expected ':'", _Syntax._no_colon),
    ("block sequence entries are not allowed", _Syntax._dash),
    ("unknown escape character", _Syntax._escape),
    ("expected comment or line break", _Syntax._block),
    ("directive", _Syntax._directive),
)
