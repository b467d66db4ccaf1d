"""The simulator: a small Asterisk for the demo, the tests and the benchmark.

    server.py      Simulator: listens, broadcasts, injects, storms, scripts actions
    session.py     one client: its login, one action at a time, events held meanwhile
    reading.py     reads client bytes as Asterisk does, quirks included
    actions/       the actions, a file per subject
    users.py       manager users with their classes
    settings.py    settings chosen before the start
    supervised.py  tasks whose failures are kept and raised at the end
    running.py     the simulator as a program, which runs until it gets a signal
    pbx/           the state: channels, bridges, queues, lines, database; the CLI; the dialplan
    calls/         generators of (delay, event), what starts them, and what runs them all
    centre/        a call centre: who works there, its calls, breaks and trunks
    misbehaviour/  faults: stall, trickle, reset, drop, death in a list, forgery; at scheduled times
    recorded/      recorded sessions, and a server that replays them

It depends on ``amiproxy.ami`` only, and uses as little of that as it can: the tests would
not notice a mistake that the simulator shared with the proxy.
"""

from amiproxy.tools.simulator.server import Simulator
from amiproxy.tools.simulator.settings import Settings
from amiproxy.tools.simulator.users import User

__all__ = ["Settings", "Simulator", "User"]
