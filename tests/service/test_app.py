import asyncio
import contextlib
import json
import logging
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
import yaml

from amiproxy import log
from amiproxy.config import ConfigErrors
from amiproxy.core.audit import masking
from amiproxy.core.model.hiddennames import HIDDEN_NAMES
from amiproxy.net.host.landlockpaths import around
from amiproxy.net.upstream.link import LinkState
from amiproxy.service import app as module
from amiproxy.service import lifecycle, process
from amiproxy.service.app import App
from amiproxy.service.loadedconfig import StartError, prepare
from amiproxy.tools.simulator import Simulator, User
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

SECRET = "the link's secret"
USERS = {"anna": {"secret": hashed("s"), "read": "all", "write": "all"}}


@pytest.fixture(autouse=True)
def log_text(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """All lines of the log; afterwards the log is restored."""
    logger = logging.getLogger("amiproxy")
    before = logger.handlers[:], logger.level, logger.propagate
    with (tmp_path / "log").open("w") as stream:
        log.configure("text", "debug", stream)
        yield (tmp_path / "log").read_text
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture
def files(tmp_path: Path) -> ProxyProcess:
    """proxy.yaml and its files, with an upstream port where nothing listens."""
    directory = tmp_path / "etc"
    directory.mkdir(mode=0o700)
    return ProxyProcess(directory, ("127.0.0.1", free_port(), "proxy", SECRET), USERS)


def change(files: ProxyProcess, **settings: Any) -> None:
    configuration = yaml.safe_load(files.config.read_text())
    # JSON is valid YAML without anchors, which dumping one object twice would create.
    files.config.write_text(json.dumps({**configuration, **settings}))


@asynccontextmanager
async def running(files: ProxyProcess) -> AsyncIterator[App]:
    """The proxy in this process and loop; stopped at the end as by SIGTERM."""
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    app = App(files.config, prepare(files.config), loop)
    up = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        life = tasks.create_task(app.run(lambda _: up.set()))
        waiting = tasks.create_task(up.wait())
        try:
            await asyncio.wait((life, waiting), return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                waiting.cancel()
                life.result()
            yield app
        finally:
            waiting.cancel()
            app.stop()
            for number in handlers:
                loop.remove_signal_handler(number)
    for number, handler in handlers.items():
        signal.signal(number, handler)


async def connect(files: ProxyProcess) -> AmiClient:
    client = await files.connect()
    assert (await client.login("anna", "s")).get("Response") == "Success"
    return client


# -- preparing -------------------------------------------------------------


def test_all_files_are_read_before_anything_is_built(files: ProxyProcess) -> None:
    prepared = prepare(files.config)
    assert prepared.secret == SECRET.encode()
    assert len(prepared.users) == 1
    assert SECRET not in repr(prepared.config)


def test_all_problems_are_reported_at_once(files: ProxyProcess) -> None:
    change(files, colour="blue", tls={"policy": "none"})
    with pytest.raises(ConfigErrors) as caught:
        prepare(files.config)
    assert len(caught.value.problems) == 2


# -- starting --------------------------------------------------------------


async def start_fails(files: ProxyProcess) -> str:
    app = App(files.config, prepare(files.config), asyncio.get_running_loop())
    with pytest.raises(StartError) as caught:
        await app.run()
    return str(caught.value)


async def test_a_port_in_use_is_named_and_the_other_ports_are_closed(files: ProxyProcess) -> None:
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        addresses = [f"127.0.0.1:{free}", f"127.0.0.1:{port}"]
        change(files, listeners=[{"address": a, "certificates": certificates} for a in addresses])
        error = await start_fails(files)
    assert error == f"listeners: cannot listen on 127.0.0.1 port {port}: Address already in use"
    with socket.create_server(("127.0.0.1", free)):
        pass


async def test_it_does_not_start_without_valid_certificates(files: ProxyProcess) -> None:
    (files.directory / "server.crt").write_text("nothing\n")
    assert "server.crt" in await start_fails(files)


async def test_a_passed_descriptor_that_does_not_listen_is_named(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pass_nonsense() -> None:
        raise module.NoListener("'ami' (descriptor 3) is not a listening stream socket")

    monkeypatch.setattr(module, "inherited_sockets", pass_nonsense)
    error = await start_fails(files)
    assert error.startswith("listeners: 'ami' (descriptor 3) is not a listening stream socket; ")


async def test_an_unused_passed_socket_is_closed_and_logged(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch, log_text: Callable[[], str]
) -> None:
    spare = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(module, "inherited_sockets", lambda: {"metrics": [spare]})
    async with running(files):
        assert spare.fileno() == -1
        assert "socket-unused name=metrics" in log_text()


async def test_a_doubtful_certificate_is_served_and_logged(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    (files.directory / "server.crt").chmod(0o664)
    async with running(files) as app:
        assert app.addresses == [("127.0.0.1", files.port)]
        assert "certificate-doubtful" in log_text()
        assert "lets others change it" in log_text()


async def test_a_key_readable_by_all_prevents_the_start(files: ProxyProcess) -> None:
    (files.directory / "server.key").chmod(0o644)
    assert "private key has mode 0644: readable by all users" in await start_fails(files)


# -- running ---------------------------------------------------------------


async def test_it_serves_and_reports_its_state(files: ProxyProcess, log_text: Callable[[], str]) -> None:
    async with Simulator([User("proxy", SECRET)]) as simulator:
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        change(files, upstream={**upstream, "port": simulator.port})
        async with running(files) as app:
            await until(lambda: app.link.state is LinkState.UP)
            until_when = app.stores[0].current.pairs[0].facts.not_after
            assert app.lifecycle.status() == f"0 sessions, link up, certificate until {until_when:%Y-%m-%d}"
            async with await connect(files) as client:
                assert app.lifecycle.status().startswith("1 sessions, link up, certificate until ")
                assert (await client.action("CoreStatus")).get("Response") == "Success"
                app.stop()
                assert await client.ended() == "end of stream"
    assert f"listeners=127.0.0.1:{files.port}" in log_text()
    assert log_text().rstrip().endswith(" stopped")
    assert SECRET not in log_text()


async def test_the_status_gives_the_reason_for_a_missing_link(files: ProxyProcess) -> None:
    async with running(files) as app:
        await until(lambda: app.link.state is LinkState.DOWN)
        assert app.lifecycle.status().startswith("0 sessions, link down (")


async def test_every_part_is_ticked_once_a_second(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_TICK_SECONDS", 0.01)
    async with running(files) as app:
        ticked: list[str] = []
        for name in ("hub", "pool", "link"):
            monkeypatch.setattr(getattr(app, name), "tick", lambda now, name=name: ticked.append(name))
        await until(lambda: len(ticked) >= 6)
        assert ticked[:6] == ["hub", "pool", "link"] * 2 or ticked[0] != "hub"


async def test_an_exception_in_a_callback_is_one_line_of_the_log(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    async with running(files) as app:
        loop = asyncio.get_running_loop()

        def fault() -> None:
            raise RuntimeError("broken\nlogin user=root")

        loop.call_soon(fault)
        loop.call_exception_handler({"message": "without an exception"})
        await until(lambda: log_text().count(" error fault ") == 2)
        (line,) = [line for line in log_text().splitlines() if "broken" in line]
        assert r"RuntimeError: broken\x0alogin user=root" in line
        assert app.lifecycle.status()


async def test_shutdown_is_announced_to_sessions(files: ProxyProcess) -> None:
    async with Simulator([User("proxy", SECRET)]) as simulator:
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        # An interval that no test waits for: it is sent at once.
        fan_out = {"flush_interval": 1, "flush_interval_max": 1}
        change(files, upstream={**upstream, "port": simulator.port}, fan_out=fan_out)
        async with running(files) as app:
            await until(lambda: app.link.state is LinkState.UP)
            async with await connect(files) as client:
                simulator.faults.stall()
                client.send("CoreStatus", ActionID="under way")
                await until(lambda: app.hub.server.exchange.in_flight)
                app.stop()
                shutdown = await client.wait_event("ProxyShutdown")
                assert shutdown.get("Privilege") == "system,all"
                assert app.hub.server.exchange.in_flight, "before the actions in flight are answered"
                assert app.lifecycle.status().startswith("draining: 1 sessions, ")
                simulator.faults.resume()
                assert (await client.response("under way")).get("Response") == "Success"
                assert await client.ended() == "end of stream"


async def test_the_service_manager_is_asked_for_enough_time_to_stop(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_TICK_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(files.directory / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(files.directory / "notify"))
        async with Simulator([User("proxy", SECRET)]) as simulator:
            upstream = yaml.safe_load(files.config.read_text())["upstream"]
            change(files, upstream={**upstream, "port": simulator.port}, limits={"stop_timeout": 120})
            async with running(files) as app:
                await until(lambda: app.link.state is LinkState.UP)
                async with await connect(files) as client:
                    simulator.faults.stall()
                    client.send("CoreStatus")
                    await until(lambda: app.hub.server.exchange.in_flight)
                    app.stop()
                    extended: list[float] = []
                    began: list[bool] = []

                    def hear() -> int:
                        with contextlib.suppress(BlockingIOError):
                            while True:
                                message = manager.recv(65536).decode()
                                found = re.search(r"^EXTEND_TIMEOUT_USEC=(\d+)$", message, re.MULTILINE)
                                if found:
                                    extended.append(int(found[1]) / 1e6)
                                    began.append("STOPPING=1" in message)
                        return len(extended)

                    await until(lambda: hear() >= 3 and any(began))
                    simulator.faults.resume()
        # Sent once the stop begins; a tick may have asked for the time before.
        assert began.count(True) == 1
        assert 121 < min(extended) <= max(extended) < 130


# -- reloading -------------------------------------------------------------


async def test_a_reload_applies_changed_settings(files: ProxyProcess, log_text: Callable[[], str]) -> None:
    async with Simulator([User("proxy", "another secret")]) as simulator, running(files) as app:
        assert app.hub.limits.connections == 1024
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        (files.directory / "upstream.secret").write_text("another secret\n")
        change(
            files,
            upstream={**upstream, "port": simulator.port},
            limits={"connections": 1500, "action_timeout": 7.0},
            fan_out={"flush_interval": 0.02, "flush_interval_max": 0.03},
            log={"level": "error"},
        )
        assert (await app.reload("test")).succeeded
        assert app.hub.limits.connections == 1500
        assert app.hub.ctx.generation == 2
        assert app.hub.server.exchange.deadlines.action == 7.0
        assert (app._pacing.shortest, app._pacing.longest) == (0.02, 0.03)
        assert logging.getLogger("amiproxy").level == logging.ERROR
        await until(lambda: app.link.state is LinkState.UP)
    assert "another secret" not in log_text()


async def test_a_key_that_no_longer_has_an_effect_is_logged_at_the_start_and_at_a_reload(
    files: ProxyProcess, log_text: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    change(files, limits={"login_bytes": 9999})
    async with running(files) as app:
        assert (await app.reload("test")).succeeded
    # From a reload on the log is where the configuration has it.
    for text in (log_text(), capsys.readouterr().err):
        [line] = [line for line in text.splitlines() if " config-outdated " in line]
        assert "limits.login_bytes: has no effect" in line


async def test_a_reload_applies_the_peers_trusted_for_a_proxy_header(files: ProxyProcess) -> None:
    async with running(files) as app:
        (listener,) = app._listeners.sockets
        assert "192.0.2.10" not in listener.trusted
        (settings,) = yaml.safe_load(files.config.read_text())["listeners"]
        change(files, listeners=[{**settings, "proxy_protocol": ["192.0.2.10"]}])
        assert (await app.reload("test")).succeeded
        assert "192.0.2.10" in listener.trusted
        assert "192.0.2.11" not in listener.trusted


async def test_a_failed_reload_stays_in_the_status_until_one_succeeds(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    async with running(files) as app:
        text = files.config.read_text()
        change(files, colour="blue", tls={"policy": "none"})
        assert not (await app.reload("test")).succeeded
        assert app.hub.ctx.generation == 1
        assert app.lifecycle.status().startswith("last reload failed, old configuration kept; ")
        assert log_text().count("reload-failed") == 2
        files.config.write_text(text)
        assert (await app.reload("test")).succeeded
        assert app.lifecycle.status().startswith("0 sessions")


async def test_one_bad_pair_of_two_keeps_both_old_ones(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    listeners = [{"address": f"127.0.0.1:{port}", "certificates": certificates} for port in (files.port, 0)]
    change(files, listeners=listeners)
    async with running(files) as app:
        before = [store.context for store in app.stores]
        listeners[1] = {**listeners[1], "certificates": [{"chain": "ca.pem", "key": "server.key"}]}
        change(files, listeners=listeners, tls={"policy": "modern"})
        report = await app.reload("test")
        assert not report.succeeded
        assert [store.context for store in app.stores] == before
        # The log's line may be cut where folders have long names.
        assert "ca.pem" in " ".join((*report.problems, *report.certificates))
        assert "reload-failed" in log_text()


def certificate(folder: Path, name: str) -> dict[str, str]:
    """A new pair with this name, as configured."""
    leaf = trustme.CA().issue_cert("localhost", "127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))
    leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    (folder / f"{name}.key").chmod(0o600)
    return {"chain": f"{name}.crt", "key": f"{name}.key"}


async def two_listeners(files: ProxyProcess) -> None:
    pairs = [certificate(files.directory, name) for name in ("server", "other")]
    ports = (files.port, 0)
    change(
        files,
        listeners=[
            {"address": f"127.0.0.1:{port}", "certificates": [pair]}
            for port, pair in zip(ports, pairs, strict=True)
        ],
    )


async def test_one_bad_pair_keeps_only_itself_old_if_nothing_else_changed(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    await two_listeners(files)
    async with running(files) as app:
        certificate(files.directory, "server")
        good = (files.directory / "other.key").read_bytes()
        certificate(files.directory, "wrong")
        (files.directory / "other.key").write_bytes((files.directory / "wrong.key").read_bytes())
        report = await app.reload("test")
        assert not report.succeeded
        assert report.only_certificates
        (problem,) = report.problems
        assert "other.key: the key does not belong to" in problem
        assert [store.generation for store in app.stores] == [2, 1]
        assert app.lifecycle.status().startswith("0 sessions")
        assert "new files of dns:localhost are refused" in app.lifecycle.status()
        assert log_text().count(" reload-failed ") == 1
        assert log_text().count(" certificate-served ") == 1
        # Once fixed, the watch takes the files, and no problem is left.
        (files.directory / "other.key").write_bytes(good)
        await until(lambda: app.stores[1].last_result.succeeded)
        assert app.lifecycle.status().startswith("0 sessions")
        assert "refused" not in app.lifecycle.status()
        assert not app.reloads.failed


async def test_a_missing_certificate_file_does_not_fail_the_configuration(files: ProxyProcess) -> None:
    await two_listeners(files)
    async with running(files) as app:
        key = files.directory / "other.key"
        good = key.read_bytes()
        key.unlink()
        certificate(files.directory, "server")
        report = await app.reload("test")
        assert not report.succeeded
        assert report.only_certificates
        assert "other.key: there is no such file" in report.problems[0]
        assert [store.generation for store in app.stores] == [2, 1]
        key.touch(mode=0o600)
        key.write_bytes(good)
        await until(lambda: app.stores[1].last_result.succeeded)
        assert app.lifecycle.status().startswith("0 sessions")


async def test_one_bad_pair_keeps_all_the_old_ones_if_users_changed(files: ProxyProcess) -> None:
    await two_listeners(files)
    async with running(files) as app:
        certificate(files.directory, "server")
        (files.directory / "other.key").write_bytes(b"")
        users = {**USERS, "bert": USERS["anna"]}
        (files.directory / "users.yaml").write_text(yaml.safe_dump({"users": users}))
        report = await app.reload("test")
        assert not report.succeeded
        assert not report.only_certificates
        assert app.reloads.failed
        assert app.hub.ctx.users.find(b"bert") is None


async def test_a_reload_while_stopping_is_ignored(files: ProxyProcess) -> None:
    async with running(files) as app:
        app.stop()
        assert not (await app.reload("test")).succeeded
        assert "reload" not in app.lifecycle.status()


# -- limits ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "remembered"),
    [({}, 1), ({"hash_cache_timeout": 0}, 0)],
    ids=["default", "hash_cache_timeout"],
)
async def test_the_cache_of_matched_secrets_follows_its_limits(
    files: ProxyProcess, limits: dict[str, int], remembered: int
) -> None:
    users = {name: {"secret": hashed(name), "read": "all"} for name in ("anna", "bo")}
    (files.directory / "users.yaml").write_text(yaml.safe_dump({"users": users}))
    change(files, limits=limits)
    async with running(files) as app:
        for name in ("anna", "bo", "anna"):
            async with await files.connect() as client:
                assert (await client.login(name, name)).get("Response") == "Success"
        assert app._verifier.remembered == remembered


async def test_a_reload_reports_changes_by_name_and_never_by_value(
    files: ProxyProcess, log_text: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(files) as app:
        (files.directory / "upstream.secret").write_text("a new secret\n")
        users = {"anna": {**USERS["anna"], "read": ["call"]}, "bert": USERS["anna"]}
        (files.directory / "users.yaml").write_text(json.dumps({"users": users}))
        change(files, limits={"sessions_per_user": 4321})
        report = await app.reload("test")
        assert report.differences.keys == ("limits.sessions_per_user", "upstream.secret_file")
        assert report.differences.users_added == ("bert",)
        assert report.differences.users_changed == (("anna", ("read",)),)
        assert app.reloads.results == {("succeeded", "test"): 1}
    # From a reload on, the log goes where the configuration says.
    said = log_text() + capsys.readouterr().err
    line = next(line for line in said.splitlines() if " reloaded " in line)
    assert 'changed="limits.sessions_per_user upstream.secret_file" users_added=bert' in line
    assert line.endswith(" generation=2")
    for value in ("a new secret", "4321", USERS["anna"]["secret"]):
        assert value not in said


async def test_users_of_several_files_are_applied_by_a_reload(
    files: ProxyProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also those of a file that was added; if many changed, some are named in the log."""
    folder = files.directory / "users.d"
    folder.mkdir(mode=0o700)

    def write(name: str, *users: str) -> None:
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(json.dumps({"users": dict.fromkeys(users, USERS["anna"])}))

    write("1.yaml", "anna")
    change(files, users_file=None, users_files=["users.d/*.yaml"])
    async with running(files) as app, await files.connect() as client:
        await client.login("anna", "s")
        # The confined process may read the folder, so files can be added.
        named = list(process._files(files.config, app.config))
        assert {folder / "*.yaml", folder / "1.yaml"} <= set(named)
        assert folder in around(folder / "*.yaml")
        write("2.yaml", *(f"u{number}" for number in range(60)))
        report = await app.reload("test")
        assert report.succeeded
        assert (len(app.hub.ctx.users), app.hub.ctx.generation) == (61, 2)
        assert "u49 (and 10 more)" in capsys.readouterr().err
        assert client.is_open

        write("3.yaml", "Anna")
        report = await app.reload("test")
        assert [problem.replace(f"{folder}/", "") for problem in report.problems] == [
            "3.yaml:1: users.Anna: the same name as 'anna' in 1.yaml:1 (case is ignored); "
            "rename or remove one of them"
        ]
        assert (len(app.hub.ctx.users), app.hub.ctx.generation) == (61, 2)

        (folder / "3.yaml").unlink()
        write("1.yaml", "bert")
        assert (await app.reload("test")).succeeded
        await client.ended()


async def test_some_of_very_many_problems_are_reported_and_the_rest_counted(files: ProxyProcess) -> None:
    async with running(files) as app:
        users = {f"u{number}": {"secret": "plain"} for number in range(300)}
        (files.directory / "users.yaml").write_text(json.dumps({"users": users}))
        report = await app.reload("test")
        assert not report.succeeded
        assert len(report.problems) == 101
        assert report.problems[-1] == "and 200 more; ami-proxy check shows all"


async def test_a_log_level_set_by_hand_lasts_until_the_next_reload(files: ProxyProcess) -> None:
    async with running(files) as app:
        app.set_log_level("error")
        assert logging.getLogger("amiproxy").level == logging.ERROR
        await app.reload("test")
        assert (app.log_level, logging.getLogger("amiproxy").level) == ("info", logging.INFO)


async def test_hidden_names_are_applied_at_the_start_and_by_a_reload(
    files: ProxyProcess,
) -> None:
    change(files, log={"hidden_variables": ["*IBAN*"]})
    try:
        async with running(files) as app:
            assert masking.masked_text(b"set IBAN 4711") == b"set IBAN ***"
            change(files, log={"hidden_variables": ["CARD"]})
            report = await app.reload("test")
            assert report.differences.keys == ("log.hidden_variables",)
            assert masking.masked_text(b"set IBAN 4711") == b"set IBAN 4711"
            assert masking.masked_text(b"set CARD 4711") == b"set CARD ***"
    finally:
        masking.configure(HIDDEN_NAMES)


async def test_a_reload_overtaken_by_a_stop_changes_nothing(files: ProxyProcess) -> None:
    async with running(files) as app, asyncio.TaskGroup() as group:
        async with app._listeners.certificates.turn:
            change(files, limits={"connections": 1500})
            asked = group.create_task(app.reload("test"))
            await until(lambda: app._listeners.certificates.turn._waiters)
            app.stop()
        assert not (await asked).succeeded
        assert app.hub.limits.connections == 1024


async def test_new_certificate_files_are_served_without_a_reload(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    async with running(files) as app:
        fresh = trustme.CA().issue_cert("localhost", "127.0.0.1")
        fresh.cert_chain_pems[0].write_to_path(str(files.directory / "server.crt"))
        fresh.private_key_pem.write_to_path(str(files.directory / "server.key"))
        await until(lambda: app.stores[0].generation == 2)
        assert app.certificate_reloads["swapped", "watch"] == 1


# -- admin endpoints -------------------------------------------------------


async def test_control_and_metrics_open_and_close_with_the_service(files: ProxyProcess) -> None:
    port = free_port()
    change(files, control={"socket": "c.sock"}, metrics={"address": f"127.0.0.1:{port}"})
    path = files.directory / "c.sock"
    async with running(files):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"command": "status"}\n')
        assert json.loads(await reader.readline())["result"]["state"] == "serving"
        writer.close()
        await writer.wait_closed()
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert not path.exists()


async def test_a_control_socket_that_cannot_be_created_prevents_the_start(files: ProxyProcess) -> None:
    change(files, control={"socket": "upstream.secret"})
    assert (await start_fails(files)).startswith("control.socket: ")
    with socket.create_server(("127.0.0.1", files.port)):
        pass


async def test_a_unix_socket_cannot_be_a_listener_for_clients(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    change(files, listeners=[{"address": "fd:ami", "certificates": certificates}])
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.setattr(module, "inherited_sockets", lambda: {"ami": [unix]})
        assert "the socket 'ami' is a Unix socket" in await start_fails(files)


async def test_ready_waits_for_asterisk_if_configured(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_TICK_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(files.directory / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(files.directory / "notify"))
        upstream = yaml.safe_load(files.config.read_text())["upstream"]
        change(files, ready="upstream", limits={"reconnect_min": 0.05, "reconnect_max": 0.1})
        heard: list[bytes] = []

        def hear() -> list[bytes]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard.append(manager.recv(65536))
            return heard

        async with running(files) as app:
            await until(lambda: any(b"link down" in message for message in hear()))
            assert not any(b"READY=1" in message for message in heard)
            async with Simulator([User("proxy", SECRET)]) as simulator:
                app.link.adopt(
                    msgspec.structs.replace(app.config.upstream, port=simulator.port), SECRET.encode()
                )
                await until(lambda: any(b"READY=1" in message for message in hear()))
                assert upstream["port"] != simulator.port
