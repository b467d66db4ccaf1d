"""Which channels and bridges are one call, by what the lists show."""

# mypyc: compiled

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.state.item import Item

#: Channels that wait in such a bridge have nothing to do with each other.
_HOLDING = b"holding_bridge"


def calls(channels: list[Item], bridges: list[Item]) -> list[CallFacts]:
    """The facts of all calls, for a tracker that has not seen their events; see ``CallTracker.know``."""
    technologies = {item.key: item.values.get(b"BridgeTechnology", b"") for item in bridges}
    found: list[CallFacts] = []
    for channel in channels:
        facts = channel.facts()
        assert facts is not None
        bridge = channel.values.get(b"BridgeId", b"")
        if technologies.get(bridge, _HOLDING) != _HOLDING:
            facts = facts._replace(ids=(*facts.ids, bridge))
        found.append(facts)
    return found
