"""Asks a running service for its configuration; of an older version it asks what that can tell."""

from collections.abc import Iterator
from typing import Any, Protocol

from amiproxy.config.plain import Plain
from amiproxy.core.model.users import LONE_SERVER
from amiproxy.tools.against.state import Account, Running


class Asker(Protocol):
    """A connection to the control socket."""

    def ask(self, command: str, **arguments: str) -> Any:
        """Send a command and return its result."""

    def stream(self, command: str, *, key: str) -> Iterator[Any]:
        """Send a command and yield its results, until the service closes the connection."""


#: What services cannot tell that do not know the command ``configuration``.
_UNKNOWN = (
    "settings other than limits, the upstream and the number and addresses of listeners",
    "secrets, and the keys of users other than disabled, read and write",
    "client CAs and revocation lists",
    "what a reload would refuse, and what the service's account may read",
)


def running(asker: Asker, key: bytes) -> Running:
    """The service's state, with fingerprints under ``key``.  What ``asker`` raises passes through.

    The connection cannot be used afterwards.
    """
    known = {command["name"] for command in asker.ask("commands")}
    status, certificates = asker.ask("status"), asker.ask("certs")
    about = {
        "pid": status["pid"],
        "uptime": status["uptime"],
        "authenticated": status["authenticated"],
        "log_level": status["log_level"],
        "certificates": certificates,
        "rehearsal": asker.ask("rehearse") if "rehearse" in known else None,
    }
    if "configuration" not in known:
        rows = asker.ask("users")
        return Running(
            interpreter={"version": status["version"]},
            config=_partial(asker, certificates),
            users={row["name"]: {name: row[name] for name in ("disabled", "read", "write")} for row in rows},
            sessions={row["name"]: row["sessions"] for row in rows},
            unknown=_UNKNOWN,
            **about,
        )
    head, *batches = asker.stream("configuration", key=key.hex())
    rows = [row for batch in batches for row in batch["users"]]
    if len(rows) != head["users"]:
        raise ConnectionError("the service closed the connection before it had sent all users; try again")
    return Running(
        interpreter={name: head[name] for name in ("version", "core", "python", "openssl")},
        config=head["config"],
        users={name: entry for name, entry, _ in rows},
        sessions={name: sessions for name, _, sessions in rows},
        upstream_secrets=_secrets(head),
        fleet_secrets=dict(head.get("fleet_secrets", {})),
        files=head["files"],
        path=head["path"],
        account=Account(head["uid"], head["gid"], tuple(head["groups"])),
        **about,
    )


def _secrets(head: Any) -> dict[str, str]:
    """The fingerprint of each server's secret; a service of one Asterisk alone has only that."""
    if "upstream_secrets" not in head:
        return {LONE_SERVER: head["upstream_secret"]}
    return dict(head["upstream_secrets"])


def _partial(asker: Asker, certificates: Any) -> Plain:
    upstream = asker.ask("upstream")
    return {
        "upstream": {name: upstream[name] for name in ("host", "port", "username")},
        "listeners": [{"address": one["listener"]} for one in certificates],
        "limits": {row["name"]: row["value"] for row in asker.ask("limits")},
    }
