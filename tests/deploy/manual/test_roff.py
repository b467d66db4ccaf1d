"""Text stays text, whatever it begins with."""

import pytest

from deploy.manual import roff


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (".so /etc/passwd", "\\&.so /etc/passwd"),
        ("'quoted'", "\\(aqquoted\\(aq"),
        ("a\\nb", "a\\(rsnb"),
        ("--json", "\\-\\-json"),
    ],
)
def test_characters_that_would_be_instructions_are_escaped(text: str, escaped: str) -> None:
    assert roff.plain(text) == escaped


def test_indented_lines_are_kept_and_others_filled() -> None:
    lines = list(roff.paragraphs("One. Two\nlines.\n  as it\n    is\n\nLast.", first=True))
    assert lines == [
        *("One.", "Two lines."),
        *(".RS 4", ".nf", "as it", "  is", ".fi", ".RE"),
        *(".PP", "Last."),
    ]
