import asyncio
import signal
import ssl

import trustme

from tests.support.service import Service


async def test_certificates_are_swapped_without_losing_sessions(service: Service) -> None:
    async with await service.client("boss") as boss:
        before = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", service.port))
        ca = trustme.CA()
        leaf = ca.issue_cert("localhost", "127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(str(service.directory / "server.crt"))
        leaf.private_key_pem.write_to_path(str(service.directory / "server.key"))
        service.signal(signal.SIGHUP)
        await service.said(" reloaded ")
        after = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", service.port))
        assert after != before
        assert ssl.PEM_cert_to_DER_cert(after) == ssl.PEM_cert_to_DER_cert(
            leaf.cert_chain_pems[0].bytes().decode()
        )
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
        ca.configure_trust(service.context)
        async with await service.client("caller") as caller:
            assert (await caller.action("Ping")).get("Response") == "Success"


async def test_other_files_and_another_policy_are_served_too(service: Service) -> None:
    async with await service.client("boss") as boss:
        ca = trustme.CA()
        leaf = ca.issue_cert("localhost", "127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(str(service.directory / "other.crt"))
        leaf.private_key_pem.write_to_path(str(service.directory / "other.key"))
        (service.directory / "other.key").chmod(0o600)
        certificates = [{"chain": "other.crt", "key": "other.key"}]
        service.change(
            listeners=[{"address": f"127.0.0.1:{service.port}", "certificates": certificates}],
            tls={"policy": "modern"},
        )
        service.signal(signal.SIGHUP)
        await service.said(" reloaded ")
        ca.configure_trust(service.context)
        async with await service.client("caller"):
            pass
        service.context.maximum_version = ssl.TLSVersion.TLSv1_2
        old_protocol: Exception | None = None
        try:
            await (await service.connect()).close()
        except ssl.SSLError as error:
            old_protocol = error
        assert "alert" in str(old_protocol).lower()
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
