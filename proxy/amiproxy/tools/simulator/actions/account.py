"""Login, Challenge, Logoff, and the other actions about the session itself."""

import asyncio
import hashlib
import secrets

from amiproxy.ami import privilege
from amiproxy.tools.simulator.pbx.channel import event, item
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session


async def challenge(session: Session, request: Request) -> None:
    """Give the session's challenge; it stays the same for the whole session."""
    if request.get(b"authtype").lower() != b"md5":
        session.refuse(request, "Must specify AuthType")
        return
    session.challenge = session.challenge or str(secrets.randbelow(10**9)).encode()
    session.respond(request, "Success", ("Challenge", session.challenge.decode()))


async def login(session: Session, request: Request) -> None:
    """Accept the user, or wait, send an error and close the connection."""
    if session.user is not None:
        session.succeed(request, "Already authenticated")
        return
    host = session.host
    name = request.text("Username")
    user = host.user_named(name)
    if user is not None and not user.multiple_login and host.logged_in(user.name):
        await _turn_away(session, request, "Login Already In Use")
        return
    if user is None:
        session.announce("InvalidAccountID", "Error", account=name)
    elif host.faults.take_login_refusal() or not _secret_fits(session, request, user.secret):
        session.announce("InvalidPassword", "Error", account=name)
    else:
        session.user = user
        session.logged_in_at = host.pbx.clock()
        mask = privilege.parse_event_mask(request.get(b"events"))
        session.mask = privilege.ALL if mask is None else mask
        session.succeed(request, "Authentication accepted")
        if session.may_read(privilege.SYSTEM):
            now = host.pbx.clock()
            uptime, reloaded = int(now - host.pbx.started), int(now - host.pbx.reloaded)
            booted = [("Uptime", uptime), ("LastReload", reloaded), ("Status", "Fully Booted")]
            session.send(event("FullyBooted", "system", *booted))
        session.announce("SuccessfulAuth", "Informational", ("UsingPassword", 0))
        return
    await _turn_away(session, request, "Authentication failed")


async def _turn_away(session: Session, request: Request, text: str) -> None:
    await asyncio.sleep(session.host.settings.login_delay)
    session.refuse(request, text)
    session.close()


def _secret_fits(session: Session, request: Request, secret: str) -> bool:
    expected = secret.encode()
    if request.get(b"authtype").lower() != b"md5":
        return secrets.compare_digest(request.get(b"secret"), expected)
    if not session.challenge:
        return False
    key = hashlib.md5(session.challenge + expected, usedforsecurity=False).hexdigest()
    return secrets.compare_digest(request.get(b"key"), key.encode())


async def logoff(session: Session, request: Request) -> None:
    """Respond with Goodbye and close the connection."""
    session.respond(request, "Goodbye", ("Message", "Thanks for all the fish."))
    session.close()


async def ping(session: Session, request: Request) -> None:
    """Respond with the current time."""
    session.respond(request, "Success", ("Ping", "Pong"), ("Timestamp", f"{session.host.pbx.clock():.6f}"))


async def events(session: Session, request: Request) -> None:
    """Set the session's event mask."""
    mask = privilege.parse_event_mask(request.get(b"eventmask"))
    if mask is None:
        session.refuse(request, "Invalid event mask")
        return
    session.mask = mask
    session.respond(request, "Success", ("Events", "On" if mask else "Off"))


async def list_commands(session: Session, request: Request) -> None:
    """List the actions that this user may run."""
    assert session.user is not None
    rows: list[tuple[str, object]] = []
    for offered in session.host.offered:
        if privilege.may_write(session.user.write_mask, offered.classes):
            classes = f"{privilege.class_names(offered.classes)},all" if offered.classes else "<none>"
            rows.append((offered.name, f"{offered.synopsis}  (Priv: {classes})"))
    session.respond(request, "Success", *rows)


async def wait_event(session: Session, request: Request) -> None:
    """Wait for an event or any input; Asterisk checks once a second, the simulator reacts at once."""
    timeout = request.text("Timeout") or "-1"
    try:
        seconds = int(timeout, 0)
    except ValueError:
        seconds = 0
    try:
        async with asyncio.timeout(seconds if seconds >= 0 else None):
            await session.stirred()
    except TimeoutError:
        pass
    session.succeed(request, "Waiting for Event completed.")
    session.release()
    session.send(item("WaitEventComplete", *session.identity(request)))


ACTIONS = {
    "Challenge": ("Generate a challenge for MD5 login.", challenge),
    "Events": ("Choose which events to see.", events),
    "ListCommands": ("List available manager commands.", list_commands),
    "Login": ("Log in.", login),
    "Logoff": ("Log off.", logoff),
    "Ping": ("Keep the session alive.", ping),
    "WaitEvent": ("Wait for an event to occur.", wait_event),
}
