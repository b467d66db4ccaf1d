"""The proxy as the demo's child process."""

import socket

import pytest

from amiproxy.tools.demo import service
from amiproxy.tools.demo.accounts import desk, wallboard
from amiproxy.tools.demo.folder import HOST, opened
from amiproxy.tools.demo.options import DemoError
from tests.support.ports import free_port


@pytest.fixture
def folder(tmp_path):
    with opened(tmp_path / "state") as folder:
        folder.write_certificates()
        yield folder


def write(folder, listens, **upstream):
    nobody = {"host": HOST, "port": free_port(), "username": "u"}
    secret_file = str(folder.write_secret("s"))
    folder.write_config({**nobody, "secret_file": secret_file, **upstream}, listens, (wallboard(), desk()))


def test_a_port_in_use_is_not_chosen(monkeypatch):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        monkeypatch.setattr(service, "_USUAL_PORT", taken.getsockname()[1])
        assert service.choose_port() not in {0, taken.getsockname()[1]}
    free = free_port()
    monkeypatch.setattr(service, "_USUAL_PORT", free)
    assert service.choose_port() == free


async def test_the_proxy_listens_until_it_is_stopped(folder):
    port = free_port()
    write(folder, port)
    async with service.running(folder):
        with socket.create_connection((HOST, port), timeout=5):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)
    assert folder.logged("stopped")


async def test_the_proxy_is_stopped_if_the_demo_fails(folder):
    port = free_port()
    write(folder, port)
    with pytest.raises(LookupError):
        async with service.running(folder):
            raise LookupError
    assert folder.logged("stopped")


async def test_a_rejected_configuration_is_reported_with_the_proxys_error(folder):
    write(folder, free_port(), port=0)
    with pytest.raises(DemoError, match=r"did not start:\n.*upstream\.port"):
        async with service.running(folder):
            pass


async def test_a_port_that_is_taken_in_the_meantime_is_replaced(folder, monkeypatch):
    with socket.create_server((HOST, 0)) as taken:
        free = free_port()
        ports = [taken.getsockname()[1], free]
        monkeypatch.setattr(service, "choose_port", lambda: ports.pop(0))
        async with service.running_on_free_port(folder, lambda port: write(folder, port)) as port:
            assert port == free
            with socket.create_connection((HOST, port), timeout=5):
                pass


async def test_a_second_port_that_is_taken_is_reported(folder, monkeypatch):
    with socket.create_server((HOST, 0)) as taken:
        monkeypatch.setattr(service, "choose_port", lambda: taken.getsockname()[1])
        with pytest.raises(DemoError, match="did not start"):
            async with service.running_on_free_port(folder, lambda port: write(folder, port)):
                pass
