"""Event filters on Asterisk itself: the same filters and events, and which session gets which."""

import asyncio
from itertools import count

import pytest

from amiproxy.ami.errors import FilterSyntaxError
from amiproxy.ami.eventfilter import FilterSet, compile_advanced, compile_legacy
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

#: (MatchCriteria or None, Filter)
Filter = tuple[str | None, str]

#: UserEvents by name, with their headers, of which one may occur more than once.
EVENTS: list[tuple[str, list[tuple[str, str]]]] = [
    ("Plain", []),
    ("Call", [("Channel", "PJSIP/alice-00000001"), ("Exten", "100")]),
    ("Call", [("Channel", "Local/100@default-00000002;1"), ("Exten", "100")]),
    ("Call", [("Channel", "SIP/bob-00000003"), ("Note", "one"), ("Note", "two")]),
    ("Note", [("Note", "two"), ("Empty", "")]),
    ("Note", [("Note", "two words"), ("Channel", "pjsip/carol")]),
    ("Text", [("Text", "a.b|c*d")]),
    ("Text", [("Text", "tab\there"), ("Note", "100")]),
    ("Text", [("Text", "(round) [square] {curly}")]),
]

LEGACY = [
    "UserEvent: Call", "userevent: call", "^Event: UserEvent", "^UserEvent", "Call$", "UserEvent: Call.$",
    "PJSIP/", "(PJSIP|SIP)/[a-z]+-[0-9]{8}", "Local/[^;]+;1", "Call.*100", "Call[^!]*two",
    "[[:alpha:]]/alice", "\\bone\\b", "\\<two\\>", "\\d00", "a\\.b\\|c\\*d", "a.b.c.d", "tab[[:space:]]here",
    "tab\\shere", "[[:blank:]]here", "(round)", "\\(round\\)", "\\{curly}", "[[]square]", "Note: two\\W",
    "(UserEvent: Text|^x|Note: one)",
    "x*", "^$", "Exten: 1{1}0{2}", "Exten: 10{3,}", ".$^", "two.$.*", "Call.*^Exten", "Channel: (.)*alice",
    "Empty: .$", "Empty:",
]  # fmt: skip
LEGACY_REFUSED = [
    "",
    "!",
    "*a",
    "a{",
    "(",
    "[",
    "a|*b",
    "[b-a]",
    "a{2,1}",
    "\\",
    "[[:alfa:]]",
    "^*",
    "()",
    "a||b",
    "a)",
]

ADVANCED: list[tuple[str, str]] = [
    ("name(UserEvent)", ""),
    ("name(Newchannel)", ""),
    ("name(userevent)", ""),
    ("header(Channel)", ""),
    ("header(Channel:)", ""),
    ("header(Empty)", ""),
    ("header(Chan)", ""),
    ("header(Event),method(exact)", "UserEvent"),
    ("header(Channel),method(starts_with)", "PJSIP/"),
    ("header(Channel),method(ends_with)", ";1"),
    ("header(Channel),method(contains)", "@default"),
    ("header(Channel),method(regex)", "^(PJSIP|SIP)/.*[13]$"),
    ("header(Note),method(exact)", "two"),
    ("header(Note),method(regex)", "^t.o$"),
    ("header(Note),method(regex)", "one.*two"),
    ("header(Text),method(contains)", "\there"),
    ("name(UserEvent),method(exact)", "UserEvent"),
    ("name(UserEvent),method(starts_with)", "Event: UserEvent"),
    ("name(UserEvent),method(contains)", "alice"),
    ("method(regex)", "Note: t"),
    ("method(ends_with)", "words"),
    ("method(contains) header(Channel),,action(include)", "SIP"),
    ("header(Note),header(Exten),method(exact)", "100"),
    ("methodical(contains", "SIP"),
    ("", "SIP"),
]
# Never "name", "header" or "method" without a bracket: Asterisk crashes.
ADVANCED_REFUSED: list[tuple[str, str]] = [
    ("action(exclude)", ""), ("method(none)", ""), ("method(none)", "x"), ("name(UserEvent)", "x"),
    ("header(Note),method(exact)", ""), ("header(Note),method(exact)", "!"),
    ("Method(regex)", "x"), (",", "x"), ("method(regexp)", "x"),
    ("action(drop),name(X)", ""), ("action,name(X)", ""),
    ("method(regex)", "["),
    ("method(regex)", "*"), ("name()", ""), ("nothing(x)", "x"),
]  # fmt: skip

SETS: list[list[Filter]] = [
    *([(None, pattern)] for pattern in LEGACY),
    *([(None, f"!{pattern}")] for pattern in LEGACY[::5]),
    *([advanced] for advanced in ADVANCED),
    *([("action(exclude)," + criteria, pattern)] for criteria, pattern in ADVANCED[:20:4]),
    *([(criteria, f"!{pattern}")] for criteria, pattern in ADVANCED[:20:5]),
    [("action(include),header(Note),method(exact)", "!two")],
    [("name(UserEvent)", "!")],
    [(None, "Note"), (None, "alice")],
    [(None, "!Note"), (None, "!alice")],
    [(None, "Call"), (None, "!alice")],
    [("header(Note)", ""), (None, "!two words"), (None, "alice")],
    [("name(UserEvent)", ""), ("action(exclude),header(Channel),method(starts_with)", "Local/")],
]

_END = "Marker"
_runs = count()


def compiled(added: Filter, takes_criteria: bool = True) -> FilterSet | str:
    """The compiled filter, or the text with which we refuse it."""
    criteria, pattern = added
    try:
        if criteria and takes_criteria:
            return FilterSet((compile_advanced(criteria.encode(), pattern.encode()),))
        return FilterSet((compile_legacy(pattern.encode()),))
    except FilterSyntaxError as error:
        return str(error)


async def session(asterisk: Asterisk, events: str) -> AmiClient:
    client = await AmiClient.connect(asterisk.host, asterisk.port)
    answer = await client.login(asterisk.user, asterisk.secret, Events=events)
    assert answer.get("Response") == "Success", answer
    return client


async def add_filter(client: AmiClient, added: Filter) -> str:
    criteria, pattern = added
    headers = {"Operation": "Add", "Filter": pattern}
    if criteria is not None:
        headers["MatchCriteria"] = criteria
    return (await client.action("Filter", **headers)).get("Message") or ""


async def received(asterisk: Asterisk, sets: list[list[Filter]]) -> tuple[list[bytes], list[list[bytes]]]:
    """Every event as an unfiltered session saw it, and those that a session with each set of filters saw."""
    # One excluded marker would never come, so each session has another way to see the end:
    # responses are not filtered, and come after the events that were queued before.
    run = f"run-{next(_runs)}"
    async with await session(asterisk, "off") as maker, await session(asterisk, "user") as witness:
        clients = [await session(asterisk, "user") for _ in sets]
        try:
            for client, filters in zip(clients, sets, strict=True):
                for added in filters:
                    assert await add_filter(client, added) == "Success", added
            for name, headers in EVENTS:
                await maker.action("UserEvent", *headers, UserEvent=name, Run=run, ActionID=None)
            await maker.action("UserEvent", UserEvent=_END, Run=run, ActionID=None)
            await witness.wait_event("UserEvent", UserEvent=_END, Run=run)
            everything = [message.raw for message in witness.log if message.get("Run") == run]
            for client in clients:
                # Both before and after the answer a session writes the events queued for it.
                await client.action("Ping")
                await client.action("Ping")
            return everything, [
                [message.raw for message in client.log if message.event and message.get("Run") == run]
                for client in clients
            ]
        finally:
            await asyncio.gather(*(client.close() for client in clients))


@pytest.mark.parametrize("part", range(4))
async def test_the_same_events_are_admitted(asterisk22: Asterisk, part: int) -> None:
    sets = SETS[part::4]
    everything, arrived = await received(asterisk22, sets)
    assert len(everything) == len(EVENTS) + 1
    for filters, seen in zip(sets, arrived, strict=True):
        ours = FilterSet()
        for added in filters:
            one = compiled(added)
            assert isinstance(one, FilterSet), (added, one)
            ours = ours.with_added(one.filters[0])
        assert [raw for raw in everything if ours.admits(raw)] == seen, filters


async def test_asterisk_16_knows_the_legacy_form_with_the_same_results(asterisk16: Asterisk) -> None:
    sets: list[list[Filter]] = [[(None, pattern)] for pattern in LEGACY]
    everything, arrived = await received(asterisk16, sets)
    for ((_, pattern),), seen in zip(sets, arrived, strict=True):
        ours = FilterSet((compile_legacy(pattern.encode()),))
        assert [raw for raw in everything if ours.admits(raw)] == seen, pattern


@pytest.mark.parametrize(
    "filters",
    [
        [(None, pattern) for pattern in [*LEGACY, *LEGACY_REFUSED]],
        [*ADVANCED, *ADVANCED_REFUSED],
    ],
    ids=["legacy", "advanced"],
)
async def test_the_same_filters_are_refused_with_the_same_text(
    asterisk22: Asterisk, filters: list[Filter]
) -> None:
    async with await session(asterisk22, "off") as client:
        for added in filters:
            ours = compiled(added)
            assert await add_filter(client, added) == (ours if isinstance(ours, str) else "Success"), added
