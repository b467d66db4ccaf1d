"""Durations as command-line arguments."""

import argparse
import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """Seconds of a duration such as ``90``, ``30m``, ``12h`` or ``7d``; a type for argparse.

    Raises ArgumentTypeError for anything else.
    """
    found = re.fullmatch(r"([0-9]{1,8})([smhd]?)", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 90s, 30m, 12h or 7d")
    return float(int(found[1]) * _UNITS[found[2] or "s"])
