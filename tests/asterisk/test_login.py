"""Logging in and out: the same texts, delays and closes as at Asterisk's own door."""

import asyncio
import hashlib
import ssl
import time

import pytest

from tests.asterisk.door import SECRETS, Door
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

BANNERS = {"22": b"Asterisk Call Manager/11.", "16": b"Asterisk Call Manager/5."}


async def test_the_banner_names_the_protocol_version(door: Door) -> None:
    async with await door.connect() as client:
        assert client.banner.startswith(BANNERS[door.asterisk.version])


async def test_a_plain_login_is_followed_by_fullybooted(door: Door) -> None:
    async with await door.connect() as client:
        answer = await client.login("proxy", SECRETS["proxy"], ActionID="1")
        assert answer.raw == b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
        booted = await client.wait_event("FullyBooted")
        names = [name for name, _ in booted.headers]
        assert names == ["Event", "Privilege", "Uptime", "LastReload", "Status"]
        assert client.log[:2] == [answer, booted]


async def test_a_login_by_challenge_is_accepted(door: Door) -> None:
    async with await door.connect() as client:
        answer = await client.login_md5("proxy", SECRETS["proxy"])
        assert answer.get("Message") == "Authentication accepted"


async def test_user_names_and_actions_match_in_any_case(door: Door) -> None:
    async with await door.connect() as client:
        client.send_raw(b"SECRET: reader\nusername: LAB-Reader\naction: LOGIN\n\n")
        answer = await client.response(None)
        assert answer.get("Message") == "Authentication accepted"


@pytest.mark.parametrize(
    ("user", "secret"),
    [("proxy", "wrong"), ("nobody", "wrong"), ("lab-acl", "acl"), ("proxy", ""), ("", "proxysecret")],
)
async def test_a_refused_login_takes_a_second_and_ends_the_connection(
    door: Door, user: str, secret: str
) -> None:
    async with await door.connect() as client:
        begin = time.monotonic()
        answer = await client.login(user, secret, ActionID="mine")
        assert time.monotonic() - begin > 0.9
        assert answer.raw == b"Response: Error\r\nActionID: mine\r\nMessage: Authentication failed\r\n\r\n"
        assert await client.ended() == "end of stream"


async def test_a_refused_login_delays_no_other_session(door: Door) -> None:
    async with await door.connect() as refused, await door.login() as other:
        refused.send("Login", Username="proxy", Secret="wrong")
        await other.action("Ping")
        assert refused.log == []
        await refused.ended()
        assert len(refused.log) == 1


async def test_an_upper_case_key_is_refused(door: Door) -> None:
    async with await door.connect() as client:
        challenge = (await client.action("Challenge", AuthType="md5")).get("Challenge") or ""
        key = hashlib.md5((challenge + SECRETS["proxy"]).encode(), usedforsecurity=False).hexdigest().upper()
        answer = await client.action("Login", AuthType="MD5", Username="proxy", Key=key)
        assert answer.get("Message") == "Authentication failed"


async def test_the_challenge_stays_the_same_within_a_session(door: Door) -> None:
    async with await door.connect() as client:
        first = await client.action("Challenge", AuthType="MD5")
        second = await client.action("Challenge", AuthType="MD5")
        assert first.get("Challenge") == second.get("Challenge")
        assert (first.get("Challenge") or "").isdigit()


async def test_a_user_limited_to_one_session_is_refused_a_second(door: Door) -> None:
    async with await door.login("lab-single"), await door.connect() as second:
        answer = await second.login("LAB-SINGLE", "wrong")
        assert answer.get("Message") == "Login Already In Use"
        assert await second.ended() == "end of stream"
    # Free again once the first has gone, which Asterisk notices with some delay.
    async with asyncio.timeout(10):
        while True:
            async with await door.connect() as again:
                if (await again.login("lab-single", "single")).get("Response") == "Success":
                    return


async def test_asterisks_own_tls_port_accepts_logins(asterisk: Asterisk) -> None:
    context = ssl.create_default_context(cafile=str(asterisk.cafile))
    async with await AmiClient.connect(asterisk.host, asterisk.tls_port, tls=context) as client:
        assert (await client.login_md5("proxy", SECRETS["proxy"])).get("Response") == "Success"
