"""Recorded output of Asterisk, cut by the proxy's framers: the pieces in which it arrives do not matter."""

import random
import re
from pathlib import Path

import pytest

from amiproxy.ami.framing import ActionFramer, UpstreamFramer
from tests.transcripts.recordings import STEMS, received, sent

every_recording = pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)


def cut(data: bytes, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    ends = sorted(chance.sample(range(len(data) + 1), min(len(data), 40)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def fed(framer: UpstreamFramer | ActionFramer, pieces: list[bytes]) -> list[bytes]:
    return [message for piece in pieces for message in framer.feed(piece)]


def behind_banner(stem: Path) -> bytes:
    banner, newline, rest = received(stem).partition(b"\r\n")
    assert banner.startswith(b"Asterisk Call Manager/")
    assert newline
    return rest


def test_all_recordings_are_there() -> None:
    assert len(STEMS) == 90


@every_recording
def test_upstream_messages_do_not_depend_on_how_the_bytes_arrive(stem: Path) -> None:
    stream = behind_banner(stem)
    whole = fed(UpstreamFramer(), [stream])
    assert fed(UpstreamFramer(), [stream[at : at + 1] for at in range(len(stream))]) == whole
    for seed in range(5):
        assert fed(UpstreamFramer(), cut(stream, seed)) == whole


@every_recording
def test_upstream_framing_loses_nothing_but_stray_line_ends(stem: Path) -> None:
    stream = behind_banner(stem)
    framer = UpstreamFramer()
    messages = framer.feed(stream)
    assert not framer.cut
    position = 0
    for message in messages:
        start = stream.index(message, position)
        assert re.fullmatch(rb"[\r\n]*", stream[position:start])
        position = start + len(message)
    assert re.fullmatch(rb"[\r\n]*", stream[position:])


@every_recording
def test_actions_do_not_depend_on_how_the_bytes_arrive(stem: Path) -> None:
    stream = sent(stem)
    whole = fed(ActionFramer(), [stream])
    assert b"".join(whole) == stream
    assert fed(ActionFramer(), [stream[at : at + 1] for at in range(len(stream))]) == whole
    for seed in range(5):
        assert fed(ActionFramer(), cut(stream, seed)) == whole


@pytest.mark.parametrize("version", ["16", "22"])
def test_every_message_begins_as_a_response_or_an_event(version: str) -> None:
    # IAXnetstats prints rows that are not messages.
    strange = {f"{version}-30-iax"}
    for stem in STEMS:
        if stem.name.startswith(version) and stem.name not in strange:
            for message in UpstreamFramer().feed(behind_banner(stem)):
                assert message.startswith((b"Response: ", b"Event: ")), (stem.name, message)
