"""The last part: the doctor, the start, the wait for the link, and what to type at a client."""

import ipaddress
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.cli.ctl.connection import Connection, NotReachable, Refused
from amiproxy.cli.setup import screen
from amiproxy.config import Config, ConfigErrors, load_config, read_secret
from amiproxy.tools import doctor, terminal
from amiproxy.tools.setup import facts as state
from amiproxy.tools.setup.facts import UNIT, Facts
from amiproxy.tools.setup.link import trouble
from amiproxy.tools.setup.plan import RELOAD_MANAGER, Plan
from amiproxy.tools.setup.steps import Run
from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress, Wishes

#: Seconds for the link to come up: the proxy tries again after a second, then less often.
_PATIENCE: Final = 15.0
#: Seconds after which an Asterisk that refuses the login is not expected to change its mind.
_SETTLED: Final = 4.0
_PAUSE: Final = 0.2
#: Findings of the doctor with which the service would not start.
_NEEDED: Final = ("configuration", "certificates")


class _Link(NamedTuple):
    """The state of the service's link; ``state`` is empty if no service answers."""

    state: str = ""
    reason: str = ""

    @property
    def is_up(self) -> bool:
        return self.state.startswith("up")


def finish(plan: Plan, facts: Facts, wishes: Wishes) -> bool:
    """Check, start and wait, then print how to connect; whether all of it works."""
    proxy = wishes.directory / "proxy.yaml"
    try:
        config = load_config(proxy)
    except ConfigErrors:
        config = None  # the doctor says why
    was_asked = any(isinstance(step, Run) and step.command == RELOAD_MANAGER for step in plan.steps)
    is_linked = config is not None and _is_accepted(config, _SETTLED if was_asked else 0)
    can_start = _examine(proxy, is_linked=is_linked)
    good = can_start and config is not None and _serve(plan, config, wishes)
    _tell(plan, facts, wishes)
    return good


def _examine(proxy: Path, *, is_linked: bool) -> bool:
    """Print what the doctor finds wrong; whether the service can start.

    Without a link, what it says about Asterisk is left out: the end says why there is none.
    """
    counts = Counter[str]()
    can_start = True
    for finding in doctor.examine(proxy):
        counts[finding.level] += 1
        if finding.level == "fail" and finding.subject in _NEEDED:
            can_start = False
        if finding.level in ("ok", "unknown") or (finding.subject == "asterisk" and not is_linked):
            continue
        screen.note(f"{finding.subject}: {finding.text}", finding.remedy, finding.level)
    text = f"checks of ami-proxy doctor passed: {counts['ok']}"
    screen.line(f"{text}; not possible here: {counts['unknown']}" if counts["unknown"] else text, "ok")
    return can_start


def _serve(plan: Plan, config: Config, wishes: Wishes) -> bool:
    """Start the service, if it is to be started, and wait for the link; whether that works."""
    start = plan.start or _retry(config, wishes)
    if start is not None:
        screen.line(str(start))
        status, said = state.run(start.command)
        if status != 0:
            _, log = state.run(("journalctl", "--no-pager", "-o", "cat", "-n", "5", "-u", UNIT))
            screen.note(f"{' '.join(start.command)} failed: {said}\n{log}".rstrip(), start.remedy)
            return False
    elif not _link(config).state and not (wishes.directory == SYSTEM and state.unit_state().active):
        return _not_started(config, wishes)
    return _wait(config)


def _retry(config: Config, wishes: Wishes) -> Run | None:
    """Reload the service if Asterisk would accept its login by now: the secret may have been corrected."""
    link = _link(config)
    if not wishes.start or wishes.directory != SYSTEM or not link.state or link.is_up:
        return None
    if not state.unit_state().active or _trouble(config) is not None:
        return None
    return Run(("systemctl", "reload", UNIT), "log in to Asterisk again", f"look at: journalctl -u {UNIT}")


def _not_started(config: Config, wishes: Wishes) -> bool:
    wrong = _trouble(config)
    if wrong is not None:
        screen.note(*wrong)
    commands = [f"ami-proxy run --config {wishes.directory / 'proxy.yaml'}"]
    if wishes.directory == SYSTEM and state.unit_state().exists:
        commands = [f"systemctl enable --now {UNIT}"]
    elif wishes.directory == SYSTEM:
        # The unit's RuntimeDirectory=, for the control socket.
        folder = "install -d -m 0750 -o ami-proxy -g ami-proxy /run/ami-proxy"
        commands = [folder, f"runuser -u ami-proxy -- {commands[0]}"]
    terminal.show("", "The service was not started. To start it:", "", *commands)
    return wrong is None


def _wait(config: Config) -> bool:
    screen.line("for the link to Asterisk", "wait")
    began = time.monotonic()
    link, wrong = _link(config), None
    while not link.is_up and time.monotonic() - began < _PATIENCE:
        time.sleep(_PAUSE)
        link = _link(config)
        # No need to wait for what does not go away by itself.
        if link.state and time.monotonic() - began > _SETTLED and (wrong := _trouble(config)) is not None:
            break
    if link.is_up:
        terminal.show("", "The service runs, and its link to Asterisk is up.")
        return True
    if not link.state:
        socket = config.control.socket if config.control is not None else "no control: in proxy.yaml"
        screen.note(f"the service does not answer ({socket})", f"look at: journalctl -u {UNIT}")
        return False
    remedy = f"if you have corrected that, run: systemctl reload {UNIT}; or look at: journalctl -u {UNIT}"
    text, remedy = wrong or (f"it is {link.state}: {link.reason}", remedy)
    screen.note(f"the service runs, but its link to Asterisk is not up: {text}", remedy)
    screen.line("The service keeps trying; run this again to see whether it works.", " ")
    return False


def _link(config: Config) -> _Link:
    path = config.control.socket.path if config.control is not None else None
    if path is None:
        return _Link()
    try:
        connection = Connection(path)
        try:
            shown = connection.ask("status")["link"]
        finally:
            connection.close()
    except (NotReachable, Refused):
        return _Link()
    return _Link(shown["state"], shown["reason"])


def _is_accepted(config: Config, patience: float) -> bool:
    """Whether Asterisk accepts the login; after a reload of its manager that may take a moment."""
    deadline = time.monotonic() + patience
    while _trouble(config) is not None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _trouble(config: Config) -> tuple[str, str] | None:
    upstream = config.first_server
    secret = read_secret(upstream.secret_file)
    address = AsteriskAddress(upstream.host, upstream.port)
    return trouble(address, upstream.username, secret, upstream.secret_file, state.run)


def _tell(plan: Plan, facts: Facts, wishes: Wishes) -> None:
    """Print the lines to paste into a client."""
    host = _host(facts, wishes)
    if ":" in host:
        host = f"[{host}]"
    trust = ("-CAfile", plan.ca.name) if plan.ca is not None else ()
    if plan.ca is not None:
        trusted = f"Clients must trust {plan.ca}: copy it to them. To try it there:"
        if plan.renewal is not None:
            text, command = plan.renewal
            terminal.show("", terminal.Paragraph(text), "", terminal.Command(*command))
        terminal.show(
            "",
            terminal.Paragraph(trusted),
            "",
        )
    else:
        terminal.show("", "To try it at a client:", "")
    user = (
        wishes.user.name if wishes.user is not None else facts.user_names[0] if facts.user_names else "NAME"
    )
    port = plan.listen.port or 5039
    terminal.show(
        terminal.Command(
            *("openssl", "s_client", "-connect", f"{host}:{port}", *trust, "-verify_return_error", "-quiet")
        ),
        "Action: Login",
        f"Username: {user}",
        f"Secret: {plan.user_secret or '(its secret)'}",
        "",
    )
    if plan.user_secret:
        told = "then an empty line. The secret is shown only now: users.yaml has its hash."
        terminal.show(terminal.Paragraph(told))


def _host(facts: Facts, wishes: Wishes) -> str:
    names = [
        *wishes.hosts,
        *(name.partition(":")[2] for name in facts.certified if name[:3] in ("dns", "ip:")),
    ]
    return next((name for name in names if "*" not in name and _is_host(name)), "HOST")


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return ":" not in name
    return True
