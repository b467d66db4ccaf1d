"""A batch of odd bytes at both doors: Asterisk runs exactly the judged actions, and reads them alike.

The bytes are made by a generator with a fixed seed, so a failure repeats.  Each
is one or more UserEvents, which any other session sees when they run: the events
that arrive there show exactly what Asterisk was made to do.
"""

import random
from dataclasses import dataclass, field

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import parse_action
from amiproxy.ami.privilege import ALL
from amiproxy.core.model.users import User
from amiproxy.core.policy import decide
from amiproxy.core.policy.verdict import Deny
from tests.asterisk.door import Door
from tests.support.ami_client import AmiClient, Message

INPUTS = 150
_BOSS = User("boss", ALL, ALL)
_ENDS = [b"\r\n", b"\r\n", b"\n"]
_ODD_ENDS = [*_ENDS * 3, b"\r\r\n", b"\0\r\n", b"\0x\r\n", b"\r"]
_LINES = [
    b"Note: two words ",
    b"Note:tab\there",
    b"Note:",
    b"note: repeated",
    b"Note : blank before the colon",
    b" Note: blank before the name",
    b"no colon at all",
    b"Two Words: kept",
    b"UserEvent: second",
    b"Action: Ping",
    b"Action:",
    b"ActionID: other",
    b"Utf: za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87",
    b"Latin: \xff\xfe\x85",
    b": nameless",
    b"X: " + b"y" * 1017,
    b"X: " + b"y" * 1019,
]
_ODD_LINES = [
    *_LINES,
    b"Event: Hangup",
    b"Response: Success",
    b"Privilege: all",
    b"\0",
    b"X: " + b"y" * 1020,
    b"X: " + b"y" * 1021,
    b"X: " + b"y" * 2043,
]


def _block(chance: random.Random, name: str, odd: bool) -> bytes:
    lines = [b"Action: UserEvent", b"UserEvent: " + name.encode(), b"ActionID: " + name.encode()]
    lines += chance.choices(_ODD_LINES if odd else _LINES, k=chance.randrange(5))
    if chance.random() < 0.3:
        chance.shuffle(lines)
    if chance.random() < 0.03:
        lines += [b"H: v"] * chance.choice([119, 121, 130])
    return b"".join(line + chance.choice(_ODD_ENDS if odd else _ENDS) for line in lines)


def made(number: int) -> bytes:
    """One input: sometimes with a second action where a careless parser would see none."""
    chance = random.Random(number)
    odd = chance.random() < 0.4
    data = _block(chance, f"outer-{number}", odd)
    if chance.random() < 0.4:
        between = [b"\r\n", b"\n", b"\r\r\n", b"\0\r\n", b""] if odd else [b"\r\n", b"\n", b""]
        data += chance.choice(between) + _block(chance, f"inner-{number}", odd)
    return data + b"\r\n"


@dataclass
class Judged:
    """The proxy's reading of an input."""

    names: list[str] = field(default_factory=list)
    refused: bool = False


def judged(data: bytes) -> Judged:
    found = Judged()
    try:
        messages = ActionFramer().feed(data + b"\r\n")
    except ProtocolError:
        return Judged(refused=True)
    for raw in messages:
        try:
            action = parse_action(raw)
            if action.name and isinstance(decide(_BOSS, action, SHIPPED), Deny):
                found.refused = True
            elif action.key == b"userevent":
                found.names.append(action.get(b"userevent").decode("utf-8", "surrogateescape"))
        except ProtocolError as error:
            found.refused = True
            if error.fatal:
                break
    return found


async def answers(door: Door, inputs: list[bytes]) -> list[list[bytes]]:
    """The answer to each input, on connections that are opened again when they end."""
    said: list[list[bytes]] = []
    client: AmiClient | None = None
    for number, data in enumerate(inputs):
        if client is None:
            client = await door.login(Events="off")
        begin = len(client.log)
        client.send_raw(data + b"\r\nAction: Ping\r\nActionID: fence-%d\r\n\r\n" % number)
        try:
            await client.response(f"fence-{number}")
        except ConnectionError:
            said.append([message.raw for message in client.log[begin:]])
            await client.close()
            client = None
            continue
        said.append([message.raw for message in client.log[begin:] if b"\r\nTimestamp:" not in message.raw])
    if client is not None:
        await client.close()
    return said


async def happened(
    door: Door, watcher: AmiClient, inputs: list[bytes]
) -> tuple[list[list[bytes]], list[Message]]:
    """The answers, and the user events that another session saw."""
    said = await answers(door, inputs)
    async with await door.login(Events="off") as last:
        await last.action("UserEvent", UserEvent="Done")
    await watcher.wait_event("UserEvent", UserEvent="Done")
    seen = [message for message in watcher.log if message.event == "UserEvent"][:-1]
    watcher.log.clear()
    watcher.inbox.clear()
    return said, seen


@pytest.mark.timeout(120)
async def test_asterisk_runs_the_judged_actions_and_reads_them_alike(direct: Door, proxied: Door) -> None:
    inputs = [made(number) for number in range(INPUTS)]
    verdicts = [judged(data) for data in inputs]
    refused = sum(verdict.refused for verdict in verdicts)
    assert INPUTS // 4 < refused < INPUTS * 3 // 4, "of both kinds there must be enough"
    async with await direct.login(Events="user") as watcher:
        through, made_to_do = await happened(proxied, watcher, inputs)
        said, done = await happened(direct, watcher, inputs)

    # Not one user event more, or other, than was judged, whatever the bytes around it were.
    expected = [name for verdict in verdicts for name in verdict.names]
    assert [message.get("UserEvent") for message in made_to_do] == expected

    # And where the proxy did not refuse, the answers and the events are those of Asterisk's own door.
    accepted = [number for number in range(INPUTS) if not verdicts[number].refused]
    for number in accepted:
        assert through[number] == said[number], inputs[number]
    names = {name for number in accepted for name in verdicts[number].names}

    through_it, own = (
        [_lines(m) for m in some if m.get("UserEvent") in names] for some in (made_to_do, done)
    )
    for through_proxy, at_its_door in zip(through_it, own, strict=True):
        assert through_proxy == at_its_door


def _lines(event: Message) -> list[bytes]:
    """The lines of a user event except the ids, which are the proxy's own on the link."""
    lines = event.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return [line for line in lines if not line.lower().startswith((b"actionid:", b"action:"))]
