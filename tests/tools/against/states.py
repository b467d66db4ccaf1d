"""The two sides of a comparison: a service that runs a configuration, and the files that it was read from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from amiproxy.config import Config, UserEntry
from amiproxy.config.plain import fingerprints, plain, plain_user
from amiproxy.core.model.phc import dummy_hash
from amiproxy.tools.against.comparing import compare
from amiproxy.tools.against.report import Report
from amiproxy.tools.against.state import Account, Running, State

FINGERPRINT = fingerprints(b"k" * 32)
HASH = dummy_hash()
INTERPRETER = {"version": "1.0.0", "core": "python", "python": "3.11.2", "openssl": "OpenSSL 3.0.19"}


def entry(**keys: Any) -> UserEntry:
    return UserEntry(**{"secret": HASH, **keys})


def users(entries: dict[str, UserEntry]) -> dict[str, Any]:
    return {name: plain_user(one, FINGERPRINT) for name, one in entries.items()}


def served(number: int, *names: str) -> dict[str, Any]:
    return {
        "subject": "CN=pbx",
        "issuer": "CN=CA",
        "names": list(names) or ["dns:pbx.example.org"],
        "serial": f"{number:02X}",
        "sha256": f"{number:02x}" * 32,
        "key": "ECDSA P-256",
        "not_before": 1_700_000_000.0,
        "not_after": 1_800_000_000.0 + number * 86400,
        "ends_by": "",
        "days_left": 100.0,
        "state": "fine",
    }


def listener(address: str, *certificates: dict[str, Any]) -> dict[str, Any]:
    return {"listener": address, "served": list(certificates or (served(1),)), "clients": []}


def state(config: Config, entries: dict[str, UserEntry] | None = None) -> State:
    return State(
        interpreter=INTERPRETER,
        config=plain(config),
        users=users(entries or {}),
        certificates=[listener(str(one.address)) for one in config.listeners],
        upstream_secrets={"asterisk": FINGERPRINT("the upstream secret")},
        files=[
            {str(path): "1" for pair in one.certificates for path in (pair.chain, pair.key)}
            for one in config.listeners
        ],
    )


def running(
    config: Config, path: Path, entries: dict[str, UserEntry] | None = None, /, **more: Any
) -> Running:
    known = state(config, entries)
    rehearsal = {"problems": [], "warnings": [], "closes": {}}
    made = Running(
        **{name: getattr(known, name) for name in State.__dataclass_fields__},
        pid=7,
        uptime=1.0,
        authenticated=3,
        log_level=config.log.level,
        path=str(path),
        account=Account(0, 0, ()),
        rehearsal=rehearsal,
    )
    return replace(made, **more)


def compared(
    config: Config,
    path: Path,
    before: dict[str, UserEntry],
    after: dict[str, UserEntry],
    /,
    **more: Any,
) -> Report:
    return compare(running(config, path, before, **more), state(config, after), config, path, ())
