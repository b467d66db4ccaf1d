"""Actions on channels: list, show status, hang up, redirect, get and set variables."""

import re

from amiproxy.ami import privilege
from amiproxy.tools.simulator.calls.call import HungUp, Redirected
from amiproxy.tools.simulator.pbx.channel import Channel, Headers, event, item
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Session


async def core_show_channels(session: Session, request: Request) -> None:
    """List all channels."""
    now = session.host.pbx.clock()
    items = []
    for channel in _newest_first(session):
        seconds = int(now - channel.created)
        duration = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        own: Headers = [
            ("Application", channel.application),
            ("ApplicationData", channel.data),
            ("Duration", duration),
            ("BridgeId", channel.bridge),
        ]
        items.append(item("CoreShowChannel", *session.identity(request), *channel.snapshot(), *own))
    session.send_list(request, "Channels will follow", items, "CoreShowChannelsComplete")


async def status(session: Session, request: Request) -> None:
    """List all channels, or one, in more detail."""
    assert session.user is not None
    names = request.text("Variables")
    if not session.user.write_mask & privilege.SYSTEM and ("SHELL" in names or "EVAL" in names):
        session.refuse(request, "Status Access Forbidden: Variables")
        return
    channels = _newest_first(session)
    if wanted := request.text("Channel"):
        channels = [channel for channel in channels if channel.name.lower() == wanted.lower()]
        if not channels:
            session.refuse(request, "No such channel")
            return
    items = [_status(session, request, channel, names) for channel in channels]
    session.send_list(request, "Channel status will follow", items, "StatusComplete", ("Items", len(items)))


def _status(session: Session, request: Request, channel: Channel, names: str) -> bytes:
    own: Headers = [
        ("Type", channel.technology),
        ("DNID", ""),
        ("EffectiveConnectedLineNum", channel.connected[0]),
        ("EffectiveConnectedLineName", channel.connected[1]),
        ("TimeToHangup", 0),
        ("BridgeID", channel.bridge),
        ("Application", channel.application),
        ("Data", channel.data),
        ("Nativeformats", "(slin)"),
        ("Readformat", "slin"),
        ("Readtrans", ""),
        ("Writeformat", "slin"),
        ("Writetrans", ""),
        ("Callgroup", 0),
        ("Pickupgroup", 0),
        ("Seconds", int(session.host.pbx.clock() - channel.created)),
    ]
    for name in filter(None, names.split(",")):
        own.append(("Variable", f"{name}={_value(session, channel, name)}"))
    return item("Status", ("Privilege", "Call"), *channel.snapshot(), *own, *session.identity(request))


async def hangup(session: Session, request: Request) -> None:
    """Hang up one channel, or list and hang up all channels that match ``/pattern/``."""
    wanted = request.text("Channel")
    cause = int(request.text("Cause")) if request.text("Cause").isdigit() else 16
    if not wanted:
        session.refuse(request, "No channel specified")
    elif len(wanted) > 1 and wanted.startswith("/") and wanted.endswith("/"):
        pattern = re.compile(re.escape(wanted[1:-1]).replace(r"\.\*", ".*").replace(r"\^", "^"))
        found = [channel for channel in _newest_first(session) if pattern.search(channel.name)]
        items = [
            item("ChannelHungup", ("Channel", channel.name), *session.identity(request)) for channel in found
        ]
        session.send_list(request, "Channels hung up will follow", items, "ChannelsHungupListComplete")
        for channel in found:
            _hang_up(session, channel, cause)
    elif (one := _find(session, wanted)) is None:
        session.refuse(request, "No such channel")
    else:
        session.succeed(request, "Channel Hungup")
        _hang_up(session, one, cause)


def _hang_up(session: Session, channel: Channel, cause: int) -> None:
    timeline = session.host.timeline
    call = timeline.call_of(channel)
    if call is not None:
        timeline.interrupt(call, HungUp(cause), session.host.pbx.clock())


async def redirect(session: Session, request: Request) -> None:
    """Send a channel to an extension."""
    name = request.text("Channel")
    context, exten, priority = request.text("Context"), request.text("Exten"), request.text("Priority")
    missing = next(
        (
            f"{what} not specified"
            for what, value in (
                ("Channel", name),
                ("Context", context),
                ("Exten", exten),
                ("Priority", priority),
            )
            if not value
        ),
        None,
    )
    if missing:
        session.refuse(request, missing)
    elif not priority.isdigit():
        session.refuse(request, "Priority is invalid")
    elif (channel := _find(session, name)) is None:
        session.refuse(request, f"Channel does not exist: {name}")
    else:
        session.succeed(request, "Redirect successful")
        timeline = session.host.timeline
        call = timeline.call_of(channel)
        if call is not None:
            order = Redirected(channel, context, exten, int(priority))
            timeline.interrupt(call, order, session.host.pbx.clock())


async def getvar(session: Session, request: Request) -> None:
    """Get a variable of a channel, or a global one."""
    assert session.user is not None
    variable, name = request.text("Variable"), request.text("Channel")
    if not variable:
        session.refuse(request, "No variable specified")
    elif not session.user.write_mask & privilege.SYSTEM and ("SHELL" in variable or "EVAL" in variable):
        session.refuse(request, "GetVar Access Forbidden: Variable")
    elif name and _find(session, name) is None:
        session.refuse(request, "No such channel")
    else:
        value = _value(session, _find(session, name), variable)
        session.respond(request, "Success", ("Variable", variable), ("Value", value))


async def setvar(session: Session, request: Request) -> None:
    """Set a variable of a channel, or a global one."""
    variable, name, value = request.text("Variable"), request.text("Channel"), request.text("Value")
    channel = _find(session, name)
    if not variable:
        session.refuse(request, "No variable specified")
    elif name and channel is None:
        session.refuse(request, "No such channel")
    else:
        session.succeed(request, "Variable Set")
        if channel is not None:
            channel.variables[variable] = value
            session.host.broadcast(
                channel.event("VarSet", "dialplan", ("Variable", variable), ("Value", value))
            )
        else:
            session.host.pbx.variables[variable] = value
            where: Headers = [("Channel", "none"), ("Uniqueid", "none")]
            session.host.broadcast(
                event("VarSet", "dialplan", *where, ("Variable", variable), ("Value", value))
            )


def _value(session: Session, channel: Channel | None, name: str) -> str:
    if channel is None:
        return session.host.pbx.variables.get(name, "")
    builtin = {
        "CALLERID(num)": channel.caller[0],
        "CALLERID(name)": channel.caller[1],
        "CHANNEL": channel.name,
        "EXTEN": channel.exten,
        "CONTEXT": channel.context,
        "UNIQUEID": channel.uniqueid,
    }
    return channel.variables.get(name) or builtin.get(name) or session.host.pbx.variables.get(name, "")


def _find(session: Session, name: str) -> Channel | None:
    wanted = name.lower()
    channels = session.host.pbx.channels.values()
    return next((channel for channel in channels if channel.name.lower() == wanted), None)


def _newest_first(session: Session) -> list[Channel]:
    return list(reversed(session.host.pbx.channels.values()))


ACTIONS = {
    "CoreShowChannels": ("List currently active channels.", core_show_channels),
    "Getvar": ("Get a channel variable or function value.", getvar),
    "Hangup": ("Hang up a channel.", hangup),
    "Redirect": ("Redirect (transfer) a call.", redirect),
    "Setvar": ("Set a channel variable or function value.", setvar),
    "Status": ("List channel status.", status),
}
