"""``python3 -m tests.asterisk.lab SUITE…``: build the chroots ahead of the tests."""

import sys
import time

from tests.asterisk.lab import cache, chroot

for suite in sys.argv[1:]:
    started = time.monotonic()
    try:
        root = chroot.ready(suite)
    except cache.Unavailable as reason:
        sys.exit(f"lab: {reason}")
    sys.stdout.write(f"lab: Asterisk {chroot.SUITES[suite]} in {root} ({time.monotonic() - started:.0f} s)\n")
