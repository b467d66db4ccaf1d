"""The accounts of the nats-servers: a user for each process, with the subjects that it needs and no others.

The text is the whole outer wall of a fleet: whatever a process sends, the nats-servers pass on only this.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from amiproxy.core.fleet.subjects import Subjects
from amiproxy.tools.fleet.plan import FleetPlan

#: How many answers an agent may send to one request, and for how long.  A replay of a journal has the most,
#: and an Originate that waits for the called party takes the longest: ``originate_timeout_max``.
_RESPONSES: Final = 'allow_responses: {max: 4096, expires: "10m"}'
_HEAD: Final = """\
# Accounts of the fleet "{prefix}" for nats-server, made by: ami-proxy fleet config
# Changes by hand are lost the next time.  It has public keys only, and nothing in it is secret.
# Include it in the configuration of every nats-server: include accounts.conf
# If several fleets share nats-servers, put all their accounts into one section: of two, the last one counts.
"""


class Permissions(NamedTuple):
    """The subjects that one process may publish and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    #: Whether it may also publish to the reply subject of each request that it has received.
    answers: bool = False


def permissions(plan: FleetPlan) -> dict[str, Permissions]:
    """Those of every process, by name."""
    subjects = Subjects(plan.prefix)
    found = {}
    for agent, servers in plan.agents.items():
        found[agent] = Permissions(
            tuple(subjects.events(server, agent) for server in servers),
            tuple(
                one(server, agent) for server in servers for one in (subjects.actions_of, subjects.asks_of)
            ),
            answers=True,
        )
    for edge in plan.edges:
        pairs = [(server, agent) for server in plan.servers_of(edge) for agent in plan.servers[server].agents]
        found[edge] = Permissions(
            tuple(one(*pair, edge) for pair in pairs for one in (subjects.actions, subjects.asks)),
            (*(subjects.events(*pair) for pair in pairs), f"{subjects.inbox(edge)}.>"),
        )
    return found


def accounts(plan: FleetPlan, keys: Mapping[str, Sequence[str]]) -> str:
    """The text of accounts.conf; ``keys``: the public nkeys of every process, two while one is replaced."""
    lines = [
        *_HEAD.format(prefix=plan.prefix).splitlines(),
        "accounts: {",
        f"  {_name(plan)}: {{",
        "    users: [",
    ]
    for name, allowed in permissions(plan).items():
        for number, key in enumerate(dict.fromkeys(keys[name])):
            former = ", the key before its rotation" if number else ""
            lines.append(f"      # {'agent' if allowed.answers else 'edge'} {name}{former}")
            lines += (f"      {line}" for line in _user(key, allowed))
    return "\n".join((*lines, "    ]", "  }", "}", ""))


def _user(key: str, allowed: Permissions) -> Iterator[str]:
    yield f"{{nkey: {key}, permissions: {{"
    yield f"  publish: {{allow: [{_quoted(allowed.publish)}]}}"
    yield f"  subscribe: {{allow: [{_quoted(allowed.subscribe)}]}}"
    if allowed.answers:
        yield f"  {_RESPONSES}"
    yield "}}"


def _quoted(subjects: Sequence[str]) -> str:
    return ", ".join(f'"{subject}"' for subject in subjects)


def _name(plan: FleetPlan) -> str:
    return plan.prefix.upper().replace("-", "_")
