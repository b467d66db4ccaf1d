import asyncio
import socket
from collections.abc import Callable

import pytest
import yaml

from amiproxy.service import app as module
from tests.service.running import certificate, change, running, start_error, start_fails
from tests.support.openssl import without_any_suite
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess


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


@pytest.mark.parametrize("key", ["listeners", "metrics"])
async def test_a_start_may_pass_later_if_a_port_is_in_use(files: ProxyProcess, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        if key == "metrics":
            change(files, metrics={"address": place})
        else:
            [settings] = yaml.safe_load(files.config.read_text())["listeners"]
            change(files, listeners=[{**settings, "address": place}])
        error = await start_error(files)
    assert str(error).startswith(key)
    assert error.may_pass


async def test_a_start_waits_for_certificate_files_that_are_half_written(files: ProxyProcess) -> None:
    new = certificate(files.directory, "new")
    # The chain has been replaced, its key not yet.
    (files.directory / "server.crt").write_bytes((files.directory / new["chain"]).read_bytes())
    asyncio.get_running_loop().call_later(
        0.3, (files.directory / "server.key").write_bytes, (files.directory / new["key"]).read_bytes()
    )
    async with running(files) as app:
        assert app.addresses == [("127.0.0.1", files.port)]


@pytest.mark.parametrize("spoil", ["mode", "another key"])
async def test_a_start_fails_for_good_if_a_certificate_is_unusable(files: ProxyProcess, spoil: str) -> None:
    if spoil == "mode":
        (files.directory / "server.key").chmod(0o644)
    else:
        new = certificate(files.directory, "new")
        (files.directory / "server.key").write_bytes((files.directory / new["key"]).read_bytes())
    assert not (await start_error(files)).may_pass


async def test_it_does_not_start_without_valid_certificates(files: ProxyProcess) -> None:
    (files.directory / "server.crt").write_text("nothing\n")
    assert "server.crt" in await start_fails(files)


async def test_suites_that_openssl_does_not_know_are_named(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(files, tls={"suites": ["ECDHE-RSA-CHACHA20-POLY1305"]})
    without_any_suite(monkeypatch)
    assert (await start_fails(files)).startswith("listeners: tls.suites: OpenSSL knows none of the suites ")


async def test_a_passed_descriptor_that_does_not_listen_is_named(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pass_nonsense() -> None:
        raise module.NoListener("'ami' (descriptor 3) is not a listening stream socket")

    monkeypatch.setattr(module, "inherited_sockets", pass_nonsense)
    error = await start_fails(files)
    assert error.startswith("listeners: 'ami' (descriptor 3) is not a listening stream socket; ")


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


async def test_a_reload_applies_the_peers_trusted_for_a_proxy_header(files: ProxyProcess) -> None:
    async with running(files) as app:
        (listener,) = app._listeners.sockets
        assert "192.0.2.10" not in listener.trusted
        (settings,) = yaml.safe_load(files.config.read_text())["listeners"]
        change(files, listeners=[{**settings, "proxy_protocol": ["192.0.2.10"]}])
        assert (await app.reload("test")).succeeded
        assert "192.0.2.10" in listener.trusted
        assert "192.0.2.11" not in listener.trusted


async def test_a_unix_socket_cannot_be_a_listener_for_clients(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    change(files, listeners=[{"address": "fd:ami", "certificates": certificates}])
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.setattr(module, "inherited_sockets", lambda: {"ami": [unix]})
        assert "the socket 'ami' is a Unix socket" in await start_fails(files)
