"""What the proxy imitates, measured on Asterisk itself: should a version change it, this says so first."""

import asyncio
import ssl
import time

import pytest

from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

BANNERS = {"22": b"Asterisk Call Manager/11.", "16": b"Asterisk Call Manager/5."}


async def connected(asterisk: Asterisk, user: str = Asterisk.user) -> AmiClient:
    client = await AmiClient.connect(asterisk.host, asterisk.port)
    secret = asterisk.secret if user == asterisk.user else asterisk.users[user]
    answer = await client.login(user, secret)
    assert answer.get("Response") == "Success", answer
    return client


async def test_banner_names_the_protocol_version(asterisk: Asterisk) -> None:
    async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
        assert client.banner.startswith(BANNERS[asterisk.version])


async def test_its_own_tls_door_serves_the_same(asterisk: Asterisk) -> None:
    context = ssl.create_default_context(cafile=str(asterisk.cafile))
    async with await AmiClient.connect(asterisk.host, asterisk.tls_port, tls=context) as client:
        answer = await client.login_md5(asterisk.user, asterisk.secret)
        assert answer.get("Message") == "Authentication accepted"


async def test_fully_booted_follows_the_login_at_once(asterisk: Asterisk) -> None:
    async with await connected(asterisk) as client:
        booted = await client.wait_event("FullyBooted")
        names = [name for name, _ in booted.headers]
        assert names == ["Event", "Privilege", "Uptime", "LastReload", "Status"]
        assert client.log[1] is booted


@pytest.mark.parametrize(
    ("user", "secret"), [("proxy", "wrong"), ("nobody", "wrong"), ("lab-acl", "acl"), ("proxy", "")]
)
async def test_a_refused_login_takes_a_second_and_ends_the_connection(
    asterisk: Asterisk, user: str, secret: str
) -> None:
    async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
        begin = time.monotonic()
        answer = await client.login(user, secret, ActionID="mine")
        assert 0.9 < time.monotonic() - begin < 3
        assert answer.raw == b"Response: Error\r\nActionID: mine\r\nMessage: Authentication failed\r\n\r\n"
        assert await client.ended() == "end of stream"


async def test_list_items_have_no_privilege_and_reach_who_may_read_nothing(asterisk: Asterisk) -> None:
    async with await connected(asterisk) as maker, await connected(asterisk, "lab-reader") as reader:
        await reader.action("Events", EventMask="off")
        await maker.action(
            "Originate", Channel="Local/wait5-facts@lab/n", Application="Wait", Data="5", Async="true"
        )
        await maker.wait_event("Newstate", lambda event: "wait5-facts" in (event.get("Channel") or ""))
        response, items, complete = await reader.event_list("CoreShowChannels")
        assert [name for name, _ in response.headers] == ["Response", "ActionID", "EventList", "Message"]
        assert any("wait5-facts" in (item.get("Channel") or "") for item in items)
        assert {item.get("Privilege") for item in items} == {None}
        assert complete.get("ListItems") == str(len(items))
        await maker.action("Hangup", Channel="/Local\\/wait5-facts.*/")


async def test_sync_originate_holds_up_its_session_and_no_other(asterisk: Asterisk) -> None:
    async with await connected(asterisk) as blocked, await connected(asterisk) as other:
        begin = time.monotonic()
        first = blocked.send(
            "Originate", Channel="Local/noanswer@lab", Application="Wait", Data="1", Timeout="1500"
        )
        second = blocked.send("Ping")
        assert (await other.action("Ping")).get("Ping") == "Pong"
        assert time.monotonic() - begin < 1
        failed = await blocked.response(first)
        await blocked.response(second)
        assert time.monotonic() - begin > 1.4
        assert failed.get("Message") == "Originate failed"
        assert not [message for message in blocked.log if message.event == "OriginateResponse"]


async def test_async_originate_answers_at_once_and_reports_to_all_with_the_asker_s_id(
    asterisk: Asterisk,
) -> None:
    async with await connected(asterisk) as asker, await connected(asterisk) as other:
        answer = await asker.action(
            "Originate",
            Channel="Local/wait1@lab",
            Application="Wait",
            Data="1",
            Async="true",
            ActionID="orig/1",
        )
        assert answer.get("Message") == "Originate successfully queued"
        for client in (asker, other):
            event = await client.wait_event("OriginateResponse", ActionID="orig/1")
            assert event.all("Response") == ["Success"]
            assert event.get("Reason") == "4"


async def test_a_user_event_carries_the_sender_s_id_to_all(asterisk: Asterisk) -> None:
    async with await connected(asterisk) as sender, await connected(asterisk, "lab-reader") as other:
        sender.send("UserEvent", UserEvent="Facts", ActionID="--sender--", Colour="blue")
        event = await other.wait_event("UserEvent", UserEvent="Facts")
        assert event.without("SystemName") == [
            ("Event", "UserEvent"),
            ("Privilege", "user,all"),
            ("UserEvent", "Facts"),
            ("ActionID", "--sender--"),
            ("Colour", "blue"),
        ]


async def test_an_extra_user_is_there_after_a_reload(asterisk: Asterisk) -> None:
    asterisk.reload_manager("[lab-extra]\nsecret = extra\nread = user\nwrite =\n")
    try:
        async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
            await client.login("lab-extra", "extra")
            assert (await client.action("CoreStatus")).get("Message") == "Permission denied"
    finally:
        asterisk.reload_manager("")


async def test_a_restart_ends_the_sessions_and_keeps_the_ports(asterisk: Asterisk) -> None:
    port = asterisk.port
    async with await connected(asterisk) as client:
        await asyncio.to_thread(asterisk.restart)
        await client.ended()
    assert asterisk.port == port
    async with await connected(asterisk) as client:
        assert (await client.action("Ping")).get("Ping") == "Pong"
