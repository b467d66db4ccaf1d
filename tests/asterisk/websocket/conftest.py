"""A proxy with WebSockets in front of a real Asterisk 22 that has the contexts of the flows."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.asterisk.history.flows import EXTENSIONS, FEATURES
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.websocket.proxy import SocketProxy
from tests.support.ami_client import AmiClient
from tests.support.requirements import give_up


@pytest.fixture(scope="module")
def pbx() -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk("sid", extensions_extra=EXTENSIONS)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.write("features.conf", FEATURES)
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture
def proxy(pbx: Asterisk, tmp_path: Path) -> Iterator[SocketProxy]:
    proxy = SocketProxy(tmp_path, pbx)
    proxy.start(linked=True)
    try:
        yield proxy
        proxy.stop()
    finally:
        proxy.kill()


@pytest.fixture
async def acting(pbx: Asterisk) -> AsyncIterator[AmiClient]:
    """A session at Asterisk's own port."""
    async with await AmiClient.connect(pbx.host, pbx.port) as client:
        await client.login(pbx.user, pbx.secret, Events="off")
        yield client
