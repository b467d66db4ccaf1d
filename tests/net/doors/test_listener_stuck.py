"""The watchdog's check of a listener: are connections pending that are not accepted?"""

import asyncio
import contextlib
import socket
import ssl

from amiproxy.net.doors.listener import ConnectionPool, Listener, bind
from tests.support.live_hub import live_hub


async def test_a_connection_pending_for_long_marks_the_listener_as_stuck() -> None:
    loop = asyncio.get_running_loop()
    listener = Listener(
        ConnectionPool(live_hub()), bind("127.0.0.1", 0), lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    )
    assert not listener.stuck(1.0), "it has not begun"
    listener.start(loop)
    try:
        assert not listener.stuck(2.0)
        with contextlib.closing(socket.create_connection(listener.address)):
            # The loop does not run in here, so nothing is accepted.
            assert not listener.stuck(3.0)
            assert not listener.stuck(11.0)
            assert listener.stuck(14.0)
            listener._turns += 1
            assert not listener.stuck(15.0)
    finally:
        listener.stop()
    assert not listener.stuck(99.0)
