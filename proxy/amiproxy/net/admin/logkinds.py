"""The kinds of log events, by which operators choose what ``ami-proxy ctl tail`` shows."""

from collections.abc import Mapping
from typing import Final

_EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "denial": ("action-denied", "action-not-described", "header-not-sent", "edge-action-refused"),
    "login": ("login", "login-failed", "secret-in-url"),
    "session": ("session-open", "session-close"),
    "action": ("action-allowed", "ajam-request"),
    "limit": (
        *("limit-hit", "penalty-start", "penalty-end", "log-suppressed"),
        *("accept-paused", "control-full", "metrics-full", "few-descriptors"),
    ),
    "tls": ("tls-failed", "tls-auto-retry-stays"),
    "link": (
        *("upstream-up", "upstream-down", "upstream-not-booted", "upstream-orphans", "link-stuck"),
        "action-unknown",
        *("engine-connected", "engine-lost", "engine-unreachable", "engine-unfit", "engine-refused"),
        *(
            "upstream-message-dropped",
            "sessions-lost-upstream",
            "sessions-repaired",
            "sessions-not-repaired",
            "side-link-refused",
            "side-link-lost",
        ),
        *("state-seeded", "state-not-seeded", "state-unavailable", "state-drift"),
    ),
    "certificate": (
        *("certificates", "certificate-served", "certificate-refused", "certificate-doubtful"),
        *("certificate-expires", "certificates-polled"),
    ),
    "reload": ("reloaded", "reload-failed", "config-outdated"),
    "control": ("control", "control-refused"),
    # And every other event: start, stop, faults.
    "service": ("started", "stopping", "stopped", "fault", "task-crashed", "log-lost"),
}
_REST: Final = "service"
_KIND_OF: Final = {event: kind for kind, events in _EVENTS.items() for event in events}

KINDS: Final = tuple(_EVENTS)
#: What is shown unless kinds are chosen: actions that were allowed are many, and nothing is wrong with them.
USUAL: Final = frozenset(KINDS) - {"action"}
ALL: Final = "all"


def kind_of(event: str) -> str:
    """The kind of a log event."""
    return _KIND_OF.get(event, _REST)


def chosen(text: str) -> frozenset[str]:
    """The kinds that a list such as ``denial,login`` names; "" is the usual ones, ``all`` is all.

    Raises ValueError with the names that do not exist.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in (*KINDS, ALL)]
    if unknown:
        raise ValueError(", ".join(unknown))
    return frozenset(KINDS) if ALL in names else frozenset(names) or USUAL
