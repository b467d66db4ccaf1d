"""Actions on the PBX as a whole: status, settings, reload, CLI commands, user events, bridges."""

import time

from amiproxy.tools.simulator.pbx.channel import event, item
from amiproxy.tools.simulator.pbx.commands import run_command
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session


async def core_status(session: Session, request: Request) -> None:
    """Give the times of start and reload, and the numbers of calls."""
    pbx = session.host.pbx
    started, reloaded = time.gmtime(pbx.started), time.gmtime(pbx.reloaded)
    session.respond(
        request,
        "Success",
        ("CoreStartupDate", time.strftime("%Y-%m-%d", started)),
        ("CoreStartupTime", time.strftime("%H:%M:%S", started)),
        ("CoreReloadDate", time.strftime("%Y-%m-%d", reloaded)),
        ("CoreReloadTime", time.strftime("%H:%M:%S", reloaded)),
        ("CoreCurrentCalls", len(session.host.timeline.calls)),
        ("CoreProcessedCalls", pbx.calls_processed),
    )


async def core_settings(session: Session, request: Request) -> None:
    """Give the versions and settings."""
    settings = session.host.settings
    session.respond(
        request,
        "Success",
        ("AMIversion", settings.ami_version),
        ("AsteriskVersion", settings.asterisk_version),
        ("SystemName", settings.system_name),
        ("CoreMaxCalls", 0),
        ("CoreMaxLoadAvg", "0.000000"),
        ("CoreRunUser", ""),
        ("CoreRunGroup", ""),
        ("CoreMaxFilehandles", 0),
        ("CoreRealTimeEnabled", "No"),
        ("CoreCDRenabled", "Yes"),
        ("CoreHTTPenabled", "No"),
        ("SoundsSearchCustomDir", "No"),
    )


async def reload(session: Session, request: Request) -> None:
    """Reload everything; reloading a single module is refused."""
    if request.text("Module"):
        session.refuse(request, "No such module")
        return
    session.host.pbx.reloaded = session.host.pbx.clock()
    session.succeed(request, "Module Reloaded")
    session.host.broadcast(event("Reload", "system", ("Module", "All"), ("Status", 0)))


async def command(session: Session, request: Request) -> None:
    """Run a CLI command; the settings choose the old or the new form of the response."""
    text = request.text("Command")
    words = text.lower().split(" ")
    if not text:
        session.refuse(request, "No command provided")
        return
    if words[:2] in (["module", "load"], ["module", "unload"], ["restart", "gracefully"]):
        session.refuse(request, "Command blacklisted")
        return
    known, lines = run_command(session.host.pbx, session.host.settings.asterisk_version, text)
    if session.host.settings.old_command_form:
        start = [b"Response: Follows", b"Privilege: Command"]
        if request.action_id:
            start.append(b"ActionID: " + request.action_id)
        output = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        session.send(b"\r\n".join([*start, b""]) + output + b"--END COMMAND--\r\n\r\n")
    else:
        output_lines = [("Output", line) for line in lines]
        text = "Command output follows"
        session.respond(request, "Success" if known else "Error", ("Message", text), *output_lines)


async def user_event(session: Session, request: Request) -> None:
    """Send an event to all sessions that may see it; every line of the action is copied unchecked."""
    copied = [line for line in request.lines if not line.lower().startswith((b"action:", b"userevent:"))]
    session.succeed(request, "Event Sent")
    start = [b"Event: UserEvent", b"Privilege: user,all", b"UserEvent: " + request.get(b"userevent")]
    session.host.broadcast(b"\r\n".join([*start, *copied, b"\r\n"]))


async def bridge_list(session: Session, request: Request) -> None:
    """List all bridges."""
    items = [
        item(
            "BridgeListItem",
            *session.identity(request),
            *bridge.snapshot(),
        )
        for bridge in session.host.pbx.bridges.values()
    ]
    session.send_list(request, "Bridge listing will follow", items, "BridgeListComplete")


ACTIONS = {
    "BridgeList": ("List the bridges in the system.", bridge_list),
    "Command": ("Execute Asterisk CLI Command.", command),
    "CoreSettings": ("Show PBX core settings (version etc).", core_settings),
    "CoreStatus": ("Show PBX core status variables.", core_status),
    "Reload": ("Send a reload event.", reload),
    "UserEvent": ("Send an arbitrary event.", user_event),
}
