"""The table of applications: each argument has a kind, each option is read as Asterisk reads it."""

import pytest

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.applications import APPLICATIONS, RUNS_CODE, Options, as_markdown
from amiproxy.ami.privilege import AGI, ALL, CALL, USER
from amiproxy.core.policy.kinds.checks import CHECKS


def options_of(application: bytes, number: int) -> Options:
    found = APPLICATIONS[application].parts[number].options
    assert found is not None
    return found


def test_every_kind_has_a_check() -> None:
    for row in APPLICATIONS.values():
        kinds = [part.kind for part in row.parts]
        kinds += [kind for part in row.parts if part.options for kind in part.options.kinds.values()]
        assert {*kinds, *([row.rest] if row.rest else [])} <= CHECKS.keys(), row.name


def test_applications_that_run_code_are_closed() -> None:
    named = [row for row in APPLICATIONS.values() if RUNS_CODE.search(row.name.encode())]
    assert named
    assert all(row.closed and not row.described for row in named)


def test_applications_need_their_classes() -> None:
    assert APPLICATIONS[b"playback"].write == ALL
    assert APPLICATIONS[b"chanspy"].write == CALL
    assert APPLICATIONS[b"userevent"].write == USER
    assert [part.write for part in APPLICATIONS[b"queue"].parts].count(AGI) == 1


def test_applications_that_share_a_line_have_the_same_arguments() -> None:
    assert APPLICATIONS[b"datetime"].parts == APPLICATIONS[b"sayunixtime"].parts


def test_applications_that_reach_beyond_lists_are_marked() -> None:
    assert APPLICATIONS[b"chanspy"].beyond
    assert not APPLICATIONS[b"dial"].beyond


def test_rest_and_separator_of_the_data_are_read() -> None:
    assert (APPLICATIONS[b"noop"].rest, APPLICATIONS[b"noop"].parted) == (Kind.TEXT, False)
    assert (APPLICATIONS[b"broadcast"].rest, APPLICATIONS[b"broadcast"].parted) == (Kind.CHANNEL, True)
    assert APPLICATIONS[b"echo"].rest is None


@pytest.mark.parametrize(
    ("application", "number", "text", "fits"),
    [
        (b"dial", 2, b"", True),
        (b"dial", 2, b"tT", True),
        (b"dial", 2, b"tA(beep)mS(3)", True),
        (b"dial", 2, b"A(a,b)", True),
        (b"dial", 2, b"t(x)", False),
        (b"dial", 2, b"U(x)", False),
        (b"dial", 2, b"A(beep", False),
        (b"dial", 2, b"A(be(e)p)", False),
        (b"dial", 2, b'A("beep")', False),
        (b"dial", 2, b"A(x)y", False),
        # Asterisk reads the low seven bits of each byte: this is a U.
        (b"dial", 2, b"\xd5(x)", False),
        (b"background", 1, b"NoAnswer", True),
        (b"background", 1, b"snm", True),
        (b"playback", 1, b"skip", True),
        (b"playback", 1, b"say", False),
        (b"playback", 1, b"skipskip", False),
    ],
)
def test_options_are_matched_as_asterisk_reads_them(
    application: bytes, number: int, text: bytes, fits: bool
) -> None:
    assert (options_of(application, number).shape.match(text) is not None) is fits


def test_as_markdown_has_every_application_once() -> None:
    lines = as_markdown().splitlines()
    assert lines[2].startswith("| none | AMD, Answer,")
    assert any(line.startswith("| `call` | AttendedTransfer, ") for line in lines)
    assert lines[-1].endswith(" and those of third-party modules |")
    for row in APPLICATIONS.values():
        assert sum(f" {row.name}," in line.replace(" |", ",") for line in lines) == 1, row.name
