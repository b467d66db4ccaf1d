import pytest

from amiproxy.net.fleet.versions import is_fit


@pytest.mark.parametrize(
    "version", ["2.12.12", "2.12.13", "2.14.3", "2.14.10", "2.15.0", "2.15.1-beta.1", "3.0.0"]
)
def test_fit(version: str) -> None:
    assert is_fit(version)


@pytest.mark.parametrize("version", ["2.12.11", "2.13.9", "2.14.2", "2.9.10", "1.99.0", "", "2.15", "x.y.z"])
def test_unfit(version: str) -> None:
    assert not is_fit(version)
