"""What operators may do over HTTP, without HTTP."""

import asyncio
from typing import get_args

import msgspec
import pytest

from amiproxy.net.admin.control import commands, views
from amiproxy.net.admin.control.remote import RemoteOperator
from amiproxy.net.doors.http.api.operator import Shown
from amiproxy.net.doors.http.api.problems import Refused
from tests.support.live_service import LiveService


@pytest.fixture
def operator(service: LiveService) -> RemoteOperator:
    return RemoteOperator(service)


async def test_the_status_is_that_of_the_control_socket(
    service: LiveService, operator: RemoteOperator
) -> None:
    assert operator.status().keys() == views.status(service).keys()


@pytest.mark.parametrize("what", get_args(Shown))
async def test_what_is_shown_is_that_of_the_control_socket(
    service: LiveService, operator: RemoteOperator, what: Shown
) -> None:
    command = commands.COMMANDS[what]
    assert (command.permission, command.arguments) == (commands.Permission.READ, ())
    shown = await operator.show(what)
    assert type(shown) is type(await command.run(service, {}))
    assert msgspec.json.encode(shown)


async def test_an_action_is_explained(operator: RemoteOperator) -> None:
    allowed, lines = operator.explain("boss", b"Action: Command\r\nCommand: core show uptime\r\n\r\n", "")
    assert allowed
    assert lines[0].startswith("user     boss")


async def test_an_event_is_explained(operator: RemoteOperator) -> None:
    seen, lines = operator.explain("boss", b"Event: Hangup\r\nPrivilege: call,all\r\n\r\n", "")
    assert (seen, lines[-1].split()[0]) == (True, "boss")


@pytest.mark.parametrize(("user", "server"), [("nobody", ""), ("boss", "pbx1")])
async def test_who_or_what_does_not_exist_is_not_found(
    operator: RemoteOperator, user: str, server: str
) -> None:
    with pytest.raises(Refused) as refused:
        operator.explain(user, b"Action: Ping\r\n\r\n", server)
    assert refused.value.status == 404


async def test_a_session_that_does_not_exist_is_not_kicked(operator: RemoteOperator) -> None:
    with pytest.raises(Refused) as refused:
        await operator.kick("nothing", "boss")
    assert refused.value.status == 404


async def test_the_log_level_is_set_and_the_service_drained(
    service: LiveService, operator: RemoteOperator, caplog: pytest.LogCaptureFixture
) -> None:
    assert await operator.set_log_level("debug", "boss") == {"before": "info", "level": "debug"}
    assert service.log_level == "debug"
    assert (await operator.drain("boss"))["sessions"] == 0
    await asyncio.sleep(0)
    assert service.stopped == 1
