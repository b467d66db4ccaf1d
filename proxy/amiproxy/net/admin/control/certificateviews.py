"""Views of the certificates, as plain data for the control socket."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amiproxy.net.admin.service import Service
from amiproxy.net.certs.certstore import CertStore
from amiproxy.steps import Steps
from amiproxy.x509.expiry import Expiry

View = dict[str, Any]


def certificates(service: Service) -> Steps[list[View]]:
    """The certificates of each listener, in configuration order.

    Reads files; do not run it in the event loop.
    """
    found = []
    for listener, store in zip(service.config.tls_listeners, service.stores, strict=True):
        waiting = yield from store.waiting()
        found.append(certificates_of(str(listener.address), store, waiting))
    return found


def certificates_of(listener: str, store: CertStore, waiting: tuple[Path, ...] = ()) -> View:
    """What a listener serves; ``waiting``: files on disk that it does not serve."""
    now = datetime.now(UTC)
    return {
        "listener": listener,
        "generation": store.generation,
        "since": store.current.since,
        "last_reload": str(store.last_result),
        "waiting": list(map(str, waiting)),
        "served": [
            {
                "subject": pair.facts.subject,
                "issuer": pair.facts.issuer,
                "names": list(pair.facts.names),
                "serial": pair.facts.serial,
                "sha256": pair.facts.sha256,
                "key": pair.facts.key,
                "not_before": pair.facts.not_before.timestamp(),
                "not_after": pair.ending.at.timestamp(),
                "ends_by": pair.ending.by,
                "days_left": round((pair.ending.at - now).total_seconds() / 86400, 1),
                "state": str(pair.ending.state(now)),
            }
            for pair in store.current.pairs
        ],
        "clients": [
            {
                "kind": ending.kind,
                "name": ending.name,
                "not_after": ending.at.timestamp(),
                "state": str(ending.state(now)),
                "said": ending.describe(now),
            }
            for ending in store.current.endings
            if ending.kind != "certificate"
        ],
    }


def min_expiry(service: Service) -> View:
    """The certificate with the worst expiry state; of several, the first to expire.

    Client CAs and revocation lists count, too, unless their state is fine.
    """
    now = datetime.now(UTC)
    ends = [(pair.ending, pair.facts.names) for store in service.stores for pair in store.current.pairs]
    ends += [
        (ending, (ending.name,))
        for store in service.stores
        for ending in store.current.endings
        if ending.kind != "certificate" and ending.state(now) > Expiry.FINE
    ]
    first, names = min(ends, key=lambda end: (-end[0].state(now), end[0].at))
    return {
        "kind": first.kind,
        "names": list(names),
        "not_after": first.at.timestamp(),
        "state": str(first.state(now)),
    }


def refused(service: Service) -> list[str]:
    """Listeners whose files on disk were refused, with the reasons."""
    listeners = zip(service.config.tls_listeners, service.stores, strict=True)
    return [
        f"{listener.address}: {store.last_result}"
        for listener, store in listeners
        if not store.last_result.succeeded
    ]
