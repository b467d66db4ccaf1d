"""Why Asterisk does not accept the link, with what to do about it."""

from collections.abc import Callable, Sequence
from typing import Final

from amiproxy.tools.doctor.probe import Probe, ProbeError
from amiproxy.tools.setup.wishes import AsteriskAddress

#: Seconds that Asterisk has for each answer.
_PATIENCE: Final = 5.0
_NO_COMMAND: Final = 127


def trouble(
    address: AsteriskAddress,
    username: str,
    secret: bytes,
    runner: Callable[[Sequence[str]], tuple[int, str]],
) -> tuple[str, str] | None:
    """What is wrong, and what to do; None if Asterisk accepts the login.

    ``runner`` runs a command, to ask Asterisk's console when its port is closed.
    """
    try:
        probe = Probe(address.host, address.port, _PATIENCE)
    except ProbeError as error:
        return _closed(address, error, runner)
    try:
        with probe:
            probe.greet()
            probe.log_in(username, secret)
            probe.ask("Logoff")
    except ProbeError as error:
        return str(error), error.remedy
    return None


def _closed(
    address: AsteriskAddress,
    error: ProbeError,
    runner: Callable[[Sequence[str]], tuple[int, str]],
) -> tuple[str, str]:
    status, _ = runner(("asterisk", "-rx", "core show version"))
    if status == _NO_COMMAND:
        return str(error), error.remedy
    if status != 0:
        return f"Asterisk is not running: nothing listens at {address}", "systemctl start asterisk"
    text = f"Asterisk runs, but its manager does not listen at {address}"
    settings = f"enabled = yes, bindaddr = {address.host}, port = {address.port}"
    return text, f"set {settings} in [general] of manager.conf, then run: asterisk -rx 'manager reload'"
