import pytest

from amiproxy.cli.ctl import cells


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (200_000, "195 KiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 20, "3.0 MiB"),
    ],
)
def test_sizes_are_printed_with_a_unit(number: int, text: str) -> None:
    assert cells.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 m 01 s"), (7260, "2 h 01 m"), (180_000, "2 d 02 h")],
)
def test_time_spans_are_printed_in_two_units(seconds: float, text: str) -> None:
    assert cells.span(seconds) == text
