import logging
import os

import pytest

from amiproxy.config.differences import Differences
from amiproxy.net.admin.control import COMMANDS, Permission
from amiproxy.net.admin.reloads import ReloadReport
from tests.net.admin.control.asking import Control
from tests.support.waiting import until


def test_each_command_states_its_purpose_and_permission() -> None:
    assert {name for name, command in COMMANDS.items() if command.permission is Permission.OPERATE} == {
        "kick", "certs-reload", "reload", "drain", "log-level", "trace",
        "learn", "learn-start", "learn-stop", "configuration",
    }  # fmt: skip
    assert all(command.text.endswith(".") for command in COMMANDS.values())
    assert all((command.run is None) is not (command.stream is None) for command in COMMANDS.values())


async def test_learning_is_started_shown_and_stopped(control: Control) -> None:
    assert not (await control.asker.ask("learn-stop"))["ok"]
    assert not (await control.asker.ask("learn-start", seconds="x"))["ok"]
    begun = await control.asker.result("learn-start", seconds="0")
    assert (begun["recording"], begun["until"], begun["lost"]) == (True, None, 0)
    control.login("boss", "hunter2hunter2")
    hub = control.service.hub
    hub.sessions[0].receive(b"Action: Getvar\r\nVariable: A\r\n\r\n")
    ended = await control.asker.result("learn-stop")
    assert (ended["recording"], ended["actions"]) == (False, 1)
    reader = await control.connect()
    head = await reader.result("learn")
    assert head == ended
    rows = (await reader.hear())["result"]["rows"]
    assert [row["action"] for row in rows if "action" in row] == ["Getvar"]
    await reader.ended()


async def test_a_recording_that_was_never_started_cannot_be_shown(control: Control) -> None:
    assert not (await control.asker.ask("learn"))["ok"]


async def test_kick_closes_one_session_or_all_of_a_user(control: Control) -> None:
    transports = [control.login("boss", "hunter2hunter2") for _ in range(3)]
    first, *_ = await control.asker.result("sessions")
    assert (await control.asker.result("kick", target=first["id"]))["kicked"] == [first["id"]]
    assert [bool(transport.closed) for transport in transports] == [True, False, False]
    assert len((await control.asker.result("kick", target="user:BOSS"))["kicked"]) == 2
    assert control.service.hub.sessions == []
    assert (await control.asker.result("kick", target="user:wall"))["kicked"] == []
    for target, says in (("user:nobody", "unknown user 'nobody'"), ("x", "unknown session x")):
        assert says in (await control.asker.ask("kick", target=target))["error"]


async def test_kick_of_a_user_s_bare_name_says_how_to_kick_a_user(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    answer = await control.asker.ask("kick", target="BOSS")
    assert not answer["ok"]
    assert "ami-proxy ctl kick user:boss" in answer["error"]
    assert len(control.service.hub.sessions) == 1


async def test_log_level_changes_the_level(control: Control) -> None:
    assert await control.asker.result("log-level", level="DEBUG") == {"before": "info", "level": "debug"}
    assert control.service.log_level == "debug"
    assert "'loud'" in (await control.asker.ask("log-level", level="loud"))["error"]


async def test_drain_is_answered_before_it_begins(control: Control) -> None:
    assert await control.asker.result("drain") == {"sessions": 0, "in_flight": 0}
    await until(lambda: control.service.stopped == 1)


async def test_reload_reports_changes_or_every_problem(control: Control) -> None:
    control.service.report = ReloadReport(
        True, "", 1.0, (), Differences(("log.level",), ("new",), (), (("wall", ("read",)),)), ("unchanged",)
    )
    found = await control.asker.result("reload")
    assert found["trigger"] == "control"
    assert found["changed"] == ["log.level"]
    assert found["users_added"] == ["new"]
    assert found["users_changed"] == {"wall": ["read"]}
    control.service.report = ReloadReport(False, "", 2.0, ("proxy.yaml:1: a", "users.yaml:2: b"))
    answer = await control.asker.ask("reload")
    assert not answer["ok"]
    assert answer["problems"] == ["proxy.yaml:1: a", "users.yaml:2: b"]
    assert (await control.asker.result("status"))["reload"]["succeeded"] is False
    assert answer["error"].startswith("not reloaded; ")
    control.service.report = ReloadReport(
        False, "", 2.0, ("server.key: a",), Differences(), ("one", "two"), only_certificates=True
    )
    answer = await control.asker.ask("reload")
    assert answer["error"].startswith("certificates were refused, ")
    assert answer["problems"] == ["server.key: a"]
    assert (await control.asker.result("status"))["reload"]["only_certificates"] is True


async def test_certs_reload_reports_results_or_every_problem(control: Control) -> None:
    (told,) = await control.asker.result("certs-reload")
    assert "unchanged" in told
    control.service.config.listeners[0].certificates[0].chain.write_text("no certificate")
    answer = await control.asker.ask("certs-reload")
    assert not answer["ok"]
    assert "server.crt" in answer["problems"][0]
    assert control.service.stores[0].generation == 1
    control.service.draining = True
    assert (await control.asker.ask("certs-reload"))["error"] == "the service is stopping"


async def test_a_command_that_changes_something_is_logged_with_its_caller(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "amiproxy")
    logging.getLogger("amiproxy").propagate = True
    await control.asker.ask("status")
    await control.asker.ask("kick", target="user:wall")
    # One record may arrive twice, through the logger's own handler and through the root's.
    seen = dict.fromkeys(caplog.records)
    (record,) = [record for record in seen if record.getMessage() == "control"]
    fields = record.__dict__["fields"]
    assert fields == {"command": "kick", "about": "user:wall", "uid": os.getuid(), "pid": os.getpid()}
