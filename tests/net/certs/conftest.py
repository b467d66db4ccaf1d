from pathlib import Path

import pytest

from tests.net.certs.storing import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "tls")
