import pytest

from amiproxy.counted import count


@pytest.mark.parametrize(("number", "text"), [(0, "0 users"), (1, "1 user"), (2, "2 users")])
def test_only_one_is_singular(number: int, text: str) -> None:
    assert count(number, "user") == text
