from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.audit.pins import differences, pins, unpinned

_ROOT = Path(__file__).parents[2]
_RUN_TIME = (_ROOT / "requirements.txt", _ROOT / "requirements-tools.txt")


def test_installed_packages_are_pinned_and_match_their_pins() -> None:
    wanted = pins(*_RUN_TIME)
    assert {"uvloop", "prompt-toolkit", "wcwidth"} <= set(wanted)
    assert differences(wanted) == []
    assert unpinned(wanted) == []


@pytest.mark.parametrize(
    ("extra", "files"),
    [("", _RUN_TIME[:1]), ("http", _RUN_TIME[:1]), ("fleet", _RUN_TIME[:1]), ("tools", _RUN_TIME)],
)
def test_the_requirements_of_the_project_are_pinned(extra: str, files: tuple[Path, ...]) -> None:
    wanted = pins(*files)
    needs = [Requirement(line) for line in metadata.requires("amiproxy") or ()]
    assert needs
    for need in needs:
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            assert need.specifier.contains(wanted[canonicalize_name(need.name)]), need


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ({"pytest": "0.1"}, "is pinned"),
        ({"no-such-package": "1"}, "no-such-package is pinned and not installed"),
    ],
)
def test_other_versions_are_reported(wanted: dict[str, str], wrong: str) -> None:
    (line,) = differences(wanted)
    assert wrong in line


def test_a_requirement_that_is_not_pinned_is_reported() -> None:
    assert "cryptography needs cffi, which is not pinned" in unpinned({"cryptography": "50.0.2"})
