"""A client that ends its input (EOF, or TLS's close_notify) still gets all its answers."""

import asyncio
import re

import pytest

from tests.asterisk.door import Door
from tests.support.tls_peer import TlsPeer

_LOGIN = b"Action: Login\r\nUsername: proxy\r\nSecret: proxysecret\r\nEvents: off\r\n\r\n"
_ASKED = {
    "getvar": b"Action: Getvar\r\nVariable: LAB\r\nActionID: 1\r\n\r\n",
    "several": b"Action: Ping\r\n\r\nAction: DBGet\r\nKey: x\r\n\r\nAction: QueueSummary\r\n\r\n",
    "slow": b"Action: Originate\r\nChannel: Local/noanswer@lab\r\nApplication: Wait\r\nTimeout: 300\r\n\r\n",
    "unfinished": b"Action: Ping\r\n\r\nAction: Ping\r\nActionID: never",
    "nothing": b"",
}


async def _at_asterisk(door: Door, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(door.asterisk.host, door.asterisk.port)
    writer.write(sent)
    writer.write_eof()
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


async def _at_the_proxy(door: Door, sent: bytes) -> bytes:
    assert door.proxy is not None
    async with TlsPeer.to(("127.0.0.1", door.proxy.port), door.proxy.context) as peer:
        await peer.handshake()
        await peer.send_raw(peer.seal(sent) + peer.seal_close())
        return await peer.rest()


@pytest.mark.parametrize("asked", _ASKED)
async def test_a_half_closed_client_gets_the_same_answers_as_from_asterisk(
    direct: Door, proxied: Door, asked: str
) -> None:
    sent = _LOGIN + _ASKED[asked]
    async with asyncio.timeout(10):
        said = await _at_asterisk(direct, sent), await _at_the_proxy(proxied, sent)
    theirs, ours = (re.sub(rb"Timestamp: [\d.]+", b"Timestamp: *", one) for one in said)
    assert b"Authentication accepted" in theirs
    assert ours == theirs
