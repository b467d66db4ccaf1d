"""The proxy in the process of the test: its files, its start, its end."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from amiproxy.service.app import App
from amiproxy.service.loadedconfig import StartError, prepare
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed

SECRET = "the link's secret"
USERS = {"anna": {"secret": hashed("s"), "read": "all", "write": "all"}}


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


async def start_fails(files: ProxyProcess) -> str:
    return str(await start_error(files))


async def start_error(files: ProxyProcess) -> StartError:
    app = App(files.config, prepare(files.config), asyncio.get_running_loop())
    with pytest.raises(StartError) as caught:
        await app.run()
    return caught.value


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
