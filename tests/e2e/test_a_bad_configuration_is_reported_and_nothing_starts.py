import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.service import Service


def no_configuration(service: Service) -> str:
    service.config.unlink()
    return r"proxy\.yaml"


def several_errors(service: Service) -> str:
    service.change(limits={"connections": 0}, colour="blue", tls={"policy": "none"})
    return r"(?s)limits\.connections.*tls\.policy.*colour|limits\.connections.*colour.*tls\.policy"


def broken_certificate(service: Service) -> str:
    (service.directory / "server.crt").write_text("nothing\n")
    return r"server\.crt"


def wrong_key(service: Service) -> str:
    import trustme

    leaf = trustme.CA().issue_cert("localhost")
    leaf.private_key_pem.write_to_path(str(service.directory / "server.key"))
    return r"server\.key"


def port_in_use(service: Service) -> str:
    return rf"cannot listen on 127\.0\.0\.1 port {service.port}: Address already in use"


def socket_not_passed(service: Service) -> str:
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    service.change(listeners=[{"address": "fd:ami", "certificates": certificates}])
    return r"no socket named 'ami' was passed by the service manager; set FileDescriptorName=ami"


@pytest.mark.parametrize(
    "spoil",
    [no_configuration, several_errors, broken_certificate, wrong_key, port_in_use, socket_not_passed],
)
async def test_a_bad_configuration_is_reported_and_nothing_starts(
    nowhere: int, make_service: Callable[..., Service], spoil: Callable[[Service], str]
) -> None:
    service = make_service(nowhere)
    wanted = spoil(service)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", service.port))
        if spoil is port_in_use:
            taken.listen()
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "amiproxy", "run", "--config", str(service.config)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    # The units restart it after 1, because the port may be free a second later.
    assert done.returncode == (1 if spoil is port_in_use else 78)
    assert re.search(wanted, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout == ""
