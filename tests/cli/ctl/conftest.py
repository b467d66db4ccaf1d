from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.ctl.answering import Answering


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    made = Answering(tmp_path / "c.sock")
    yield made
    made.close()
