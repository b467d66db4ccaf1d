"""The watchdog's check of a listener: are connections pending that are not accepted?"""

import asyncio
import contextlib
import socket

from amiproxy.net.doors.binding import bind
from amiproxy.net.doors.connection import Connection
from amiproxy.net.doors.listener import Listener
from amiproxy.net.doors.pool import ConnectionPool
from tests.support.live_hub import live_hub


async def test_a_connection_pending_for_long_marks_the_listener_as_stuck() -> None:
    loop = asyncio.get_running_loop()
    hub = live_hub()

    def accept(*_: object) -> Connection:
        raise AssertionError("nobody is accepted")

    listener = Listener(ConnectionPool(hub.limit_state, hub.ctx.shares), bind("127.0.0.1", 0), accept)
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
