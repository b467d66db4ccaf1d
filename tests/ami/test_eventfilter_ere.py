"""The translated patterns compared with the original: glibc's own regcomp and regexec."""

import ctypes
import re
import time
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amiproxy.ami.errors import FilterNotCompiled
from amiproxy.ami.eventfilter import EventFilter, compile_legacy
from amiproxy.ami.eventfilter.element import CLASSES
from tests.support.examples import examples

REG_EXTENDED, REG_NOSUB = 1, 8
LC_ALL_MASK = 0x1FBF
REGEX_T_SIZE = 256  # 64 on x86-64; more is harmless

#: Unicode categories in which the versions of glibc differ about what is a letter: combining
#: marks, circled letters and the like.
UNSETTLED = {"Mn", "Mc", "Me", "So", "Lm", "Nl", "Nd", "Cn"}
#: Reasons for which we refuse patterns that glibc accepts.
OUR_REFUSALS = re.compile("backreferences|is not supported be|is over 1000|too large")


class Glibc:
    """regcomp and regexec in one locale, whatever Python's locale is."""

    def __init__(self, locale: bytes) -> None:
        self._libc = libc = ctypes.CDLL(None)
        libc.newlocale.restype = libc.uselocale.restype = ctypes.c_void_p
        libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
        libc.uselocale.argtypes = libc.freelocale.argtypes = [ctypes.c_void_p]
        self._locale = libc.newlocale(LC_ALL_MASK, locale, None)
        assert self._locale, "this C library has no C.UTF-8"
        self._before = libc.uselocale(self._locale)

    def close(self) -> None:
        self._libc.uselocale(self._before)
        self._libc.freelocale(self._locale)

    def matches(self, pattern: bytes, texts: list[bytes]) -> list[bool] | None:
        """The texts that match; None if the pattern does not compile."""
        compiled = ctypes.create_string_buffer(REGEX_T_SIZE)
        if self._libc.regcomp(compiled, pattern, REG_EXTENDED | REG_NOSUB):
            return None
        try:
            return [self._libc.regexec(compiled, text, 0, None, 0) == 0 for text in texts]
        finally:
            self._libc.regfree(compiled)


@pytest.fixture(scope="module")
def glibc() -> Iterator[Glibc]:
    if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        pytest.skip("this C library is not glibc")
    library = Glibc(b"C.UTF-8")
    yield library
    library.close()


def ours(pattern: bytes) -> Callable[[bytes], object] | str:
    """Our test, or the reason why the pattern was refused."""
    try:
        return compile_legacy(b"!" + pattern, limit=None).matches
    except FilterNotCompiled as error:
        return error.reason


def is_settled(raw: bytes) -> bool:
    """Whether those of the bytes that are characters are of the same class in every version of glibc."""
    text = raw.decode("utf-8", "surrogateescape")
    return text.isascii() or not {unicodedata.category(c) for c in text if not c.isascii()} & UNSETTLED


def agree(glibc: Glibc, pattern: bytes, texts: list[bytes]) -> None:
    expected = glibc.matches(pattern, texts)
    test = ours(pattern)
    if isinstance(test, str):
        assert expected is None or OUR_REFUSALS.search(test), (pattern, test)
    else:
        assert [bool(test(text)) for text in texts] == expected, pattern


CHARACTERS = ["a", "b", "ab", "A", "7", "_", "-", " ", "\t", ".", "\r\n", "\n"]
BEYOND = ["é", "É", "ñ", "€"]
BRACKETS = [
    "[ab]",
    "[^a]",
    "[^\n]",
    "[[:alpha:]]",
    "[^[:space:]]",
    "[[:cntrl:]x]",
    "[[:punct:]]",
    "[[:upper:]é]",
]
BRACKETS += [
    "[a-c]",
    "[.a.]",
    "[[.a.]]",
    "[[.-.]-a]",
    "[[=b=]x]",
    "[]a]",
    "[^]a]",
    "[a-]",
    "[-a]",
    "[\\]",
    "[^é]",
    "[$]",
]
ATOMS = [*CHARACTERS, *BRACKETS, ".", "é", "\\.", "\\d", "\\é", "\\w", "\\W", "\\s", "\\S", ")", "}", "\\*"]
TEXT_EDGES = ["^", "$", "\\`", "\\'"]
WORD_EDGES = ["\\b", "\\B", "\\<", "\\>"]
OPERATORS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "{,}", "{0}", "|"]
BROKEN = [
    "(",
    "[",
    "{",
    "\\",
    "[a",
    "[[:",
    "[[:alfa:]]",
    "[b-a]",
    "[a-c-e]",
    "[[.ab.]]",
    "{2",
    "{2,1}",
    "{x}",
    "\\1",
]
BROKEN += ["[[:alpha:]-z]", "[a-[:digit:]]", "[a-[=b=]]", "[[=a=]-b]", "[a-", "{40000}", "[a-é]", "[[.", "[^"]


def patterns(*extra: list[str]) -> st.SearchStrategy[bytes]:
    atom = st.sampled_from(ATOMS + [edge for edges in extra for edge in edges])
    piece = st.tuples(atom, st.sampled_from(["", "", *OPERATORS])).map("".join)
    sequence = st.recursive(
        st.lists(piece, min_size=1, max_size=4).map("".join),
        lambda inner: st.tuples(st.just("("), inner, st.just(")"), st.sampled_from(["", *OPERATORS])).map(
            "".join
        ),
        max_leaves=3,
    )
    return st.lists(sequence, min_size=1, max_size=3).map(lambda parts: "".join(parts).encode())


def texts(*characters: list[str]) -> st.SearchStrategy[list[bytes]]:
    text = st.lists(st.sampled_from([one for some in characters for one in some]), max_size=8)
    return st.lists(text.map(lambda parts: "".join(parts).encode()), min_size=4, max_size=12)


@given(patterns(TEXT_EDGES, WORD_EDGES), texts(CHARACTERS))
@examples(2)
@example(b".{2}?^a", [b"\na", b"a", b"b\na"])
@example(b"[ab]*^a", [b"\na", b"a", b"b\na"])
@example(b"(^a|^b)c", [b"ac", b"\nac"])
@example(b"a.*^b$.*c", [b"a\nb\nc", b"a\nb", b"ab\nc"])
@example(b"\\w\\<a|a\\>\\W", [b"a", b"a ", b"-a"])
@example(b"a\\<-|b\\>c", [b"a-", b"bc"])
@example(b"a(x^|^y)+", [b"a\ny", b"ay", b"ax"])
@example(b"$.|.^", [b"\n", b"a\n", b"a"])
def test_matches_ascii_text_as_glibc_does(glibc: Glibc, pattern: bytes, texts: list[bytes]) -> None:
    agree(glibc, pattern, texts)


@given(patterns(TEXT_EDGES), texts(CHARACTERS, BEYOND))
@examples(1.5)
@example(b"a[^b]c", ["aéc".encode(), b"a\xe9c"])
@example(b"a(a)*(([^a]^a*){2})", [b"a\nb"])
def test_matches_text_beyond_ascii_as_glibc_does(glibc: Glibc, pattern: bytes, texts: list[bytes]) -> None:
    # Except word edges, which are ASCII's in our translation.
    agree(glibc, pattern, texts)


@given(
    patterns(TEXT_EDGES),
    st.lists(st.binary(max_size=8).map(lambda raw: raw.replace(b"\0", b"")).filter(is_settled), max_size=8),
)
@examples(1)
def test_matches_bytes_that_are_not_text_as_glibc_does(
    glibc: Glibc, pattern: bytes, texts: list[bytes]
) -> None:
    agree(glibc, pattern, texts)


@given(
    st.lists(st.sampled_from(BROKEN + ATOMS + OPERATORS + TEXT_EDGES), min_size=1, max_size=5).map("".join)
)
@examples(2)
def test_refuses_patterns_that_glibc_refuses(glibc: Glibc, pattern: str) -> None:
    agree(glibc, pattern.encode(), [])


@pytest.mark.parametrize("piece", [*ATOMS, *TEXT_EDGES, *WORD_EDGES, *OPERATORS, *BROKEN])
@pytest.mark.parametrize("pattern", ["{}", "a{}", "{}a", "a{}b", "({})", "a|{}", "{}*", "{}{{2}}"])
def test_every_construct_means_the_same_as_to_glibc(glibc: Glibc, pattern: str, piece: str) -> None:
    some = [
        "",
        "a",
        "b",
        "ab",
        "a b",
        "a\nb",
        "\na",
        "aa",
        "a-b",
        "-",
        "$",
        "]",
        "\\",
        "_",
        ".",
        "d",
        "7",
        "aab",
    ]
    agree(glibc, pattern.format(piece).encode(), [text.encode() for text in some])


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_character_classes_agree_for_common_alphabets(glibc: Glibc, name: str) -> None:
    latin_greek_cyrillic = [*range(1, 0x250), *range(0x391, 0x3CF), *range(0x410, 0x450)]
    for pattern in (f"^[[:{name}:]]$", f"^[^[:{name}:]]$"):
        agree(glibc, pattern.encode(), [chr(number).encode() for number in latin_greek_cyrillic])


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (b"a\\", "ends inside"),
        (b"[[.a", "ends inside"),
        (b"a(b", "not closed"),
        (b"[[:x:]]", "character class [:x:]"),
        (b"[[.xy.]]", "collating element 'xy'"),
        (b"*", "nothing for * to repeat"),
        (b"^*", "nothing for * to repeat"),
        (b"a{2,1}", "minimum above its maximum"),
        (b"a{}", "a count in braces is missing"),
        (b"a{1x}", "is not a number"),
        (b"a{1001}", "over 1000"),
        (b"a{%s}" % (b"9" * 5000), "over 1000"),
        (b"(a)\\1", "backreferences"),
        (b".\\<.", "use \\b"),
        (b"\\b.*^a", "^ is not supported beside"),
        (b"x?^a", "^ is not supported beside"),
        (b"(a|b$)c?", "$ is not supported beside"),
        (b"(" * 101 + b")" * 101, "deeper than 100"),
        (b"\xff", "not UTF-8"),
        (b"a\0b", "NUL"),
        (b"((.{100}){10}){10}", "too large"),
    ],
)
def test_refusals_state_their_reason(pattern: bytes, reason: str) -> None:
    refused = ours(pattern)
    assert isinstance(refused, str)
    assert reason in refused


@pytest.mark.parametrize(
    ("limit", "pattern", "fits"),
    [
        (5, b"a.b.c", True),
        (5, b"a.b.cd", False),
        (5, b".{5}", True),
        (5, b".{6}", False),
        (9, b"(.{3}){3}", True),
        (9, b"(.{5}){2}", False),
        (None, b".{600}", True),
    ],
)
def test_the_limit_bounds_length_and_counts(limit: int | None, pattern: bytes, fits: bool) -> None:
    def compiled() -> EventFilter:
        return compile_legacy(pattern, limit)

    if fits:
        assert compiled().cost > 0
    else:
        with pytest.raises(FilterNotCompiled) as refused:
            compiled()
        assert str(limit) in refused.value.reason


@pytest.mark.parametrize(
    "pattern", [b"(a|a)*(a|a)*(a|a)*b", b"(a*)*(a*)*b", b"(x+x+)+y", b"a.{120}c", b"((a?){15}){15}b"]
)
def test_no_client_pattern_takes_exponential_time(pattern: bytes) -> None:
    test = compile_legacy(pattern).matches
    text = b"ax" * 4096
    begin = time.process_time()
    test(text)
    # Backtracking would take years; even a slow machine needs a tenth of a second.
    assert time.process_time() - begin < 2
