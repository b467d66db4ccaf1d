"""Targets that class originate could reach by application data: hosts, files, others' calls and mailboxes.

Each way works at Asterisk's own door, shown by its effect, and is refused at ours.
"""

import asyncio
import shutil
import socket
import time
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.asterisk.conftest import give_up
from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed

SECRET = "attacker"
ACCOUNT = f"\n[attacker]\nsecret = {SECRET}\nread = all\nwrite = originate\n"
#: A call with sound, so that there are packets to send.
DIALPLAN = "\n[loud]\nexten => _wait3-.,1,Answer()\n same => n,PlayTones(440)\n same => n,Wait(3)\n"
MODULES = """
load = app_playtones.so
load = app_celgenuserevent.so
load = app_controlplayback.so
load = app_page.so
load = app_playback.so
load = app_read.so
load = app_sayunixtime.so
load = app_voicemail.so
load = chan_rtp.so
load = res_curl.so
load = func_curl.so
load = res_http_media_cache.so
load = res_rtp_multicast.so
"""
VOICEMAIL = "[general]\nformat = wav\n\n[default]\n100 => 1234,Somebody Else\n"
CONNECTION, PACKETS = "a connection", "packets"


class Way(NamedTuple):
    """An application and its data; ``trap`` is CONNECTION, PACKETS, or ``Event/Header: value`` of an event.

    The call lasts ``seconds``.  ``$url`` stands for an address that must not be fetched, ``$port`` for its
    port, ``$secret`` for a recording outside the folder of sounds.
    """

    name: str
    application: str
    data: str
    trap: str
    variable: str = ""
    seconds: int = 3


#: An event that the mailbox was opened; without a channel.
LISTENED = "MessageWaiting/Mailbox: 100@default"
PLAYED = "VarSet/PLAYBACKSTATUS: SUCCESS"
WAYS = [
    # Sounds that are URLs, where the sound is declared as one and where it is hidden in a format.
    Way("date-format", "SayUnixTime", ",,'$url'", CONNECTION),
    Way("date-format2", "DateTime", ",,'$url'IMp", CONNECTION),
    Way("prompt", "Playback", "$url", CONNECTION),
    Way("prompt-second", "Playback", "beep&$url", CONNECTION),
    Way("prompt-background", "BackGround", "$url", CONNECTION),
    Way("prompt-read", "Read", "A,$url,1,,1,1", CONNECTION),
    Way("prompt-queue", "Queue", "announced,,,$url,5", CONNECTION),
    Way("prompt-control", "ControlPlayback", "$url", CONNECTION),
    Way("prompt-retry", "RetryDial", "$url,1,2,Local/congestion@lab,1", CONNECTION),
    Way("prompt-called", "Dial", "Local/wait5@lab,5,A(beep:$url)", CONNECTION),
    # The same through a variable that an option reads.
    Way("limit-warning", "Dial", "Local/wait5@lab,5,L(4000:3500)", CONNECTION, "LIMIT_WARNING_FILE=$url"),
    Way("limit-connect", "Dial", "Local/wait3@lab,5,L(60000)", CONNECTION, "LIMIT_CONNECT_FILE=$url"),
    Way("limit-again", "Dial", "Local/wait5@lab,5,L(4900:4800:500)", CONNECTION, "LIMIT_WARNING_FILE=$url"),
    # Channels that are connections.
    Way("multicast", "Dial", "MulticastRTP/basic/127.0.0.1:$port", PACKETS),
    Way("multicast-second", "Dial", "Local/noanswer@lab&MulticastRTP/basic/127.0.0.1:$port", PACKETS),
    Way("multicast-page", "Page", "MulticastRTP/basic/127.0.0.1:$port,q", PACKETS),
    Way("multicast-control", "Dial", "MulticastRTP/linksys/127.0.0.1:$port/127.0.0.1:$port", PACKETS),
    # Files that are not sounds of this folder.
    Way("absolute", "Playback", "$secret", PLAYED),
    Way("relative", "Playback", "../../../..$secret", PLAYED),
    Way("relative-second", "Playback", "../../../..$secret&../../../..$secret", PLAYED),
    Way("absolute-control", "ControlPlayback", "$secret", "VarSet/CPLAYBACKSTATUS: SUCCESS"),
    Way("language", "BackGround", "secret,,$folder", "VarSet/BACKGROUNDSTATUS: SUCCESS"),
    # Mailboxes without their password.
    Way("mailbox-message", "VoiceMailPlayMsg", "100,1-1", "VarSet/VOICEMAIL_PLAYBACKSTATUS: SUCCESS"),
    Way("mailbox", "VoiceMailMain", "100,s", LISTENED, seconds=1),
    Way("mailbox-context", "VoiceMailMain", "100@default,sa(0)", LISTENED, seconds=1),
    Way("mailbox-old-options", "VoiceMailMain", "s100", LISTENED, seconds=1),
    # Conferences, without class call.
    Way("conference", "ConfBridge", "strangers", "ConfbridgeJoin/Conference: strangers"),
    Way(
        "conference-marked", "ConfBridge", "strangers,default_bridge", "ConfbridgeJoin/Conference: strangers"
    ),
    Way("bridge", "BridgeWait", "strangers", "BridgeEnter/BridgeType: "),
    # Events, without class user.
    Way("event", "UserEvent", "Forged,Colour: red", "UserEvent/UserEvent: Forged"),
    Way("event-bare", "UserEvent", "Forged", "UserEvent/UserEvent: Forged"),
    Way("event-cel", "CELGenUserEvent", "Forged,red", "CEL/EventName: Forged"),
]


def sockets_of_one_port() -> tuple[socket.socket, socket.socket]:
    """One that listens on TCP, and one on UDP.  A port that is free for one may be taken for the other."""
    for _ in range(100):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            return tcp, udp
    raise AssertionError("no port of 127.0.0.1 is free for TCP and UDP")


class Trap:
    """A port that records connections, by TCP or UDP."""

    def __init__(self) -> None:
        self.knocks = 0
        self.tcp, self.udp = sockets_of_one_port()
        self.port = self.tcp.getsockname()[1]
        for each in (self.tcp, self.udp):
            each.setblocking(False)

    def look(self, path: str) -> int:
        """How many connections there were until now, by TCP with a request for this path."""
        with suppress(BlockingIOError):
            while True:
                with self.tcp.accept()[0] as connection:
                    # Asterisk may still request a URL of another test, at a port that was given out again.
                    connection.settimeout(0.5)
                    self.knocks += path.encode() in connection.recv(2048)
        with suppress(BlockingIOError):
            while True:
                self.udp.recv(2048)
                self.knocks += 1
        return self.knocks

    def close(self) -> None:
        self.tcp.close()
        self.udp.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk("sid", manager_extra=ACCOUNT, extensions_extra=DIALPLAN)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    etc = asterisk.directory / "etc"
    with (etc / "modules.conf").open("a") as file:
        file.write(MODULES)
    with (etc / "queues.conf").open("a") as file:
        file.write("\n[announced]\nmember => Local/member@lab/n\n")
    (etc / "voicemail.conf").write_text(VOICEMAIL)
    (etc / "cel.conf").write_text(
        "[general]\nenable = yes\napps = all\nevents = ALL\n\n[manager]\nenabled = yes\n"
    )
    silence(asterisk.directory / "spool/secret.wav")
    asterisk.own_files()
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


def silence(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))


@pytest.fixture
def message(server: Asterisk) -> None:
    """One message in another user's mailbox, not yet listened to."""
    box = server.directory / "spool/voicemail/default/100"
    shutil.rmtree(box, ignore_errors=True)
    (box / "INBOX").mkdir(parents=True)
    (box / "INBOX/msg0000.txt").write_text(
        "[message]\norigmailbox=100\ncontext=default\norigtime=1700000000\nmsg_id=1-1\nduration=1\n"
    )
    silence(box / "INBOX/msg0000.wav")
    server.own_files()


@pytest.fixture(scope="module")
def proxy(server: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    process = ProxyProcess(
        tmp_path_factory.mktemp("proxy"),
        (server.host, server.port, server.user, server.secret),
        {"attacker": {"secret": hashed(SECRET), "read": "all", "write": ["originate"]}},
        limits=LIMITS,
    )
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


async def go(client: AmiClient, server: Asterisk, way: Way, whose: str, port: int) -> Message:
    """Place the call; the first leg is named after the way and the door."""

    def filled(text: str) -> str:
        spool = f"/srv/{server.directory.name}/spool"
        return (
            text.replace("$url", f"http://127.0.0.1:{port}/{whose}.wav")
            .replace("$port", str(port))
            .replace("$secret", f"{spool}/secret")
            .replace("$folder", spool)
        )

    variable = {"Variable": filled(way.variable)} if way.variable else {}
    return await client.action(
        "Originate",
        Channel=f"Local/wait{way.seconds}-{whose}@{'loud' if way.trap == PACKETS else 'lab'}",
        Application=way.application,
        Data=filled(way.data),
        Async="true",
        **variable,
    )


def is_triggered(way: Way, trap: Trap, observer: AmiClient, whose: str) -> bool:
    """Whether the forbidden target was reached."""
    if way.trap in {CONNECTION, PACKETS}:
        return trap.look(f"/{whose}.wav") > 0
    event, _, header = way.trap.partition("/")
    name, _, value = header.partition(": ")
    return any(
        message.event == event
        and (way.trap == LISTENED or f"-{whose}@" in (message.get("Channel") or ""))
        and (value in (message.get(name) or "\0") if event != "VarSet" else _is_set(message, name, value))
        for message in observer.log
    )


def _is_set(message: Message, name: str, value: str) -> bool:
    return message.get("Variable") == name and value in (message.get("Value") or "")


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("message")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_the_target_is_reached_at_asterisks_door_and_not_at_ours(
    server: Asterisk, proxy: ProxyProcess, trap: Trap, way: Way
) -> None:
    async with await AmiClient.connect(server.host, server.port) as observer:
        await observer.login(server.user, server.secret)
        async with await AmiClient.connect(server.host, server.port) as client:
            await client.login("attacker", SECRET)
            answer = await go(client, server, way, f"{way.name}-theirs", trap.port)
            assert answer.get("Response") == "Success", answer
            give_up_at = time.monotonic() + 10
            while not is_triggered(way, trap, observer, f"{way.name}-theirs"):
                assert time.monotonic() < give_up_at, "the way is not open at all: this proves nothing"
                await observer.action("Ping")
                await asyncio.sleep(0.05)
        ours = Trap()
        observer.log.clear()
        try:
            async with await proxy.connect() as client:
                await client.login("attacker", SECRET)
                answer = await go(client, server, way, f"{way.name}-ours", ours.port)
                assert answer.get("Response") == "Error", answer
                await asyncio.sleep(0.3)
                await observer.action("Ping")
                assert not is_triggered(way, ours, observer, f"{way.name}-ours")
                assert not any(
                    f"{way.name}-ours@" in message.raw.decode("latin-1") for message in observer.log
                )
        finally:
            ours.close()
