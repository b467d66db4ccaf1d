import pytest

from amiproxy.config.reading.sizes import bytes_of, check_journal
from amiproxy.core.model.errors import Unfit


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (65536, 65536),
        ("65536", 65536),
        ("512B", 512),
        ("64KiB", 64 << 10),
        ("8MiB", 8 << 20),
        ("8 MiB", 8 << 20),
        ("1GiB", 1 << 30),
    ],
)
def test_a_size_is_a_number_of_bytes_with_or_without_a_unit(written: int | str, size: int) -> None:
    assert bytes_of(written) == size


@pytest.mark.parametrize("written", ["", "MiB", "8MB", "8 mib", "-8MiB", "1.5MiB", "8MiB ", "٨MiB"])
def test_a_text_that_is_no_size_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(Unfit) as refused:
        bytes_of(written)
    assert "8MiB" in refused.value.remedy


@pytest.mark.parametrize(
    ("written", "fits"), [("63KiB", False), ("64KiB", True), ("1GiB", True), ("2GiB", False)]
)
def test_a_journal_has_a_least_and_a_most_size(written: str, fits: bool) -> None:
    if fits:
        check_journal(written)
        return
    with pytest.raises(Unfit):
        check_journal(written)
