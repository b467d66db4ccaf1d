"""Who works in the call centre: queues, agents, phones and trunks.

The numbers are from ranges that Ofcom keeps for drama, the addresses from those for documentation.
"""

import random
from typing import NamedTuple

from amiproxy.tools.simulator.pbx.line import Line
from amiproxy.tools.simulator.pbx.linestates import STATES, line_events
from amiproxy.tools.simulator.pbx.queue import Member, Queue
from amiproxy.tools.simulator.pbx.state import Pbx


class _Agent(NamedTuple):
    device: str
    name: str
    queues: str


#: How long the PBX has been up, and at most how long an agent has been logged in, in seconds.
_UPTIME, _LONGEST_SHIFT = 5 * 3600 + 12 * 60, 4 * 3600
_WRAPUP = 5
#: Name, strategy, target of the service level in seconds; calls completed, within it, and abandoned today.
_QUEUES = (
    ("sales", "rrmemory", 20, 164, 149, 9),
    ("support", "leastrecent", 30, 231, 169, 22),
    ("billing", "rrmemory", 45, 97, 84, 4),
    ("returns", "fewestcalls", 60, 58, 54, 6),
)
_AGENTS = (
    _Agent("alice", "Alice Andersson", "support sales"),
    _Agent("bob", "Bob Berger", "support"),
    _Agent("carol", "Carol Costa", "sales"),
    _Agent("dave", "Dave Dubois", "sales billing"),
    _Agent("erin", "Erin Eriksson", "support"),
    _Agent("frank", "Frank Fischer", "billing returns"),
    _Agent("grace", "Grace Okafor", "support"),
    _Agent("hiro", "Hiro Tanaka", "support returns"),
    _Agent("ines", "Inês Moreira", "sales"),
    _Agent("jonas", "Jonas Lindqvist", "billing"),
    _Agent("kavya", "Kavya Raman", "support sales"),
    _Agent("leon", "Léon Marchand", "returns"),
    _Agent("maria", "Maria Kowalska", "support billing"),
    _Agent("noah", "Noah Whitfield", "sales support"),
)
#: Phones of others: device and owner.
_OFFICE = (
    ("reception", "Reception"),
    ("boardroom", "Board room"),
    ("warehouse", "Warehouse"),
    ("oskar", "Oskar Nyman"),
    ("priya", "Priya Nair"),
    ("workshop", "Workshop"),
)
#: Phones that are switched off all day.
_OFF = frozenset({"workshop"})
#: Device, owner, address.
_TRUNKS = (
    ("trunk-north", "Northern Carrier", "203.0.113.10:5060"),
    ("trunk-south", "Southern Carrier", "203.0.113.74:5060"),
    ("trunk-backup", "Backup", "198.51.100.20:5060"),
)
_FIRST_EXTENSION = 101
CALLERS = (
    "Harbour Dental",
    "Mira Patel",
    "Nordlicht GmbH",
    "Tom Ashworth",
    "Baker & Sons",
    "Elena Petrova",
    "Green Valley Farm",
    "Samuel Osei",
    "Riverside Clinic",
    "Yuki Mori",
    "Café Lumière",
    "Anna Schmidt",
    "Hilltop School",
    "Diego Fernández",
    "Brightwater Ltd",
    "Olivia Hughes",
)


def furnish(pbx: Pbx) -> None:
    """Make a call centre of an empty PBX, in the middle of its day."""
    chance = pbx.chance("staff")
    pbx.started = pbx.reloaded = pbx.clock() - _UPTIME
    pbx.queues = {
        name: Queue(
            name,
            strategy,
            [],
            completed=completed,
            abandoned=abandoned,
            hold_time=chance.randrange(8, 20),
            talk_time=chance.randrange(60, 120),
            service_level=target,
            within=within,
            abandoned_within=abandoned // 3,
        )
        for name, strategy, target, completed, within, abandoned in _QUEUES
    }
    people = [(agent.device, agent.name) for agent in _AGENTS]
    for number, (name, owner) in enumerate([*people, *_OFFICE]):
        address = f"192.0.2.{number + 20}:5060"
        exten = str(_FIRST_EXTENSION + number)
        _add(pbx, Line(name, owner, exten, address, chance.randrange(2_000, 9_000), name not in _OFF))
    for name, owner, address in _TRUNKS:
        _add(pbx, Line(name, owner, "", address, chance.randrange(11_000, 38_000)))
    for agent in _AGENTS:
        _seat(pbx, agent, chance)


def trunks(pbx: Pbx) -> list[Line]:
    """The trunks."""
    return [line for line in pbx.lines.values() if not line.exten]


def phones(pbx: Pbx) -> list[Line]:
    """The phones, those of agents included."""
    return [line for line in pbx.lines.values() if line.exten]


def memberships(pbx: Pbx, line: Line) -> list[tuple[Queue, Member]]:
    """The queues in which a phone is a member; empty if it is no agent's."""
    return [
        (queue, member)
        for queue in pbx.queues.values()
        for member in queue.members
        if member.interface == line.device
    ]


def _add(pbx: Pbx, line: Line) -> None:
    pbx.lines[line.device] = line
    line_events(pbx, line)


def _seat(pbx: Pbx, agent: _Agent, chance: random.Random) -> None:
    since = int(pbx.clock()) - chance.randrange(_LONGEST_SHIFT // 4, _LONGEST_SHIFT)
    device = f"PJSIP/{agent.device}"
    for penalty, name in enumerate(agent.queues.split()):
        taken = chance.randrange(6, 22)
        pbx.queues[name].members.append(
            Member(
                agent.name,
                device,
                penalty,
                calls_taken=taken,
                last_call=int(pbx.clock()) - chance.randrange(60, 900),
                status=STATES[pbx.devices[device]][1],
                wrapup=_WRAPUP,
                in_call=False,
                since=since,
            )
        )
