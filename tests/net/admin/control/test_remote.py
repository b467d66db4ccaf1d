"""What operators may do over HTTP, without HTTP."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.rules import Require, Rule, Rules
from amiproxy.core.model.users import User
from amiproxy.net.admin.control import commands, views
from amiproxy.net.admin.control.remote import RemoteOperator
from amiproxy.net.doors.http.api import models
from amiproxy.net.doors.http.api.operator import Shown
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.loop import gently
from tests.support.core_doubles import ListTransport
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
    allowed, lines = await operator.explain(
        "boss", b"Action: Command\r\nCommand: core show uptime\r\n\r\n", ""
    )
    assert allowed
    assert lines[0].startswith("user     boss")


async def test_an_event_is_explained(operator: RemoteOperator) -> None:
    seen, lines = await operator.explain("boss", b"Event: Hangup\r\nPrivilege: call,all\r\n\r\n", "")
    assert (seen, lines[-1].split()[0]) == (True, "boss")


async def test_a_denied_action_is_shown_with_the_change_that_would_allow_it(
    service: LiveService, operator: RemoteOperator
) -> None:
    session = service.hub.attach(ListTransport())
    session.receive(b"Action: Login\r\nUsername: wall\r\nSecret: hunter2\r\n\r\n")
    session.receive(b"Action: Hangup\r\nChannel: PJSIP/1-00000001\r\n\r\n")
    (line,) = [line for line in operator.denials(9) if line["event"] == "action-denied"]
    found = msgspec.convert(await operator.denial(line["id"]), models.Denial)
    assert (found.user, found.rule, found.allowed) == ("wall", line["rule"], False)
    assert found.change is not None
    assert "write: [call]" in found.change.yaml


async def test_a_denied_action_that_is_not_kept_is_not_found(
    service: LiveService, operator: RemoteOperator
) -> None:
    with pytest.raises(Refused) as refused:
        await operator.denial(1)
    assert refused.value.status == 404


@pytest.mark.parametrize(("user", "server"), [("nobody", ""), ("boss", "pbx1")])
async def test_who_or_what_does_not_exist_is_not_found(
    operator: RemoteOperator, user: str, server: str
) -> None:
    with pytest.raises(Refused) as refused:
        await operator.explain(user, b"Action: Ping\r\n\r\n", server)
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


_RULES = tuple(
    Rule(action="Originate", header="Exten", require=Require(exact=str(number))) for number in range(40)
)
_ORIGINATE = b"Action: Originate\r\nChannel: PJSIP/1\r\nContext: a\r\nExten: x\r\nPriority: 1\r\n\r\n"


async def test_explanations_are_worked_out_one_at_a_time_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User("ruled", write=privilege.ORIGINATE, rules=Rules(rules=_RULES))
    operator = RemoteOperator(LiveService(tmp_path, user))
    in_loop, runners, running, most = gently.in_loop, [], 0, 0

    async def watched(steps: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        runners.append(gently.SliceRunner())
        try:
            return await in_loop(steps, runners[-1])
        finally:
            running -= 1

    monkeypatch.setattr(gently, "in_loop", watched)
    found = await asyncio.gather(*(operator.explain("ruled", _ORIGINATE, "") for _ in range(3)))
    assert [allowed for allowed, _ in found] == [False] * 3
    assert most == 1
    assert [runner.number > 5 for runner in runners] == [True] * 3
