"""The simulator: a small Asterisk for the demo, the tests and the benchmark.

    server.py      Simulator: listen, broadcast, inject, storm, script
    session.py     one client: login, one action at a time, events held meanwhile
    reading.py     client bytes as Asterisk reads them, quirks included
    actions/       what it can do, a file per noun
    commands.py    the CLI commands behind the action Command
    faults.py      stall, trickle, reset, drop, die in a list, lie
    schedule.py    the same by the clock
    users.py       manager users with their classes
    settings.py    what is chosen before the start

    pbx.py         the state: channels, bridges, queues, database
    channel.py     one channel and its lines in events; queue.py the same for queues
    dialplan.py    what happens when an extension is called
    call.py        what every call is: a generator of (delay, event)
    originated.py  calls of the action Originate
    patterns.py    calls of an ordinary day
    traffic.py     so many of them a minute
    timeline.py    runs them all, without knowing a loop
    storm.py       events of one shape for benchmarks
    transcript.py  recorded sessions: which answer belongs to which action
    replay.py      a server that replays one
    supervised.py  tasks that are looked after

It stands on ``proxy.ami`` only, and of that uses as little as it can: a mistake
shared with the proxy would hide from the tests.
"""

from proxy.simulator.server import Simulator
from proxy.simulator.settings import Settings
from proxy.simulator.users import User

__all__ = ["Settings", "Simulator", "User"]
