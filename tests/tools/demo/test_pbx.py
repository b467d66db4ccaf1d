"""The Asterisk behind the proxy."""

from pathlib import Path

import pytest

from amiproxy.tools.demo.folder import opened
from amiproxy.tools.demo.options import DemoError, RealAsterisk
from amiproxy.tools.demo.pbx import real, simulated


async def test_the_simulator_listens_with_its_own_secret(tmp_path):
    with opened(tmp_path / "state") as folder:
        async with simulated(folder) as pbx:
            assert pbx.port
            assert len(pbx.secret_file.read_text().strip()) >= 40
            assert pbx.upstream()["secret_file"] == str(folder.directory / "upstream.secret")


def test_a_real_asterisk_is_used_unchanged_and_calls_no_phone(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    pbx = real(RealAsterisk("::1", 5038, "proxy", secret))
    assert pbx.upstream() == {"host": "::1", "port": 5038, "username": "proxy", "secret_file": str(secret)}
    assert not pbx.answers
    assert dict(pbx.originate)["Channel"].startswith("Local/nobody@")
    pbx.begin()


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_secret_file_that_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(DemoError, match="--secret-file"):
        real(RealAsterisk("127.0.0.1", 5038, "proxy", tmp_path / name))


def test_an_asterisk_on_another_host_is_refused_with_a_remedy():
    with pytest.raises(DemoError, match=r"ssh -L 15038:127\.0\.0\.1:5038 pbx\.example"):
        real(RealAsterisk("pbx.example", 5038, "proxy", Path("secret")))
