"""The simulator: a small Asterisk for the demo, the tests and the benchmark.

    server.py      Simulator: listens, broadcasts, injects, storms, scripts actions
    session.py     one client: its login, one action at a time, events held meanwhile
    reading.py     reads client bytes as Asterisk does, quirks included
    actions/       the actions, a file per subject
    commands.py    the CLI commands that the action Command can run
    faults.py      faults: stall, trickle, reset, drop, death in a list, forgery
    schedule.py    faults at scheduled times
    users.py       manager users with their classes
    settings.py    settings chosen before the start

    pbx.py         the state: channels, bridges, queues, database
    channel.py     a channel and its headers in events; queue.py has the same for queues
    dialplan.py    the outcome of calling an extension
    call.py        the base of every call: a generator of (delay, event)
    originated.py  calls made by the action Originate
    patterns.py    typical calls
    traffic.py     starts typical calls at a rate per minute
    timeline.py    runs all calls, independent of an event loop
    storm.py       events of one shape for benchmarks
    transcript.py  recorded sessions: the answer that belongs to each action
    replay.py      a server that replays a recorded session
    supervised.py  tasks whose failures are kept and raised at the end

It depends on ``amiproxy.ami`` only, and uses as little of that as it can: the tests would
not notice a mistake that the simulator shared with the proxy.
"""

from amiproxy.tools.simulator.server import Simulator
from amiproxy.tools.simulator.settings import Settings
from amiproxy.tools.simulator.users import User

__all__ = ["Settings", "Simulator", "User"]
