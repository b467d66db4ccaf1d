"""The proxy as the demo's child process."""

import socket

import pytest

from amiproxy.tools.demo import service
from amiproxy.tools.demo.accounts import desk, wallboard
from amiproxy.tools.demo.folder import HOST, opened
from amiproxy.tools.demo.options import DemoError
from amiproxy.tools.demo.service import Ports
from tests.support.ports import free_port


@pytest.fixture
def folder(tmp_path):
    with opened(tmp_path / "state") as folder:
        folder.write_certificates()
        yield folder


def write(folder, listens, page=None, **upstream):
    nobody = {"host": HOST, "port": free_port(), "username": "u"}
    secret_file = str(folder.write_secret("s"))
    whole = {**nobody, "secret_file": secret_file, **upstream}
    folder.write_config(whole, listens, page, (wallboard(), desk()))


def test_a_port_in_use_is_not_chosen(monkeypatch):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        used = taken.getsockname()[1]
        monkeypatch.setattr(service, "_USUAL_PORTS", (used, used))
        chosen = service.choose_ports()
        assert len({0, used, *chosen}) == 4
    free = Ports(free_port(), free_port())
    monkeypatch.setattr(service, "_USUAL_PORTS", free)
    assert service.choose_ports() == free


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


@pytest.mark.parametrize("which", ["ami", "page"])
async def test_a_port_that_is_taken_in_the_meantime_is_replaced(folder, monkeypatch, which):
    with socket.create_server((HOST, 0)) as taken:
        free = Ports(free_port(), free_port())
        choices = [free._replace(**{which: taken.getsockname()[1]}), free]
        monkeypatch.setattr(service, "choose_ports", lambda: choices.pop(0))
        async with service.running_on_free_ports(folder, lambda ports: write(folder, *ports)) as ports:
            assert ports == free
            for port in ports:
                with socket.create_connection((HOST, port), timeout=5):
                    pass


async def test_a_second_port_that_is_taken_is_reported(folder, monkeypatch):
    with socket.create_server((HOST, 0)) as taken:
        monkeypatch.setattr(service, "choose_ports", lambda: Ports(taken.getsockname()[1], free_port()))
        with pytest.raises(DemoError, match="did not start"):
            async with service.running_on_free_ports(folder, lambda ports: write(folder, *ports)):
                pass
