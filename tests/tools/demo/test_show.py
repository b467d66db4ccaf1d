"""The whole demo in this process, as in a pipe."""

import asyncio
import re
import ssl

import httpx
import pytest

from amiproxy.tools.demo import show
from amiproxy.tools.demo.options import DemoError, Options, RealAsterisk
from amiproxy.tools.demo.show import _Show
from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.waiting import until


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


async def test_the_page_is_served_to_the_users_that_it_names(tmp_path, capsys):
    shown = ""

    def has_shown_it():
        nonlocal shown
        shown += capsys.readouterr().out
        return "Wallboard: https://" in shown and "proxy.log" in shown.partition("Wallboard")[2]

    async with asyncio.TaskGroup() as tasks:
        demo = tasks.create_task(_Show(Options(tmp_path / "state", seconds=600)).run())
        await until(has_shown_it, within=60)
        [address] = re.findall(r"Wallboard: (https://\S+/) ", shown)
        secrets = dict(re.findall(r"^(wallboard|operator|desk) +(\S{20}) ", shown, re.MULTILINE))
        assert str(tmp_path / "state" / "ca.crt") in shown
        trust = ssl.create_default_context(cafile=tmp_path / "state" / "ca.crt")
        async with httpx.AsyncClient(base_url=address, verify=trust, trust_env=False) as client:
            assert (await client.get("/")).status_code == 200
            for name, secret in secrets.items():
                answer = await client.post(
                    "/page/api/session",
                    json={"username": name, "secret": secret},
                    headers={"Sec-Fetch-Site": "same-origin"},
                )
                assert (answer.status_code < 300) is (name != "desk"), answer.text
        demo.cancel()


async def test_without_the_extra_the_rest_of_the_demo_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(show, "missing_packages", lambda: ["h11"])
    assert await _Show(Options(tmp_path / "state", seconds=0)).run() == 0
    text = (tmp_path / "state" / "proxy.yaml").read_text()
    assert "http" not in text
    assert "operator" not in (tmp_path / "state" / "users.yaml").read_text()
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
