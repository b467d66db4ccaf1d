"""The manual as it is written for a package."""

from pathlib import Path

import pytest

from deploy.manual import __main__ as manual


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with ``usr/share/man`` and the completions."""
    folder = tmp_path_factory.mktemp("manual")
    manual.main(folder)
    return folder
