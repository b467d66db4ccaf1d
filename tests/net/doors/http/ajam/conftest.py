"""AJAM without sockets."""

import pytest

from tests.net.doors.http.ajam.house import AjamHouse


@pytest.fixture
def house() -> AjamHouse:
    return AjamHouse()
