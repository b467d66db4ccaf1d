"""Attacks by their effect: present at Asterisk's own door, by a user of the same classes, absent at ours.

Each comes in variants of one kind: the kind must be refused, not only the variant that was found.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from tests.attack.attackers import SECRET
from tests.attack.target import Target
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess

#: Seconds in which every effect here occurs at Asterisk's own door.
SOON = 20.0
#: Seconds after which it would have occurred at ours: a parked call comes back after one.
LATE = 1.6


class Attack(NamedTuple):
    """One attempt of ``who``; ``headers`` of ``action`` may refer to values of the target.

    ``before`` is done by an administrator: it sets up the calls that the attack is about.
    """

    name: str
    who: str
    effect: str
    action: str
    headers: dict[str, str]
    before: Callable[[Target, dict[str, str]], Awaitable[None]] | None = None


async def call(target: Target, values: dict[str, str]) -> None:
    values["own"], values["own2"] = await target.call()
    values["other"], values["other2"] = await target.call()


async def featured(target: Target, values: dict[str, str]) -> None:
    """A call of two in a bridge, where both may transfer by #1, and transfers go to another context."""
    first, second = await target.call("featured", "own")
    give_up_at = time.monotonic() + 20
    while not (await target.admin.action("Getvar", Channel=second, Variable="BRIDGEPEER")).get("Value"):
        assert time.monotonic() < give_up_at, "the two are not connected"
        await asyncio.sleep(0.02)
    both = [name for name in await target.channels() if name.startswith("Local/phone@theirs")]
    values["caller"] = first[:-1] + "2"
    values["callee"] = min(both)
    values["callee_id"] = (
        await target.admin.action("Getvar", Channel=values["callee"], Variable="UNIQUEID")
    ).get("Value") or ""


def dial(name: str, who: str, channel: str, **more: str) -> Attack:
    headers = {
        "Channel": channel,
        "Application": "Wait",
        "Data": "1",
        "Async": "true",
        "Timeout": "1000",
        **more,
    }
    return Attack(name, who, "connection", "Originate", headers)


SECRET_PARK = {"Channel": "{own}", "Timeout": "200"}
ATTACKS = [
    # A user with contexts reaches another: the channel to which a parked call comes back.
    Attack(
        "comeback",
        "in-contexts",
        "secret",
        "Park",
        {**SECRET_PARK, "TimeoutChannel": "Local/s@secret-0"},
        call,
    ),
    Attack(
        "comeback-second-name",
        "in-contexts",
        "secret",
        "Park",
        {**SECRET_PARK, "Channel2": "Local/s@secret-0"},
        call,
    ),
    Attack(
        "comeback-options",
        "in-contexts",
        "secret",
        "Park",
        {**SECRET_PARK, "TimeoutChannel": "local/s@secret/n-1"},
        call,
    ),
    Attack(
        "comeback-of-two",
        "in-contexts",
        "secret",
        "Park",
        {**SECRET_PARK, "TimeoutChannel": "Local/own@own&Local/s@secret-0"},
        call,
    ),
    Attack(
        "second-leg",
        "in-contexts",
        "secret",
        "Redirect",
        {
            "Channel": "{own}",
            "Context": "own",
            "Exten": "own",
            "Priority": "1",
            "ExtraChannel": "{other}",
            "ExtraContext": "secret",
            "ExtraExten": "s",
            "ExtraPriority": "1",
        },
        call,
    ),
    # Digits sent by one side of a call: a feature code moves the other to a context of the dialplan's choice.
    *(
        Attack(f"typed-{name}", "in-contexts", "secret", "PlayDTMF", {"Channel": channel, **more}, featured)
        for name, channel, more in (
            ("by-caller", "{caller}", {"Receive": "true"}),
            ("by-callee", "{callee}", {"Receive": "1"}),
            ("by-id", "{callee_id}", {"Receive": "yes"}),
            ("through-the-other-half", "{first}", {}),
        )
    ),
    Attack(
        "typed-by-dial",
        "in-contexts",
        "secret",
        "Originate",
        {
            "Channel": "Local/own@own",
            "Application": "Dial",
            "Data": "Local/featured@own,9,D(ww#1w7w#)",
            "Async": "true",
        },
    ),
    # An id that a dialplan passes to a shell.
    *(
        Attack(
            f"id-{name}",
            "class-originate",
            "file",
            "Originate",
            {
                "Channel": "Local/own@own",
                "Application": "Wait",
                "Data": "1",
                "Async": "true",
                "ChannelId": f"x{name}",
                "OtherChannelId": f"y{value}",
            },
        )
        for name, value in (
            ("semicolon", ";id>{traps}/id;"),
            ("backquotes", "`id>{traps}/id`"),
            ("dollar", "$(id>{traps}/id)"),
        )
    ),
    # Hosts and technologies that do not belong to a telephone.
    dial(
        "audiosocket", "class-originate", "AudioSocket/127.0.0.1:{tcp}/40325ec2-5efd-4bd3-805f-53576e581d13"
    ),
    dial("unicast", "class-originate", "UnicastRTP/127.0.0.1:{udp}", Application="Milliwatt"),
    dial("unicast-codec", "class-originate", "UnicastRTP/127.0.0.1:{udp}/c(ulaw)", Application="Milliwatt"),
    dial("unicast-spelled", "in-both", "unicastrtp/127.0.0.1:{udp}", Application="Milliwatt"),
    dial("multicast", "class-originate", "MulticastRTP/basic/127.0.0.1:{udp}", Application="Milliwatt"),
    dial("sip-host", "class-originate", "PJSIP/200/sip:x@127.0.0.1:{udp}"),
    dial(
        "sip-host-as-argument",
        "class-originate",
        "Local/own@own",
        Application="Dial",
        Data="PJSIP/200/sip:x@127.0.0.1:{udp}",
    ),
    dial("iax-host", "class-originate", "IAX2/x@127.0.0.1:{udp}/100"),
    dial("iax-host-and-context", "class-originate", "IAX2/127.0.0.1:{udp}/100@own"),
    dial(
        "media",
        "class-originate",
        "Local/own@own",
        Application="Playback",
        Data="http://127.0.0.1:{tcp}/x.wav",
    ),
    Attack(
        "message",
        "class-message",
        "connection",
        "MessageSend",
        {"To": "pjsip:200/sip:x@127.0.0.1:{udp}", "From": "x", "Body": "x"},
    ),
    Attack(
        "message-without-scheme",
        "class-message",
        "connection",
        "MessageSend",
        {"To": "pjsip:200/127.0.0.1:{udp}", "From": "x", "Body": "x"},
    ),
    Attack(
        "message-second-name",
        "class-message",
        "connection",
        "MessageSend",
        {"To": "pjsip:200", "Destination": "pjsip:200/sip:x@127.0.0.1:{udp}", "From": "x", "Body": "x"},
    ),
    # All objects of a kind.
    Attack("pattern", "class-call", "neighbour", "Hangup", {"Channel": "/.*/"}),
    Attack("pattern-of-one", "class-call", "neighbour", "Hangup", {"Channel": "/^Local.neigh/"}),
    Attack("pattern-of-all", "class-call", "neighbour", "Hangup", {"Channel": "//"}),
]


async def attempt(client: AmiClient, target: Target, attack: Attack) -> None:
    values = {
        "traps": target.traps,
        "tcp": str(target.ports.tcp),
        "udp": str(target.ports.udp),
    }
    if attack.before is not None:
        await attack.before(target, values)
    if attack.action == "PlayDTMF":
        for digit in "#17#":
            await client.action(attack.action, Digit=digit, **said(attack, values))
            await asyncio.sleep(0.15)
    else:
        await client.action(attack.action, **said(attack, values))


def said(attack: Attack, values: dict[str, str]) -> dict[str, str]:
    if "caller" in values:
        values["first"] = values["caller"][:-1] + "1"
    return {name: value.format_map(values) for name, value in attack.headers.items()}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_the_effect_occurs_at_asterisks_door_and_not_at_ours(
    target: Target, attacked: tuple[Target, ProxyProcess], attack: Attack
) -> None:
    async with await AmiClient.connect(target.asterisk.host, target.asterisk.port) as client:
        await client.login(attack.who, SECRET)
        await attempt(client, target, attack)
        give_up_at = time.monotonic() + SOON
        while attack.effect not in await target.tripped():
            assert time.monotonic() < give_up_at, "the way is not open at all: this proves nothing"
            await asyncio.sleep(0.05)
    target.renew_ports()
    await target.restore()
    _, proxy = attacked
    async with await proxy.connect() as client:
        await client.login(attack.who, SECRET)
        await attempt(client, target, attack)
        await asyncio.sleep(LATE)
        assert await target.tripped() == {}
