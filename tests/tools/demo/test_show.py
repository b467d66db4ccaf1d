"""The whole demo in this process, as in a pipe."""

import re

import pytest

from amiproxy.tools.demo.options import DemoError, Options, RealAsterisk
from amiproxy.tools.demo.show import _Show
from amiproxy.tools.simulator import Settings, Simulator, User


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text("s3cret\n")
    return path


def marks(text):
    return dict(map(reversed, re.findall(r"^(ok|NO)  (.*?)  ", text, re.MULTILINE)))


async def test_with_the_simulator_every_promise_is_kept(tmp_path, capsys):
    assert await _Show(Options(tmp_path / "state", seconds=0)).run() == 0
    assert set(marks(capsys.readouterr().out).values()) == {"ok"}


async def test_with_an_asterisk_no_phone_is_called(tmp_path, secret_file, capsys):
    async with Simulator([User("u", "s3cret")]) as asterisk:
        real = RealAsterisk("127.0.0.1", asterisk.port, "u", secret_file)
        assert await _Show(Options(tmp_path / "state", real, seconds=0)).run() == 0
        originated = [raw for raw in asterisk.received if b"Action: Originate" in raw]
    assert len(originated) == 1  # the proxy denied the other one
    assert b"Channel: Local/nobody@ami-proxy-demo\r\n" in originated[0]
    found = marks(capsys.readouterr().out)
    assert found["wallboard: Originate is denied"] == "ok"
    assert found["only desk sees user events"] == "ok"


async def test_a_manager_user_with_too_few_rights_breaks_promises_and_is_named(tmp_path, secret_file, capsys):
    async with Simulator([User("u", "s3cret", write="call")]) as asterisk:
        real = RealAsterisk("127.0.0.1", asterisk.port, "u", secret_file)
        assert await _Show(Options(tmp_path / "state", real, seconds=0)).run() == 1
    text = capsys.readouterr().out
    assert marks(text)["desk: Originate is allowed"] == "NO"
    assert "Does u have read = all and write = all" in text


async def test_a_refused_link_is_reported_with_its_reason(tmp_path, secret_file):
    async with Simulator([User("u", "another")], Settings(login_delay=0.0)) as asterisk:
        real = RealAsterisk("127.0.0.1", asterisk.port, "u", secret_file)
        with pytest.raises(DemoError, match=r"Asterisk refused user 'u'.*log is .*proxy\.log"):
            await _Show(Options(tmp_path / "state", real, seconds=0)).run()
