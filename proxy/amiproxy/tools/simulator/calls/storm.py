"""Events of one fixed shape, for benchmarks: they differ only in a number and the time of sending."""

from amiproxy.tools.simulator.pbx.channel import Channel, Headers

#: VarSet is among the most frequent events of a real PBX, and its length is typical.
_CHANNEL = Channel(
    "PJSIP/storm-00000001", "1700000000.1", "1700000000.1", 0.0, "from-internal", "storm", state=6
)
_HEADERS: Headers = [("Variable", "STORM"), ("Value", "%010d %017.6f")]
_TEMPLATE = _CHANNEL.event("VarSet", "dialplan", *_HEADERS)


def storm_event(number: int, now: float) -> bytes:
    """One event; ``Value`` is its number (10 digits), a space, and ``now`` (17 characters).

    ``now`` is in monotonic seconds.
    """
    return _TEMPLATE % (number, now)


def read_storm_event(raw: bytes) -> tuple[int, float] | None:
    """The number and the time of such an event; None for any other message."""
    _, found, rest = raw.partition(b"Variable: STORM\r\nValue: ")
    if not found:
        return None
    number, _, now = rest.rstrip(b"\r\n").partition(b" ")
    return int(number), float(now)
