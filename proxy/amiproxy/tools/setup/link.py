"""Why Asterisk does not accept the link, with what to do about it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from amiproxy.tools.doctor.probe import LoginRefused, Probe, ProbeError
from amiproxy.tools.setup.wishes import AsteriskAddress

#: Seconds that Asterisk has for each answer.
_PATIENCE: Final = 5.0
_NO_COMMAND: Final = 127


def trouble(
    address: AsteriskAddress,
    username: str,
    secret: bytes,
    file: Path,
    runner: Callable[[Sequence[str]], tuple[int, str]],
) -> tuple[str, str] | None:
    """What is wrong, and what to do; None if Asterisk accepts the login.

    ``file`` is where the secret is.  ``runner`` runs a command, to ask Asterisk's console why.
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
    except LoginRefused as error:
        return _refused(error, username, file, runner)
    except ProbeError as error:
        return str(error), error.remedy
    return None


def has_account(username: str, runner: Callable[[Sequence[str]], tuple[int, str]]) -> bool | None:
    """Whether the running Asterisk has an account of this name; None if its console does not say."""
    shown = _account(username, runner)
    return None if shown is None else bool(shown)


def _account(username: str, runner: Callable[[Sequence[str]], tuple[int, str]]) -> dict[str, str] | None:
    """What the console shows of an account, by names in lower case; empty if there is none."""
    status, said = runner(("asterisk", "-rx", f"manager show user {username}"))
    if status != 0:
        return None
    rows = (line.partition(":") for line in said.splitlines())
    shown = {name.strip().lower(): value.strip() for name, colon, value in rows if colon}
    if shown.get("username") == username:
        return shown
    return {} if "no manager called" in said else None


def _refused(
    error: LoginRefused, username: str, file: Path, runner: Callable[[Sequence[str]], tuple[int, str]]
) -> tuple[str, str]:
    shown = _account(username, runner)
    if shown is None:
        return str(error), error.remedy
    if not shown:
        text = f"Asterisk has no account [{username}]"
        return text, "add it to manager.conf, then run: asterisk -rx 'manager reload'"
    text = (
        f"Asterisk has the account [{username}], but refused its login: its secret is not the one in {file}"
    )
    remedy = f"write the secret of [{username}] in manager.conf into {file}, or the other way round"
    if shown.get("acl") != "no":
        text += ", or its deny and permit lines exclude this address"
        remedy += "; correct deny and permit"
    return text, f"{remedy}; then run: asterisk -rx 'manager reload'"


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
