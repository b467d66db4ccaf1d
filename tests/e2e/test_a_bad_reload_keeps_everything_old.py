import re
import signal
from collections.abc import Callable

import pytest

from tests.support.service import USERS, Service


def unknown_key(service: Service) -> str:
    service.change(colour="blue")
    return r"proxy\.yaml:\d+: colour"


def not_yaml(service: Service) -> str:
    service.config.write_text("upstream: {host: 127.0.0.1\n")
    return r"proxy\.yaml:\d+"


def bad_class(service: Service) -> str:
    service.write_users({**USERS, "boss": {**USERS["boss"], "read": ["cal"]}})
    return r"users\.yaml:\d+: users\.boss\.read"


def plain_secret(service: Service) -> str:
    service.write_users({**USERS, "boss": {**USERS["boss"], "secret": "not-a-hash"}})
    return r"users\.yaml:\d+: users\.boss\.secret"


def users_file_gone(service: Service) -> str:
    (service.directory / "users.yaml").unlink()
    return r"users\.yaml"


def readable_secret(service: Service) -> str:
    (service.directory / "upstream.secret").chmod(0o644)
    return r"proxy\.yaml:\d+: upstream\.secret_file: .* has mode 0644: readable by all users; chmod"


def broken_certificate(service: Service) -> str:
    (service.directory / "server.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    return r"server\.crt"


def other_address(service: Service) -> str:
    certificates = [{"chain": "server.crt", "key": "server.key"}]
    service.change(listeners=[{"address": "127.0.0.1:1", "certificates": certificates}])
    return r"listeners\[0\]\.address: changes only with a restart"


def other_threads(service: Service) -> str:
    service.change(limits={"hash_threads": 3})
    return "limits.hash_threads: changes only with a restart"


@pytest.mark.parametrize(
    "spoil",
    [
        unknown_key,
        not_yaml,
        bad_class,
        plain_secret,
        users_file_gone,
        readable_secret,
        broken_certificate,
        other_address,
        other_threads,
    ],
)
async def test_a_bad_reload_keeps_everything_old(service: Service, spoil: Callable[[Service], str]) -> None:
    async with await service.client("boss") as boss:
        # A valid change together with the bad one: it must not be applied either.
        users = {name: entry for name, entry in USERS.items() if name != "caller"}
        service.write_users(users)
        wanted = spoil(service)
        service.signal(signal.SIGHUP)
        await service.said(" reload-failed ")
        (line, *_) = [line for line in service.stderr.splitlines() if " reload-failed " in line]
        assert " error " in line
        assert re.search(wanted, line), line
        assert "not-a-hash" not in service.stderr
        assert " reloaded " not in service.stderr
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
        async with await service.client("caller") as caller:
            assert (await caller.action("Ping")).get("Response") == "Success"
