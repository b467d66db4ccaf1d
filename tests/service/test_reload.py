import asyncio
import json
import logging
from collections.abc import Callable

import pytest
import trustme
import yaml

from amiproxy.core.audit import masking
from amiproxy.core.model.hiddennames import HIDDEN_NAMES
from amiproxy.net.admin.reloads import Rehearsal
from amiproxy.net.host.landlockpaths import around
from amiproxy.net.upstream.link import LinkState
from amiproxy.service import process
from amiproxy.tools.simulator import Simulator, User
from tests.service.running import SECRET, USERS, certificate, change, connect, running, two_listeners
from tests.support.openssl import without_any_suite
from tests.support.proxy_process import ProxyProcess
from tests.support.waiting import until


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
        assert app.hub.servers.first.exchange.deadlines.action == 7.0
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


async def test_suites_that_openssl_does_not_know_keep_the_old_configuration(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(files) as app:
        before = [store.context for store in app.stores]
        change(files, tls={"suites": ["ECDHE-ECDSA-CHACHA20-POLY1305"]})
        with monkeypatch.context() as patched:
            without_any_suite(patched)
            report = await app.reload("test")
        assert not report.succeeded
        assert report.problems[0].startswith("tls.suites: OpenSSL knows none of the suites ")
        assert [store.context for store in app.stores] == before
        assert (await app.reload("test")).succeeded


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


async def test_a_rehearsal_changes_nothing_and_says_what_a_reload_would_close(
    files: ProxyProcess, log_text: Callable[[], str]
) -> None:
    async with Simulator([User("proxy", SECRET)]) as simulator:
        upstream = {**yaml.safe_load(files.config.read_text())["upstream"], "port": simulator.port}
        change(files, upstream=upstream)
        async with running(files) as app:
            client = await connect(files)
            assert await app.rehearse_reload() == Rehearsal(closes={})
            (files.directory / "users.yaml").write_text('{"users": {}}')
            change(files, log={"level": "error"}, metrics={"address": "127.0.0.1:0"})
            before, logged = app.config, log_text()
            # The change of metrics takes a restart, which the caller finds by itself.
            assert await app.rehearse_reload() == Rehearsal(closes={"anna": {"user removed": 1}})
            assert app.config is before
            assert app.hub.ctx.generation == 1
            assert len(app.entries.users) == 1
            assert log_text() == logged
            assert (await client.action("Ping")).get("Response") == "Success"
            await client.close()


async def test_a_rehearsal_names_everything_that_a_reload_would_refuse(files: ProxyProcess) -> None:
    async with running(files) as app:
        change(files, colour="blue", tls={"policy": "none"})
        found = await app.rehearse_reload()
        report = await app.reload("test")
        assert found == Rehearsal(report.problems)
        assert len(found.problems) == 2


async def test_a_rehearsal_judges_the_certificates_against_those_served(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The watch refuses the new files too, and does not serve them meanwhile.
    change(files, tls={"lost_names": "refuse"})
    async with running(files) as app:
        leaf = trustme.CA().issue_cert("other.example.org")
        leaf.cert_chain_pems[0].write_to_path(str(files.directory / "server.crt"))
        leaf.private_key_pem.write_to_path(str(files.directory / "server.key"))
        found = await app.rehearse_reload()
        assert any("dns:localhost" in line for line in found.problems)
        change(files, tls={"lost_names": "warn"})
        found = await app.rehearse_reload()
        assert not found.problems
        assert any("dns:localhost" in line for line in found.warnings)
        change(files, tls={"suites": ["ECDHE-ECDSA-CHACHA20-POLY1305"]})
        with monkeypatch.context() as patched:
            without_any_suite(patched)
            found = await app.rehearse_reload()
        assert found.problems[0].startswith("tls.suites: OpenSSL knows none of the suites ")
        assert app.stores[0].generation == 1
        listeners = yaml.safe_load(files.config.read_text())["listeners"]
        change(files, listeners=[*listeners, {**listeners[0], "address": "127.0.0.1:0"}], tls={})
        assert not (await app.rehearse_reload()).problems


async def test_a_rehearsal_and_a_reload_wait_for_each_other(files: ProxyProcess) -> None:
    async with running(files) as app:
        change(files, limits={"connections": 1500})
        found = await asyncio.gather(*(app.rehearse_reload() for _ in range(3)), app.reload("test"))
        assert [bool(one.problems) for one in found] == [False] * 4
        assert app.hub.limits.connections == 1500


async def test_the_format_of_the_log_is_applied_by_a_reload(
    files: ProxyProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(files) as app:
        change(files, log={"format": "json"})
        assert (await app.reload("test")).succeeded
        assert json.loads(capsys.readouterr().err.splitlines()[-1])["event"] == "reloaded"


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
        async with app._listeners.certificates.reload_lock:
            change(files, limits={"connections": 1500})
            asked = group.create_task(app.reload("test"))
            await until(lambda: app._listeners.certificates.reload_lock._waiters)
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
