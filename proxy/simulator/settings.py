"""What can be chosen about a simulator before it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations in seconds.

    ``login_delay`` is how long Asterisk waits before it says that a login failed;
    ``ringing`` how long a called party rings before it answers or is busy;
    ``old_command_form`` gives ``Command`` the answer of Asterisk 13 and before;
    ``max_unsent`` is how many bytes a client may leave unread before it is cut off.
    """

    ami_version: str = "11.0.0"
    asterisk_version: str = "22.10.1"
    login_delay: float = 1.0
    ringing: float = 0.02
    calls_per_minute: float = 0.0
    seed: int = 1
    old_command_form: bool = False
    max_unsent: int = 64 << 20
