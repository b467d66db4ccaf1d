"""The simulator compared with the recordings: it answers the recorded client as Asterisk did.

Only responses are compared, line by line; values that must differ
(times, challenges, output of CLI commands) are blanked on both sides.
"""

import asyncio
import re

import pytest

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.tools.simulator import Settings, Simulator, User
from tests.transcripts.recordings import DATA, received, sent

USERS = (
    User("proxy", "proxysecret"),
    User("limited", "lim", "call", "call"),
    User("orig", "x", "call", "call,originate"),
    User("single", "x", multiple_login=False),
)

_VARYING = re.compile(rb"^(Timestamp|Challenge|Output|Uptime|LastReload|Value): [^\r\n]*\r\n", re.MULTILINE)

#: Recordings without anything that the simulator does not do.
SESSIONS = [
    *("01-login-ok", "02-login-fail-secret", "02b-login-fail-nouser", "02c-login-events-off"),
    *("02d-login-limited", "02e-login-single-first", "03b-unauthenticated", "04-ping", "07-errors"),
    *("07b-permission-denied", "13-events-mask", "14-userevent", "21-waitevent", "29-smuggle-longline"),
    *("08-originate-async-ok", "08b-originate-async-fail", "09-originate-sync-ok"),
    *("09b-originate-sync-fail",),
]


def responses(stream: bytes) -> list[bytes]:
    messages = UpstreamFramer().feed(stream.partition(b"\r\n")[2])
    return [_VARYING.sub(rb"\1\r\n", message) for message in messages if message.startswith(b"Response: ")]


@pytest.mark.parametrize("name", [f"22-{name}" for name in SESSIONS] + ["22-07c-originate-forbidden"])
async def test_it_answers_as_asterisk_did(name: str) -> None:
    expected = responses(received(DATA / name))
    stream = b""
    async with Simulator(USERS, Settings(login_delay=0)) as simulator:
        # Known, so that it can be denied; no user in these recordings may run it.
        simulator.script("GetConfig", lambda _: b"")
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(sent(DATA / name))
        async with asyncio.timeout(20):
            while len(responses(stream)) < len(expected):
                piece = await reader.read(65536)
                assert piece, f"closed after {stream!r}"
                stream += piece
        writer.close()
        await writer.wait_closed()
    assert responses(stream) == expected


async def events_of(name: str, last: bytes) -> list[bytes]:
    stream = b""
    async with Simulator(USERS, Settings(login_delay=0)) as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(sent(DATA / name))
        async with asyncio.timeout(20):
            while last not in stream:
                stream += await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    return UpstreamFramer().feed(stream.partition(b"\r\n")[2])


def shape(message: bytes) -> tuple[bytes, ...]:
    """Name, privilege and the names of all headers, the recordings' ChanVariable lines left out."""
    lines = message.split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines if b"ChanVariable" not in line]
    return (*lines[:2], *names)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("22-01-login-ok", b"Thanks for all"),
        ("22-08-originate-async-ok", b"Event: Hangup"),
        ("22-08b-originate-async-fail", b"Event: Hangup"),
        ("22-14-userevent", b"UserEvent: Spoof"),
        ("22-34-security-events", b"Event: SuccessfulAuth"),
    ],
)
async def test_its_events_have_the_headers_of_asterisks_events(name: str, last: bytes) -> None:
    recorded = {
        shape(message) for message in UpstreamFramer().feed(received(DATA / name).partition(b"\r\n")[2])
    }
    known = {message[0] for message in recorded}
    for message in await events_of(name, last):
        if message.startswith(b"Event: ") and shape(message)[0] in known:
            assert shape(message) in recorded
