"""Command lines, read as Asterisk reads them."""

import pytest

from amiproxy.core.policy.console.commands import words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", []),
        (b" \t", []),
        (b"core show", [b"core", b"show"]),
        (b"  core \t show  ", [b"core", b"show"]),
        (b'"core show" x', [b"core show", b"x"]),
        (b'c"or"e', [b"core"]),
        (b"co\\re", [b"core"]),
        (b"core\\ show", [b"core show"]),
        (b'a "" b', [b"a", b"", b"b"]),
        (b'\\"a b', [b'"a', b"b"]),
        (b"a\\\\b", [b"a\\b"]),
        (b'"a b', [b"a b"]),
    ],
)
def test_a_command_line_is_split_as_asterisk_splits_it(text: bytes, found: list[bytes]) -> None:
    assert words(text) == found
