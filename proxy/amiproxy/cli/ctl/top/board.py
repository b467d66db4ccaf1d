"""What ``ctl top`` knows: sessions and users with smoothed rates, filtered and sorted.  Pure.

Rates are exponential averages over about ten seconds, so that rows keep their places while traffic comes in
bursts.  Rows whose values look equal on the screen keep the order of their ids.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

#: Seconds over which a rate is averaged.
SMOOTHED: Final = 10.0

_TEXTS: Final = frozenset({"id", "user", "server", "peer", "state"})
_RATES: Final = frozenset({"rate_in", "rate_out", "proxy", "asterisk"})

View = Mapping[str, Any]


class Look(NamedTuple):
    """Status and sessions at one time; ``at`` is in monotonic seconds."""

    at: float
    status: View
    sessions: Sequence[View]


class Row(NamedTuple):
    """One session, or all sessions of one user together; rates are per second."""

    #: The session's id, or the user's name.
    id: str
    user: str
    #: The servers that it sees, if servers have names.
    server: str
    peer: str
    state: str
    sessions: int
    age: float
    rate_in: float
    rate_out: float
    outbox: int
    denied: int
    #: Shares of the proxy's own time and of Asterisk's that the user took, from 0 to 1.
    proxy: float
    asterisk: float


class _Rate:
    """One counter's smoothed rate.

    It begins with the average over the ``age`` of what is counted, or if that is None, with the first rate.
    """

    def __init__(self, value: float, age: float | None) -> None:
        self._value = value
        self._is_known = age is not None
        self.per_second = value / age if age else 0.0

    def take(self, value: float, seconds: float) -> None:
        """The counter's value, ``seconds`` after the last."""
        # Not below 0: another session of the user may have taken its seconds with it when it ended.
        rate = max(value - self._value, 0.0) / seconds
        weight = 1 - math.exp(-seconds / SMOOTHED) if self._is_known else 1.0
        self._value, self._is_known = value, True
        self.per_second += (rate - self.per_second) * weight


@dataclass
class _Counters:
    """The rates of one session, or of the service."""

    rates: dict[str, _Rate]

    @classmethod
    def begun(cls, values: Mapping[str, float], age: float) -> "_Counters":
        # Seconds did not begin with what is shown: a process computes before it serves, and a user's seconds
        # are those of all its sessions.
        return cls(
            {name: _Rate(value, None if name.endswith("_seconds") else age) for name, value in values.items()}
        )

    def take(self, values: Mapping[str, float], seconds: float) -> None:
        for name, value in values.items():
            self.rates[name].take(value, seconds)

    def __getitem__(self, name: str) -> float:
        return self.rates[name].per_second


class Board:
    """Takes one look after the other."""

    def __init__(self) -> None:
        self.look: Look | None = None
        self._service = _Counters({})
        self._sessions: dict[str, _Counters] = {}

    def take(self, look: Look) -> None:
        """The newest look; looks of a service that was restarted begin a new board."""
        last = self.look
        if last is not None and last.status["pid"] != look.status["pid"]:
            last, self._sessions = None, {}
        self.look = look
        totals = _totals(look.status)
        seconds = look.at - last.at if last is not None else 0.0
        if last is None:
            self._service = _Counters.begun(totals, look.status["uptime"])
        elif seconds > 0:
            self._service.take(totals, seconds)
        known, self._sessions = self._sessions, {}
        for session in look.sessions:
            values, rates = _values(session), known.get(session["id"])
            if rates is None:
                rates = _Counters.begun(values, session["age"])
            elif seconds > 0:
                rates.take(values, seconds)
            self._sessions[session["id"]] = rates

    def rate(self, name: str) -> float:
        """The rate of one of the service's counters, or of ``cpu_seconds``; 0 before the first look."""
        return self._service[name] if name in self._service.rates else 0.0

    @property
    def is_named(self) -> bool:
        """Whether the servers have names."""
        return self.look is not None and "servers" in self.look.status

    @property
    def sessions(self) -> list[Row]:
        """A row for each session."""
        rows = []
        for session in self.look.sessions if self.look is not None else ():
            rates = self._sessions[session["id"]]
            host = f"[{session['peer']}]" if ":" in session["peer"] else session["peer"]
            door = session.get("door", "ami")
            rows.append(
                Row(
                    session["id"],
                    session["user"] or "-",
                    _server(session.get("servers", ())) if self.is_named else "",
                    f"{'' if door == 'ami' else door + ' '}{host}:{session['port']}",
                    session["state"],
                    1,
                    session["age"],
                    rates["bytes_in"],
                    rates["bytes_out"],
                    session["outbox"],
                    session.get("denied", 0),
                    rates["proxy_seconds"],
                    rates["asterisk_seconds"],
                )
            )
        return rows

    @property
    def users(self) -> list[Row]:
        """A row for each user that has sessions, and one, ``-``, for sessions without a user."""
        of_users: dict[str, list[Row]] = {}
        for row in self.sessions:
            of_users.setdefault(row.user, []).append(row)
        return [_together(user, rows) for user, rows in of_users.items()]


def _together(user: str, rows: Sequence[Row]) -> Row:
    return Row(
        user,
        user,
        _server(list(dict.fromkeys(row.server for row in rows))),
        _origin([row.peer for row in rows]),
        "",
        len(rows),
        max(row.age for row in rows),
        sum(row.rate_in for row in rows),
        sum(row.rate_out for row in rows),
        sum(row.outbox for row in rows),
        sum(row.denied for row in rows),
        # The sessions of a user have these figures in common.
        max(row.proxy for row in rows),
        max(row.asterisk for row in rows),
    )


def _server(names: Sequence[str]) -> str:
    return "several" if len(names) > 1 else names[0] if names else "-"


def _origin(peers: Sequence[str]) -> str:
    hosts = {peer.rpartition(":")[0] for peer in peers}
    return peers[0] if len(peers) == 1 else hosts.pop() if len(hosts) == 1 else f"{len(hosts)} addresses"


def matching(rows: Iterable[Row], text: str) -> list[Row]:
    """The rows whose user, server, peer or id contains the text, in any case."""
    wanted = text.lower()
    return [
        row
        for row in rows
        if any(wanted in part.lower() for part in (row.user, row.server, row.peer, row.id))
    ]


def ordered(rows: Iterable[Row], column: str, *, reverse: bool = False) -> list[Row]:
    """The rows by a field of ``Row``: texts from A to Z, numbers from the largest, or the ``reverse`` of it.

    Rates are compared by their leading digits, and rows with equal values are ordered by id.
    """
    found = sorted(rows, key=lambda row: row.id)
    if column in _TEXTS:
        return sorted(found, key=lambda row: str(getattr(row, column)).lower(), reverse=reverse)
    form = leading if column in _RATES else float
    return sorted(found, key=lambda row: -form(getattr(row, column)), reverse=reverse)


def leading(value: float) -> float:
    """The number with its two leading digits only; 0 if it is too small to matter."""
    return float(f"{value:.1e}") if value >= 0.001 else 0.0


def _values(session: View) -> dict[str, float]:
    return {name: session[name] for name in ("bytes_in", "bytes_out", "proxy_seconds", "asterisk_seconds")}


def _totals(status: View) -> dict[str, float]:
    # A service of the version before does not report its CPU seconds.
    return {**status["counters"], "cpu_seconds": status.get("cpu_seconds", 0.0)}
