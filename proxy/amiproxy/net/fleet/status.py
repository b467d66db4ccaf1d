"""What ``ami-proxy ctl fleet`` shows of the connections to the engines."""

from typing import Any

from amiproxy import log
from amiproxy.net.fleet.engine import Engine


def engine_view(engine: Engine) -> dict[str, Any]:
    """One connection, as in ``Fleet.status``."""
    facts, counts = engine.facts, engine.counts
    return {
        **facts._asdict(),
        "version": log.text_of(facts.version),
        "reason": log.text_of(facts.reason),
        "failures": {kind: getattr(counts, kind) for kind in ("not_sent", "refused", "slow", "faults")},
    }
