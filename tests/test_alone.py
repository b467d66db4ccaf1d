"""Repeating the failures of a parallel run."""

import json
import os
from pathlib import Path

import pytest

from tests import alone

ONCE = """\
from pathlib import Path

def test_passes_from_the_second_run_on():
    mark = Path(__file__).with_name("ran")
    ran = mark.exists()
    mark.touch()
    assert ran
"""


def cache(folder: Path, *failed: str) -> Path:
    record = folder / "cache" / "v" / "cache" / "lastfailed"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(dict.fromkeys(failed, True)))
    return folder / "cache"


def test_a_run_that_broke_off_without_failures_is_not_repeated(tmp_path: Path) -> None:
    assert alone.failed_in(tmp_path) == []
    assert alone.main(tmp_path, tmp_path / "unsteady", []) == 1


def test_many_failures_are_not_repeated(tmp_path: Path) -> None:
    failures = cache(tmp_path, *(f"test_x.py::test_{n}" for n in range(alone.MOST + 1)))
    assert alone.main(failures, tmp_path / "unsteady", []) == 1


@pytest.mark.parametrize(("earlier", "status"), [(True, 0), (False, 1)])
def test_a_failed_test_that_passes_alone_is_listed_as_unsteady(
    tmp_path: Path, earlier: bool, status: int
) -> None:
    test = tmp_path / "test_once.py"
    test.write_text(ONCE)
    if earlier:
        (tmp_path / "ran").touch()
    name = f"{test}::test_passes_from_the_second_run_on"
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}"]
    unsteady = tmp_path / "unsteady"
    assert alone.main(cache(tmp_path, name), unsteady, options) == status
    assert (unsteady.read_text() == f"{name}\n") if earlier else not unsteady.exists()
