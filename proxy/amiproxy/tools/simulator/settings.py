"""The settings of a simulator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings, chosen before the start.  Durations are in seconds.

    ``login_delay`` is how long Asterisk waits before it answers a failed login;
    ``ringing`` is how long a called party rings before it answers or is busy;
    ``system_name`` is ``systemname`` of asterisk.conf, which is in ids and events;
    ``old_command_form`` answers ``Command`` as Asterisk 13 and earlier do;
    ``call_centre`` makes it a call centre, with more lists, instead of two queues with three agents;
    ``warm_up`` is for how long calls have been going on when it starts;
    ``max_unsent`` is how many bytes a client may leave unread before its connection is reset.
    """

    ami_version: str = "11.0.0"
    asterisk_version: str = "22.10.1"
    system_name: str = ""
    login_delay: float = 1.0
    ringing: float = 0.02
    calls_per_minute: float = 0.0
    seed: int = 1
    old_command_form: bool = False
    call_centre: bool = False
    warm_up: float = 0.0
    max_unsent: int = 64 << 20
