"""Checks of a fleet's nats-servers: TLS, version, what they let this process and others do, and their routes.

Permissions are tried: each subject that the process does not need must be refused.  The messages that
are published for this are empty, which no process of a fleet takes for anything.  An edge listens at each
nats-server for the beats of its agents: if only some have them, the nats-servers are not connected.
"""

import secrets
import ssl
from collections.abc import Iterator
from typing import Final, NamedTuple

from amiproxy.config import Config, Engine, FleetSettings, Unfit
from amiproxy.config.fleet.files import read_seed
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.net.fleet.versions import REMEDY, is_fit
from amiproxy.net.tls.tlserrors import reason_of
from amiproxy.net.tls.tlspolicy import client_context
from amiproxy.tools.doctor.finding import DoctorFinding, fail, ok, unknown, warn
from amiproxy.tools.doctor.natsprobe import NatsError, NatsProbe

_SUBJECT: Final = "fleet"
_ACCOUNTS: Final = "copy accounts.conf of ami-proxy fleet config to it, include it, and reload it"
_UNREACHABLE: Final = "see whether it runs, and its log; its certificate must be of fleet.ca, for this name"
_NO_ROUTE: Final = "connect the nats-servers to each other (section cluster); their logs say why they are not"
#: Seconds in which each agent beats at least twice.
_LISTEN_SECONDS: Final = 2.5
_NO_DEFAULT_USER: Final = f"{_ACCOUNTS}; remove no_auth_user and all other users"
#: What nobody in a fleet needs, whatever its role.
_FOREIGN: Final = ("$SYS.REQ.SERVER.PING", "$JS.API.INFO")


class Trials(NamedTuple):
    """Subjects to try: those that must be refused, and those that must be allowed to subscribe to.

    ``beats`` are those on which an edge's agents publish, and what each agent is called.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    needed: tuple[str, ...]
    beats: dict[str, str]


#: By engine, those of ``Trials.beats`` that were heard there.
_Heard = dict[Engine, set[str]]


def examine(config: Config) -> Iterator[DoctorFinding]:
    """Examine each nats-server of the fleet with the seed of this process; nothing without a fleet."""
    fleet = config.fleet
    if fleet is None:
        return
    try:
        seed = read_seed(fleet.seed_file)
        context = client_context()
        context.load_verify_locations(cafile=fleet.ca)
    except Unfit as error:
        yield fail(_SUBJECT, f"fleet.seed_file: {error}", error.remedy)
        return
    except OSError as error:  # ssl.SSLError is one
        text = f"fleet.ca: {fleet.ca} cannot be used ({reason_of(error)})"
        yield fail(_SUBJECT, text, "name a PEM file of CA certificates")
        return
    tried = trials(config, fleet)
    heard: _Heard = {}
    for engine in fleet.engines:
        try:
            yield from _of_engine(engine, context, seed, tried, heard)
        except NatsError as error:
            yield fail(_SUBJECT, f"{engine} {error}", _UNREACHABLE)
            text = f"{engine} not checked, or only in part: version, authentication, permissions"
            yield unknown(_SUBJECT, text, "fix that, and run the doctor again")
    yield from _of_agents(tried.beats, heard)


def trials(config: Config, fleet: FleetSettings) -> Trials:
    """What to try for this process.  Names that nobody has stand for all others."""
    subjects, other = Subjects(fleet.prefix), f"doctor-{secrets.token_hex(8)}"
    publish = [*_FOREIGN, other, subjects.events(other, other), subjects.actions(other, other, other)]
    subscribe = [
        *(">", "*", "$SYS.>", f"{fleet.prefix}.>", "_INBOX.>", f"{subjects.inbox(other)}.>", other),
        subjects.events(other, other),
        subjects.actions_of(other, other),
        subjects.asks_of(other, other),
    ]
    needed: list[str] = []
    beats: dict[str, str] = {}
    if fleet.is_edge:
        needed.append(f"{subjects.inbox(fleet.name)}.>")
        publish.append(f"{subjects.inbox(fleet.name)}.{other}")
        for server, settings in fleet.servers.items():
            for agent in settings.agents:
                needed.append(subjects.events(server, agent))
                beats[subjects.events(server, agent)] = f"{agent} of {server}"
                publish += (subjects.events(server, agent), subjects.actions(server, agent, other))
                publish.append(subjects.asks(server, agent, other))
                subscribe += (subjects.actions_of(server, agent), subjects.asks_of(server, agent))
    else:
        for server in (fleet.server,) if fleet.server is not None else config.servers:
            needed += (subjects.actions_of(server, fleet.name), subjects.asks_of(server, fleet.name))
            publish += (subjects.events(server, other), subjects.actions(server, fleet.name, other))
            subscribe += (subjects.events(server, fleet.name), subjects.actions_of(server, other))
        publish += (f"{subjects.inbox(edge)}.{other}" for edge in (*fleet.edges, other))
        subscribe += (f"{subjects.inbox(edge)}.>" for edge in fleet.edges)
    return Trials(tuple(publish), tuple(subscribe), tuple(needed), beats)


def _of_engine(
    engine: Engine, context: ssl.SSLContext, seed: bytes, tried: Trials, heard: _Heard
) -> Iterator[DoctorFinding]:
    with NatsProbe(engine, None) as plain:
        info = plain.info
        if not plain.connect(b""):
            yield fail(_SUBJECT, f"{engine} lets anybody in, in plain text", _NO_DEFAULT_USER)
    if not info.get("tls_required"):
        text = f"{engine} does not require TLS"
        yield fail(_SUBJECT, text, "add the section tls to its configuration: see examples/nats")
        if not info.get("tls_available"):
            return  # The rest would go over the network in plain text.
    version = str(info.get("version", ""))
    if is_fit(version):
        yield ok(_SUBJECT, f"{engine} is nats-server {version}")
    else:
        yield fail(_SUBJECT, f"{engine} is nats-server {version}, which has known holes", REMEDY)
    with NatsProbe(engine, context) as nobody:
        yield ok(_SUBJECT, f"{engine} has a certificate for this name, {nobody.tls}")
        if not nobody.connect(b""):
            yield fail(_SUBJECT, f"{engine} lets anybody in without a key", _NO_DEFAULT_USER)
        else:
            yield ok(_SUBJECT, f"{engine} lets nobody in without a key")
    with NatsProbe(engine, context) as probe:
        if refusal := probe.connect(seed):
            yield fail(_SUBJECT, f"{engine} does not accept the seed of this process: {refusal}", _ACCOUNTS)
            return
        yield from _permissions(engine, probe, tried)
        if tried.beats:
            heard[engine] = probe.heard(tried.beats, _LISTEN_SECONDS)


def _of_agents(beats: dict[str, str], heard: _Heard) -> Iterator[DoctorFinding]:
    """Whether every engine has the beats of every agent."""
    if not heard:
        return
    everywhere = True
    for subject, agent in beats.items():
        deaf = [str(engine) for engine, subjects in heard.items() if subject not in subjects]
        everywhere = everywhere and not deaf
        if len(deaf) == len(heard):
            remedy = f"start {agent}; if it runs, its log says why it is not connected"
            yield warn(_SUBJECT, f"{agent} is heard at no engine", remedy)
        elif deaf:
            yield fail(
                _SUBJECT, f"{agent} is heard at other engines, but not at {', '.join(deaf)}", _NO_ROUTE
            )
    if everywhere and beats:
        yield ok(_SUBJECT, f"all agents of this edge are heard at every engine: {', '.join(beats.values())}")


def _permissions(engine: Engine, probe: NatsProbe, tried: Trials) -> Iterator[DoctorFinding]:
    wrong = [
        f"may publish to {subject}, which it does not need"
        for subject in tried.publish
        if not _is_refused(probe, subject, publishes=True)
    ]
    wrong += [
        f"may subscribe to {subject}, which it does not need"
        for subject in tried.subscribe
        if not _is_refused(probe, subject, publishes=False)
    ]
    wrong += [
        f"may not subscribe to {subject}, which it needs"
        for subject in tried.needed
        if _is_refused(probe, subject, publishes=False)
    ]
    for text in wrong:
        yield fail(_SUBJECT, f"{engine}: this process {text}", _ACCOUNTS)
    if not wrong:
        count = len(tried.publish) + len(tried.subscribe)
        yield ok(_SUBJECT, f"{engine} refuses {count} subjects that are not of this process")


def _is_refused(probe: NatsProbe, subject: str, *, publishes: bool) -> bool:
    (probe.publish if publishes else probe.subscribe)(subject)
    return any("permissions violation" in error.lower() for error in probe.errors())
