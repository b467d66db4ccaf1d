"""Sessions of every kind, at Asterisk and at the proxy: the same bytes, except documented differences."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff
from itertools import product

import pytest

from tests.asterisk.dialogues.all import DIALOGUES
from tests.asterisk.dialogues.differences import BY_NAME, DIFFERENCES, Transcript
from tests.asterisk.dialogues.player import SETTLE, play
from tests.asterisk.dialogues.script import Dialogue
from tests.asterisk.door import Door
from tests.asterisk.lab.asterisk import Asterisk

EQUAL, DOCUMENTED, DIFFERENT = "equal", "equal but for documented differences", "different"
AGAIN = "of them only when played again"

pytestmark = pytest.mark.parametrize("asterisk", ["22", "16"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Counter[tuple[str, str]]]:
    """How many sessions had which outcome, by Asterisk; printed at the end."""
    counted: Counter[tuple[str, str]] = Counter()
    yield counted
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for version in sorted({version for version, _ in counted}, reverse=True):
            numbers = (
                f"{counted[version, outcome]} {outcome}" for outcome in (EQUAL, DOCUMENTED, AGAIN, DIFFERENT)
            )
            print(f"\nsessions at Asterisk {version} and at the proxy: {', '.join(numbers)}")  # noqa: T201


Both = tuple[list[list[Transcript]], list[list[Transcript]]]
Played = dict[str, tuple[list[Transcript], list[Transcript]]]


@pytest.fixture(scope="module")
def without_events(asterisk: Asterisk, request: pytest.FixtureRequest) -> Played:
    """Transcripts of all sessions without events, played at once: a refused login takes a second."""
    deaf = [one for one in DIALOGUES.values() if one.is_deaf]
    doors = Door(asterisk, None), Door(asterisk, request.getfixturevalue(f"proxy{asterisk.version}"))

    async def played() -> list[list[Transcript]]:
        places = asyncio.Semaphore(16)

        async def one(door: Door, dialogue: Dialogue) -> list[Transcript]:
            async with places:
                return await play(door, dialogue)

        return await asyncio.gather(*(one(door, dialogue) for dialogue in deaf for door in doors))

    said = asyncio.run(played())
    return {one.name: (said[2 * number], said[2 * number + 1]) for number, one in enumerate(deaf)}


async def quiet(direct: Door) -> None:
    """The calls of earlier tests end first, and the events that they and the logins cause have arrived."""
    async with await direct.login(Events="off") as client, asyncio.timeout(20):
        while (await client.event_list("CoreShowChannels"))[1]:
            await client.action("Hangup", Channel="/./")
        await asyncio.sleep(0.03)


def allowed(dialogue: Dialogue, version: str) -> set[str]:
    """The differences that must occur here."""
    named = (name.partition("@") for name in dialogue.differences)
    return {name for name, _, until in named if not until or int(version) < int(until)}


def without(
    differences: set[str], theirs: list[Transcript], ours: list[Transcript]
) -> tuple[set[str], list[Transcript], list[Transcript]]:
    """The transcripts without these differences, and which of them occurred."""
    found = set()
    for difference in DIFFERENCES:
        if difference.everywhere or difference.name in differences:
            pairs = [difference.without(*both) for both in zip(theirs, ours, strict=True)]
            left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            # Values that both had, such as the same address, are not a difference.
            if _apart(left, right) < _apart(theirs, ours):
                found.add(difference.name)
            theirs, ours = left, right
    return found, theirs, ours


def _apart(theirs: list[Transcript], ours: list[Transcript]) -> int:
    """How many messages are in only one of the transcripts."""
    apart = 0
    for one, other in zip(theirs, ours, strict=True):
        left, right = Counter(one), Counter(other)
        apart += ((left - right) + (right - left)).total()
    return apart


def _difference(theirs: list[Transcript], ours: list[Transcript]) -> str:
    def lines(transcript: Transcript) -> list[str]:
        return "\n".join(repr(message)[2:-1].replace(r"\r\n", "\n") for message in transcript).split("\n")

    shown: list[str] = []
    for one, other in zip(theirs, ours, strict=True):
        shown += unified_diff(lines(one), lines(other), "Asterisk", "the proxy", lineterm="")
    return "\n".join(shown)


#: Seconds of settling in each round: more in the next, if they were too few for a busy machine.
ROUNDS = (SETTLE, 5 * SETTLE, 10 * SETTLE)


def _fault(dialogue: Dialogue, version: str, theirs: list[Transcript], ours: list[Transcript]) -> str:
    """Undocumented differences of these transcripts, or missing documented ones; empty if there are none."""
    expected = allowed(dialogue, version)
    found, left, right = without(expected, theirs, ours)
    if right != left:
        return _difference(left, right)
    if unseen := [message for one in left for message in one if message.startswith(b"(no sign of")]:
        return f"both doors: {unseen}"
    shown = {one for one in found if not BY_NAME[one].everywhere}
    return "" if shown == expected else f"documented: {expected}, shown: {shown}"


@pytest.mark.parametrize("name", DIALOGUES)
async def test_a_session_is_equal_at_both_doors(
    direct: Door, proxied: Door, without_events: Played, outcomes: Counter[tuple[str, str]], name: str
) -> None:
    """The proxy's transcript is one that Asterisk's own door has given too, except documented differences.

    Two equal sessions at Asterisk's own door are not always equal: its threads race, and a second may end in
    between.  So if the doors differ, the session is played again at both, with more time, in up to three
    rounds, and a transcript of the proxy must equal one of Asterisk's own.  A difference that the proxy makes
    occurs in every round.
    """
    dialogue, version = DIALOGUES[name], direct.asterisk.version
    if dialogue.warm:
        await quiet(direct)
        await play(direct, dialogue)
    faults: list[str] = []
    played: Both = [], []
    outcomes[version, DIFFERENT] += 1  # until it is known to be better
    for number, settle in enumerate(ROUNDS):
        if dialogue.is_deaf and number == 0:
            theirs, ours = without_events[name]
        else:
            await quiet(direct)
            theirs, ours = await play(direct, dialogue, settle), await play(proxied, dialogue, settle)
        played[0].append(theirs)
        played[1].append(ours)
        faults.append(_fault(dialogue, version, theirs, ours))
        like = [both for both in product(*played) if not _fault(dialogue, version, *both)]
        if like:
            outcomes[version, DIFFERENT] -= 1
            outcomes[version, EQUAL if like[0][0] == like[0][1] else DOCUMENTED] += 1
            outcomes[version, AGAIN] += number > 0
            return
    pytest.fail(
        "\n".join(f"round {number}: {fault}" for number, fault in enumerate(faults, 1)), pytrace=False
    )
