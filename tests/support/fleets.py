"""What an edge and an agent of a fleet say of themselves, as ``amiproxy.net.admin.service.Fleet`` has it."""

from collections.abc import Mapping
from typing import Any

_ENGINES = {
    "events": {
        "state": "connected",
        "server": "nats1.example:4222",
        "version": "2.15.1",
        "rtt_ms": 0.4,
        "since": 0.0,
        "connects": 2,
        "reason": "",
        "failures": {"not_sent": 3, "refused": 0, "slow": 0, "faults": 0},
    },
    "actions": {
        "state": "connecting",
        "server": "",
        "version": "",
        "rtt_ms": None,
        "since": 0.0,
        "connects": 0,
        "reason": "connection refused",
        "failures": {"not_sent": 0, "refused": 1, "slow": 0, "faults": 0},
    },
}

EDGE: dict[str, Any] = {
    "role": "edge",
    "name": "edge1",
    "prefix": "ami",
    "engines": _ENGINES,
    "servers": [
        {
            "server": "berlin",
            "agent": "berlin-a",
            "state": "up",
            "reason": "",
            "epoch": 1_796_000_000_000_000_000,
            "position": 1_820_400,
            "lag_ms": 2.0,
            "repairing": False,
            "agents": [
                {
                    "agent": "berlin-a",
                    "state": "up",
                    "beat_age": 0.4,
                    "software": "amiproxy 1.2.3",
                    "rights": "same",
                },
                {
                    "agent": "berlin-b",
                    "state": "up",
                    "beat_age": 0.6,
                    "software": "amiproxy 1.2.2",
                    "rights": "differs",
                },
            ],
            "events": 1_820_400,
            "messages": 92_000,
            "bytes": 910_200_000,
            "gaps": 3,
            "repaired": 2,
            "duplicates": 5,
            "snapshots": 1,
            "changes": 1,
            "malformed": 0,
        },
        {
            "server": "hamburg",
            "agent": None,
            "state": "waiting",
            "reason": "no agent has been heard",
            "epoch": 0,
            "position": 0,
            "lag_ms": None,
            "repairing": False,
            "agents": [
                {
                    "agent": "hamburg-a",
                    "state": "down",
                    "beat_age": None,
                    "software": "",
                    "rights": "unknown",
                }
            ],
            "events": 0,
            "messages": 0,
            "bytes": 0,
            "gaps": 0,
            "repaired": 0,
            "duplicates": 0,
            "snapshots": 0,
            "changes": 0,
            "malformed": 0,
        },
    ],
    "actions": {
        "sent": 811,
        "answered": 800,
        "refused": 3,
        "not_connected": 2,
        "unknown": 1,
        "pending": 7,
    },
}

AGENT: dict[str, Any] = {
    "role": "agent",
    "name": "berlin-a",
    "prefix": "ami",
    "engines": _ENGINES,
    "servers": [
        {
            "server": "berlin",
            "epoch": 1_796_000_000_000_000_000,
            "position": 1_820_400,
            "events": 1_820_400,
            "messages": 92_000,
            "bytes": 910_200_000,
            "replays": 2,
            "gone": 1,
        }
    ],
    "edges": [
        {
            "edge": "edge1",
            "actions": 812,
            "own": 12,
            "refused": {"expired": 2, "rights": 0, "user": 1},
            "last": 0.0,
            "users": ["board", "crm"],
        },
        {
            "edge": "edge2",
            "actions": 0,
            "own": 0,
            "refused": {"expired": 0, "rights": 0, "user": 0},
            "last": None,
            "users": None,
        },
    ],
}


class FakeFleet:
    """A part in a fleet that says this."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.found = found

    def status(self) -> Mapping[str, Any]:
        return self.found


def idle(value: Any) -> Any:
    """The same before anything has happened: every count is 0."""
    if isinstance(value, Mapping):
        return {key: idle(each) for key, each in value.items()}
    if isinstance(value, list):
        return [idle(each) for each in value]
    return 0 if isinstance(value, int) and not isinstance(value, bool) else value
