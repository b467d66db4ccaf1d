"""Scenario ``lists``: clients that ask for long lists again and again, and what others notice of it."""

from tests.bench import chart
from tests.bench.accounts import pairs
from tests.bench.peers import Peer
from tests.bench.rig import Figures, of_histogram, rig
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Column, comparison, medians

_CHANNELS = 1000
_POLLERS = 20
#: Dashboards, and how often each asks for one of its two lists: both every five seconds.
_DASHBOARDS, _PER_SECOND = 1000, 0.4
_OURS = ("ami-proxy", "ami-proxy-compiled", "haproxy")
_OTHERS = Column("others' cores", "others", ".2f")
_WRONG = Column("wrong answers", "faults", ".0f")


def lists(plan: Plan) -> list[Section]:
    """What pollers cost another session, and what many dashboards cost the proxy."""
    return [_beside(plan), _boards(plan)]


def _beside(plan: Plan) -> Section:
    title = f"Lists: a Getvar beside {_POLLERS} clients that poll {_CHANNELS} channels, closed loop"
    found = plan.compare(title, plan.kinds(*_OURS), lambda kind: _getvar(plan, kind))
    columns = [
        Column("p50 ms quiet", "quiet_p50", ".2f"),
        Column("p99 ms quiet", "quiet_p99", ".2f"),
        Column("p50 ms meanwhile", "p50", ".2f"),
        Column("p99 ms meanwhile", "p99", ".2f"),
        Column("lists/s", "lists", ",.0f"),
        Column("p50 ms of a list", "list_p50", ".0f"),
        Column("p99 ms of a list", "list_p99", ".0f"),
        Column("cores", "cores", ".2f"),
        _WRONG,
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: p99, ms", medians(found, "p99"))
    return Section("lists-beside", title, comparison(columns, found, (), "p99"), svg)


def _getvar(plan: Plan, kind: type[Peer]) -> Figures:
    with rig(kind, plan.place, pairs(2), items=_CHANNELS) as made:
        one, others = made.accounts
        calm = made.swarm(1, "--events", "off", accounts=[one])
        calm.hear("in")
        pollers = made.swarm(_POLLERS, "--events", "off", accounts=[others])
        pollers.hear("in")
        pollers.give_way()  # they decrypt megabytes, which would hold up the client that measures
        quiet = calm.ask(f"act getvar {plan.seconds} 40 1", "acted")["round_trip"]
        figures: Figures = {}
        with made.using(figures):
            pollers.say(f"act list {plan.seconds + 1} 0 1")
            calm.say(f"act getvar {plan.seconds} 40 1")
            meanwhile = calm.hear("acted")
            polled = pollers.hear("acted")
        return figures | {
            "quiet_p50": quiet["p50"],
            "quiet_p99": quiet["p99"],
            "lists": polled["answers"] / polled["seconds"],
            "faults": meanwhile["wrong_answers"] + polled["wrong_answers"] + polled["bad_lists"],
            **of_histogram(polled["round_trip"], "list_"),
            **of_histogram(meanwhile["round_trip"]),
        }


def _boards(plan: Plan) -> Section:
    boards = 200 if plan.small else _DASHBOARDS
    title = f"Lists: {boards} dashboards, QueueStatus and CoreShowChannels every 5 s, {_CHANNELS} channels"
    found = plan.compare(title, plan.kinds(*_OURS), lambda kind: _poll(plan, kind, boards))
    columns = [
        Column("cores", "cores", ".2f"),
        Column("lists/s", "lists", ",.0f"),
        Column("p50 ms", "p50", ".0f"),
        Column("p99 ms", "p99", ".0f"),
        _WRONG,
        _OTHERS,
    ]
    svg = chart.bars(f"{title}: cores", medians(found, "cores"), ".2f")
    return Section("lists-boards", title, comparison(columns, found, (), "cores"), svg)


def _poll(plan: Plan, kind: type[Peer], boards: int) -> Figures:
    seconds = max(plan.seconds, 10.0)
    with rig(kind, plan.place, pairs(40), items=_CHANNELS) as made:
        swarm = made.swarm(boards, "--events", "off", "--window", 64)
        swarm.hear("in")
        figures: Figures = {}
        with made.using(figures):
            polled = swarm.ask(f"act polls {seconds} {_PER_SECOND} 1", "acted")
        return figures | {
            "lists": polled["answers"] / polled["seconds"],
            "faults": polled["wrong_answers"] + polled["bad_lists"],
            **of_histogram(polled["round_trip"]),
        }
