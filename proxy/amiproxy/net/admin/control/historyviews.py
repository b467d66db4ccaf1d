"""What is kept of each server's past and present, and what clients got of it, as plain data for JSON.

Durations and ages are in seconds; points in time are seconds since the epoch.  Kinds are only counted: what
exists at a server is no part of the state of the service.
"""

from amiproxy.core.audit.historycounts import (
    REPAIR_OUTCOMES,
    RESUME_OUTCOMES,
    SNAPSHOT_OUTCOMES,
    HistoryCounts,
)
from amiproxy.core.history.journal import Journal
from amiproxy.core.history.state.state import State
from amiproxy.core.servers.server import Server
from amiproxy.net.admin.control.certificateviews import View
from amiproxy.net.admin.service import Service


def history(service: Service) -> View:
    """What is kept of the only server, or of each in ``servers`` if they have names."""
    servers = service.hub.servers
    if not servers.named:
        return _of(service, servers.first)
    return {"servers": [{"server": server.name, **_of(service, server)} for server in servers]}


def _of(service: Service, server: Server) -> View:
    scheduler = service.hub.scheduler
    counts = service.hub.stats.history_of(server.name)
    now = scheduler.now()
    return {
        "journal": None if server.journal is None else _journal(server.journal, now, scheduler.wall()),
        "kinds": None if server.state is None else _kinds(server.state, counts, now),
        "snapshots": {
            **{outcome: counts.snapshots[outcome] for outcome in SNAPSHOT_OUTCOMES},
            "shared": counts.snapshots_shared,
        },
        "resumes": {outcome: counts.resumes[outcome] for outcome in RESUME_OUTCOMES},
        "replayed": counts.replayed,
        "catching_up": counts.catching_up,
        "repairs": {outcome: counts.repairs[outcome] for outcome in REPAIR_OUTCOMES},
    }


def _journal(journal: Journal, now: float, wall: float) -> View:
    return {
        "events": journal.events,
        "bytes": journal.size,
        "age": round(journal.age, 1),
        "began": round(wall - (now - journal.began), 1),
        "most_bytes": journal.bounds.bytes,
        "most_seconds": journal.bounds.seconds,
    }


def _kinds(state: State, counts: HistoryCounts, now: float) -> list[View]:
    return [
        {
            "kind": one.kind,
            "state": one.standing,
            "reason": one.reason,
            "items": one.items,
            "seeded": None if one.seeded is None else round(now - one.seeded, 1),
            "seeds": counts.seeds[one.kind],
            "failures": counts.seed_failures[one.kind],
            "drift": counts.drift[one.kind],
        }
        for one in state.standings
    ]
