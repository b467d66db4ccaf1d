"""Scenario ``history``: dashboards that all come back at once, and what others notice of it."""

from tests.bench import chart
from tests.bench.accounts import Account, pairs
from tests.bench.peers import Peer
from tests.bench.rig import Figures, of_histogram, rig
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Column, comparison, medians

_USERS = 20
_WATCHERS = 20
_RATE = 500.0
#: Logins under way at any time: fewer than the proxy lets in before their login, so that none is turned
#: away and comes again after a pause, which would be most of the time measured.
_AT_ONCE = 100
#: What the dashboards want first: the proxy's snapshot, or Asterisk's lists.
_SNAPSHOT, _LISTS = "snapshot", "lists"
_OURS = ("ami-proxy", "ami-proxy-compiled")
_OTHERS = Column("others' cores", "others", ".2f")


def history(plan: Plan) -> list[Section]:
    """Dashboards come back at once: with the lists of channels and queues as before, and with a snapshot."""
    boards, sizes = (100, (100,)) if plan.small else (500, (100, 1000))
    return [_section(plan, boards, channels, first) for channels in sizes for first in (_SNAPSHOT, _LISTS)]


def _section(plan: Plan, boards: int, channels: int, first: str) -> Section:
    title = (
        f"History: {boards} boards come back at once at {_RATE:.0f} events/s, {first} of {channels} channels"
    )
    found = plan.compare(
        title, plan.kinds(*_OURS), lambda kind: _come_back(plan, kind, boards, channels, first)
    )
    columns = [
        Column("s until all have it", "in", ".2f"),
        Column("p99 ms", "first_p99", ".0f"),
        Column("lists asked of Asterisk", "asked", ".0f"),
        Column("CPU-s", "cpu", ".2f"),
        Column("watchers' p99 ms quiet", "quiet_p99", ".1f"),
        Column("meanwhile", "p99", ".1f"),
        Column("x quiet", "worse", ".1f"),
        Column("turned away", "away", ".0f"),
        Column("wrong answers", "faults", ".0f"),
        Column("watchers dropped", "dropped", ".0f"),
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: seconds", medians(found, "in"), ".2f")
    return Section(f"history-{first}-{channels}", title, comparison(columns, found, (), "in"), svg)


def accounts() -> list[Account]:
    """The users: half of them see everything, the others less; all may take snapshots."""
    return [account._replace(history=True) for account in pairs(_USERS)]


def _come_back(plan: Plan, kind: type[Peer], boards: int, channels: int, first: str) -> Figures:
    with rig(kind, plan.place, accounts(), items=channels) as made:
        watching = made.swarm(_WATCHERS, "--window", 8)
        watching.hear("in")
        crowd = made.swarm(boards, "--first", first, "--window", 64)
        crowd.hear("in")
        # It stands for as many machines: the watchers must not wait for its handshakes.
        crowd.give_way()
        quiet = made.storm(watching, _WATCHERS, _WATCHERS, _RATE, plan.seconds)
        asked = made.source.ask("stat", "stat")["lists"]
        figures: Figures = {}
        with made.using(figures):
            watching.say("mark")
            made.source.say(f"storm {_RATE} {plan.seconds}")
            back = crowd.ask(f"reconnect {_AT_ONCE}", "in")
            made.source.hear("stormed")
            seen = watching.ask("wait 1000000000 500", "waited")
        return figures | {
            "in": back["seconds"],
            "away": float(back["turned_away"]),
            "faults": float(back["wrong_answers"] + back["bad_lists"] + back["leaks"]),
            "asked": float(made.source.ask("stat", "stat")["lists"] - asked),
            "quiet_p99": quiet["p99"],
            "worse": seen["latency"]["p99"] / quiet["p99"],
            "dropped": float(seen["dropped"]),
            **of_histogram(back["login"], "first_"),
            **of_histogram(seen["latency"]),
        }
