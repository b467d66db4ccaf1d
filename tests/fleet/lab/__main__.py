"""``python3 -m tests.fleet.lab``: unpack the nats-server ahead of the tests."""

import sys
import time

from tests.asterisk.lab.cache import Unavailable
from tests.fleet.lab import engine

started = time.monotonic()
try:
    program = engine.nats_server()
except Unavailable as reason:
    sys.exit(f"lab: {reason}")
sys.stdout.write(f"lab: nats-server {engine.version()} in {program} ({time.monotonic() - started:.0f} s)\n")
