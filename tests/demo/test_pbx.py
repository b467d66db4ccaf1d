"""What stands behind the proxy."""

from pathlib import Path

import pytest

from proxy.demo.folder import opened
from proxy.demo.options import DemoError, RealAsterisk
from proxy.demo.pbx import real, simulated


async def test_the_simulator_listens_with_a_secret_of_its_own_and_calls_begin_when_asked(tmp_path):
    with opened(tmp_path / "state") as folder:
        async with simulated(folder) as pbx:
            assert pbx.port
            assert len(pbx.secret_file.read_text().strip()) >= 40
            assert pbx.upstream()["secret_file"] == str(folder.directory / "upstream.secret")


def test_a_real_asterisk_is_taken_as_it_is_and_called_nowhere():
    pbx = real(RealAsterisk("::1", 5038, "proxy", Path("/x/secret")))
    assert pbx.upstream() == {"host": "::1", "port": 5038, "username": "proxy", "secret_file": "/x/secret"}
    assert not pbx.answers
    assert dict(pbx.originate)["Channel"].startswith("Local/nobody@")
    pbx.begin()


def test_an_asterisk_elsewhere_is_refused_with_a_way_out():
    with pytest.raises(DemoError, match=r"ssh -L 15038:127\.0\.0\.1:5038 pbx\.example"):
        real(RealAsterisk("pbx.example", 5038, "proxy", Path("secret")))
