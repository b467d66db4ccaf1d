"""Elements of a pattern: characters, classes, anchors and groups, each in RE2's syntax."""

from dataclasses import dataclass
from typing import Final

# Kinds of characters, as bits: word characters, others, both.  They say on which side of a word's edge the
# outermost characters of an element may lie.
WORD, OTHER, ANY = 1, 2, 3
_WORD_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_ASCII = frozenset(map(chr, range(128)))

# Members of the character classes in the C.UTF-8 locale, as contents of RE2 classes.
_NO_BREAK = r"\x{a0}\x{2007}\x{202f}"
_BLANKS = r"\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{205f}\x{3000}"
_PUNCTUATION = r"\p{P}\p{S}\p{No}\p{Cf}\p{Co}\p{Me}"
CLASSES: Final = {
    "alnum": r"\p{L}\p{Nl}\p{Nd}",
    "alpha": r"\p{L}\p{Nl}",
    "blank": r" \t" + _BLANKS,
    "cntrl": r"\p{Cc}\x{2028}\x{2029}",
    "digit": "0-9",
    "graph": r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}" + _NO_BREAK,
    "lower": r"\p{Ll}\x{aa}\x{ba}\x{1c5}\x{1c8}\x{1cb}\x{1f2}",
    "print": r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs}",
    "punct": _PUNCTUATION + _NO_BREAK,
    "space": r" \t\n\v\f\r\x{2028}\x{2029}" + _BLANKS,
    "upper": r"\p{Lu}\p{Lt}",
    "xdigit": "0-9A-Fa-f",
}
_WORD_CLASS = r"\p{L}\p{Nl}\p{Nd}_"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a branch.

    ``text`` is its complete RE2 syntax; a group has ``branches`` and the ``operators``
    that follow it instead, since the meaning of its anchors depends on its surroundings.
    ``first`` and ``last``: the kinds that its outermost characters may be of, ANY if
    it may be empty.  ``character`` is set if it matches one character only, and
    ``anchor`` if it is an anchor: ``^`` ``$`` ``b`` ``<`` ``>``.
    """

    text: str = ""
    first: int = ANY
    last: int = ANY
    size: int = 0
    character: str | None = None
    anchor: str = ""
    is_nullable: bool = True
    takes_newline: bool = False
    branches: "tuple[tuple[Element, ...], ...]" = ()
    operators: tuple[str, ...] = ()
    is_repeated: bool = False


def literal(character: str) -> Element:
    """One character that stands for itself."""
    kind = WORD if character in _WORD_CHARACTERS else OTHER
    is_plain = character.isalnum() or character == "_"
    text = character if is_plain else f"\\x{{{ord(character):x}}}"
    return Element(text, kind, kind, 1, character, is_nullable=False, takes_newline=character == "\n")


def character_class(
    contents: str, ascii_members: frozenset[str], is_negated: bool, is_ascii: bool
) -> Element:
    """A character class; ``contents`` is what RE2 has between the brackets.

    ``ascii_members`` needs only one member of each kind: a word character, another
    character, the line end.  ``is_ascii``: ``contents`` has no characters outside ASCII.
    """
    kinds = 0 if is_ascii and not is_negated else OTHER
    members = _ASCII - ascii_members if is_negated else ascii_members
    if members & _WORD_CHARACTERS:
        kinds |= WORD
    if members - _WORD_CHARACTERS:
        kinds |= OTHER
    text = f"[{'^' * is_negated}{contents}]"
    return Element(text, kinds, kinds, 1, is_nullable=False, takes_newline="\n" in members)


_SPACES = frozenset(" \t\n\v\f\r")
# ASCII members of the classes, at least one of each kind: word characters, others, the line end.
ASCII_OF: Final = {
    "alnum": _WORD_CHARACTERS - {"_"},
    "alpha": frozenset("a"),
    "digit": frozenset("0"),
    "graph": frozenset("a!"),
    "lower": frozenset("a"),
    "print": frozenset("a!"),
    "punct": frozenset("!_"),
    "upper": frozenset("A"),
    "xdigit": frozenset("0"),
    "blank": frozenset(" "),
    "cntrl": frozenset("\t\n"),
    "space": _SPACES,
}
ANCHORS: Final = {
    "b": Element(r"\b", anchor="b"),
    "B": Element(r"\B", anchor="b"),
    "<": Element(anchor="<"),
    ">": Element(anchor=">"),
    "^": Element(last=OTHER, anchor="^"),
    "$": Element(first=OTHER, anchor="$"),
    "`": Element(r"\A", last=OTHER, anchor="b"),
    "'": Element(r"\z", first=OTHER, anchor="b"),
}
ESCAPED_CLASSES: Final = {
    "w": character_class(_WORD_CLASS, _WORD_CHARACTERS, is_negated=False, is_ascii=False),
    "W": character_class(_WORD_CLASS, _WORD_CHARACTERS, is_negated=True, is_ascii=False),
    "s": character_class(CLASSES["space"], _SPACES, is_negated=False, is_ascii=False),
    "S": character_class(CLASSES["space"], _SPACES, is_negated=True, is_ascii=False),
}
DOT = Element(".", size=1, is_nullable=False, takes_newline=True)
