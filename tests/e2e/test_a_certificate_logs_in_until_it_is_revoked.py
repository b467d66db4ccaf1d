"""As in certs/README.md: a private CA, a user bound to a certificate, and its revocation."""

import ssl
from pathlib import Path

from amiproxy.cli import main
from tests.e2e.conftest import Service
from tests.support.ami_client import AmiClient
from tests.support.service import USERS

WALLBOARD = {
    "read": ["call"],
    "certificate": ["dns:wallboard.example.org"],
    "login": "certificate",
}
BOTH = {**USERS["caller"], "certificate": ["dns:desk.example.org"], "login": "both"}


def certs(*arguments: object) -> None:
    assert main(["certs", *map(str, arguments)]) == 0


def prepare(service: Service) -> Path:
    """The CA's folder, with certificates for two clients beside it; the service asks for them."""
    ca = service.directory / "ca"
    certs("init", ca)
    for name in ("wallboard", "desk"):
        certs("issue", "--ca", ca, "--client", "--out", service.directory, "--file-name", name,
              f"dns:{name}.example.org")  # fmt: skip
    publish(service, ca)
    listener = {
        "address": f"127.0.0.1:{service.port}",
        "certificates": [{"chain": "server.crt", "key": "server.key"}],
        "client_auth": "optional",
        "client_ca": "ca/ca.crt",
        "client_crl": "clients.crl",
    }
    service.change(listeners=[listener])
    service.write_users({"boss": USERS["boss"], "wallboard": WALLBOARD, "caller": BOTH})
    return ca


def publish(service: Service, ca: Path, *revoked: Path) -> None:
    certs("revoke", "--ca", ca, *revoked)
    (service.directory / "clients.crl").write_bytes((ca / "ca.crl").read_bytes())


async def connect(service: Service, name: str) -> AmiClient:
    context = ssl.create_default_context(cafile=str(service.cafile))
    context.load_cert_chain(service.directory / f"{name}.crt", service.directory / f"{name}.key")
    return await AmiClient.connect("127.0.0.1", service.port, context, service.host)


async def answer(service: Service, name: str, user: str, **headers: str) -> str | None:
    """The answer to a login as ``user`` with the certificate of ``name``."""
    async with await connect(service, name) as client:
        return (await client.action("Login", Username=user, **headers)).get("Message")


async def test_a_certificate_logs_in_until_it_is_revoked(make_service, simulator) -> None:  # type: ignore[no-untyped-def]
    service: Service = make_service(simulator.port)
    ca = prepare(service)
    await service.start_up()
    await service.linked()
    accepted, refused = "Authentication accepted", "Authentication failed"
    assert await answer(service, "wallboard", "boss", Secret="chief") == refused
    assert await answer(service, "desk", "caller") == refused
    assert await answer(service, "desk", "caller", Secret="ring") == accepted
    assert await answer(service, "desk", "wallboard") == refused
    async with await connect(service, "wallboard") as wallboard, await service.client("boss") as boss:
        assert (await wallboard.action("Login", Username="wallboard")).get("Message") == accepted
        publish(service, ca, service.directory / "wallboard.crt")
        told = await wallboard.wait_event("ProxySessionEnd")
        assert told.get("Reason") == "client certificate revoked"
        await wallboard.ended()
        assert (await boss.action("Ping")).get("Response") == "Success"
    await service.said('reason="the certificate is bound to another user"')
    await service.said('reason="client certificate revoked"')
    assert " certificate=" in next(line for line in service.stderr.splitlines() if " login " in line)
    assert await answer(service, "desk", "caller", Secret="ring") == accepted
