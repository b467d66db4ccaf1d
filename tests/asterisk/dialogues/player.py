"""Plays a dialogue at a door, and returns the transcripts of all sessions that took part."""

import asyncio
import hashlib
import re
from itertools import pairwise

from tests.asterisk.dialogues.script import Dialogue, EndOfStream, Send, Step, Until
from tests.asterisk.dialogues.transcript import by_threads, steady
from tests.asterisk.door import SECRETS, Door
from tests.support.ami_client import AmiClient

_CHANNEL = re.compile(rb"Event: Newchannel\r\n(?:.*\r\n)*?Channel: (Local/.*;([12]))\r\n")
#: Seconds for messages that may still arrive after the last step: Asterisk's threads, the proxy's flush.
SETTLE = 0.04


async def play(door: Door, dialogue: Dialogue, settle: float = SETTLE) -> list[list[bytes]]:
    """The transcript of the session, then those of its watchers.

    ``settle``: after this many seconds without a message, all have arrived.  A busy machine needs more; with
    more than usual, outstanding messages are waited for before each step, not only after events of a call.
    """
    watchers: list[AmiClient] = []
    try:
        for name in dialogue.watchers:
            watchers.append(await door.login(name))  # noqa: PERF401 - the finally below ends those that are in
        begins = [await _fenced(watcher, settle) for watcher in watchers]
        async with await door.connect() as client:
            lines = [client.banner, *await _played(client, dialogue, settle)]
            for watcher in watchers:
                await _fenced(watcher, settle)
        said = [lines, *(_raw(watcher, begin) for watcher, begin in zip(watchers, begins, strict=True))]
    finally:
        for watcher in watchers:
            await watcher.close()
    arranged = (steady(transcript) for transcript in said)
    return [by_threads(one) if dialogue.calls else one for one in arranged]


async def _fenced(client: AmiClient, settle: float) -> int:
    await _quiet(client, settle)
    await client.action("Ping", ActionID="fence")
    return len(client.log)


async def _quiet(client: AmiClient, settle: float) -> None:
    """Wait until no message has come for a while: the threads of a call have sent theirs."""
    told = -1
    while told < len(client.log):
        told = len(client.log)
        await asyncio.sleep(settle)


def _raw(client: AmiClient, begin: int = 0) -> list[bytes]:
    return [message.raw for message in client.log[begin:]]


async def _played(client: AmiClient, dialogue: Dialogue, settle: float) -> list[bytes]:
    note = []
    try:
        for before, step in pairwise((None, *dialogue.steps)):
            after_events = dialogue.calls and isinstance(before, Until)
            if isinstance(step, Send) and (after_events or (settle > SETTLE and not dialogue.is_deaf)):
                await _quiet(client, settle)
            await _done(client, step)
        if isinstance(dialogue.steps[-1], EndOfStream):
            note.append(b"(end of stream)")
        elif dialogue.is_deaf:
            await client.action("Ping", ActionID="fence")
        else:
            await _fenced(client, settle)
    except ConnectionError:
        note.append(b"(end of stream)")
    except TimeoutError as error:
        note.append(b"(%b)" % str(error).partition(";")[0].encode())
    if client.blank_lines:
        note.append(b"(blank lines between messages: %d)" % client.blank_lines)
    if client.received:
        note.append(b"(unfinished) " + client.received)
    return _raw(client) + note


async def _done(client: AmiClient, step: Step) -> None:
    if isinstance(step, EndOfStream):
        await client.ended()
    elif isinstance(step, Send):
        client.send_raw(re.sub(rb"<<(\w+)>>", lambda found: _filled(client, found[1]), step.data))
        for _ in range(step.answers):
            answer = await client.take(lambda message: message.is_response, "a response", 5)
            if (answer.get("EventList") or "").lower() == "start":
                await client.take(
                    lambda message: message.get("EventList") in {"Complete", "Cancelled"}, "a list's end", 5
                )
    else:
        pattern = re.compile(step.pattern, re.MULTILINE)
        await client.take(lambda message: pattern.search(message.raw), repr(step.pattern), 5)


def _filled(client: AmiClient, name: bytes) -> bytes:
    if name.lower() == b"key":
        challenge = next(message.get("Challenge") for message in client.log if message.get("Challenge")) or ""
        key = hashlib.md5((challenge + SECRETS["proxy"]).encode(), usedforsecurity=False).hexdigest().encode()
        return key if name == b"key" else key.upper()
    half = {b"channel": b"1", b"peer": b"2"}[name]
    found = [match for message in client.log if (match := _CHANNEL.match(message.raw)) and match[2] == half]
    return found[-1][1]
