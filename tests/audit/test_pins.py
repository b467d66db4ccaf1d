from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.audit.pins import differences, pins, unpinned

_ROOT = Path(__file__).parents[2]


def test_what_runs_is_pinned_and_installed_as_pinned() -> None:
    wanted = pins(_ROOT / "requirements.txt")
    assert wanted
    assert differences(wanted) == []
    assert unpinned(wanted) == []


def test_what_the_project_needs_is_among_the_pins() -> None:
    wanted = pins(_ROOT / "requirements.txt")
    needs = [Requirement(line) for line in metadata.requires("amiproxy") or ()]
    assert needs
    for need in needs:
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            assert need.specifier.contains(wanted[canonicalize_name(need.name)]), need


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ({"pytest": "0.1"}, "is pinned"),
        ({"no-such-package": "1"}, "no-such-package is pinned and not installed"),
    ],
)
def test_other_versions_are_told(wanted: dict[str, str], wrong: str) -> None:
    (line,) = differences(wanted)
    assert wrong in line


def test_what_is_needed_and_not_pinned_is_told() -> None:
    assert "cryptography needs cffi, which is not pinned" in unpinned({"cryptography": "50.0.2"})
