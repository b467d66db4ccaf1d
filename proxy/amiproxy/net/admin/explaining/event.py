"""Explains an event: which users see it, and why the others do not."""

from collections.abc import Mapping, Sequence

from amiproxy.ami import privilege
from amiproxy.ami.relay import BROADCAST, BROADCAST_HEAD, rebuild_event
from amiproxy.ami.stamp import stamp_of, stamped
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.model.users import User
from amiproxy.net.admin.explaining.printable import text_of


def explain_event(users: list[User], raw: bytes, servers: Sequence[str] = ()) -> tuple[bool, list[str]]:
    """Whether any of these users sees the event, and a line for each user with the reason if it does not.

    ``raw`` is a whole message, as Asterisk sends it; ``servers`` the names of those from which it may come.
    A user of several servers is taken to have a session with all of them.
    """
    fit = raw if BROADCAST.fullmatch(raw) else rebuild_event(raw)
    match = BROADCAST_HEAD.match(fit) if fit is not None else None
    if fit is None or match is None:
        return False, ["no user sees it: its second line is not Privilege: with all at the end"]
    required = privilege.required_classes(match[3])
    lines = [f"event    {text_of(match[2])}, classes {text_of(match[3])}", ""]
    width = max((len(user.name) for user in users), default=0)
    sees = False
    for user in users:
        whys = {name: _why_not_at(name, user, required, fit) for name in servers}
        if not servers:
            whys[""] = _why_not(user, required, fit)
        sees = sees or not all(whys.values())
        lines.append(f"  {user.name:<{width}}  {_told(whys)}")
    return sees, lines


def _told(whys: Mapping[str, str]) -> str:
    """Why a user does not see an event from each server ("": it sees it), as one line."""
    from_servers: dict[str, list[str]] = {}
    for name, why in whys.items():
        from_servers.setdefault(why, []).append(name)
    if len(from_servers) == 1:
        return next(iter(from_servers)) or "sees it"
    return "; ".join(f"{', '.join(names)}: {why or 'sees it'}" for why, names in from_servers.items())


def _why_not_at(server: str, user: User, required: int, raw: bytes) -> str:
    if server not in user.servers:
        return "does not see it: it may not use this server"
    stamp = stamp_of(server.encode())
    return _why_not(user.at(server), required, stamped(raw, stamp) if len(user.servers) > 1 else raw)


def _why_not(user: User, required: int, raw: bytes) -> str:
    if user.disabled:
        return "does not see it: the user is disabled"
    if not privilege.may_read(user.read, required):
        missing = privilege.class_names(required & ~user.read)
        return f"does not see it: read lacks {'all' if missing == 'none' else missing}"
    if not user.filters.admits(raw):
        return "does not see it: its eventfilter excludes it"
    scope = user.rules.scope if user.rules is not None else None
    if scope is not None:
        tracker = CallTracker()
        view = tracker.follow(scope)
        if not list(view.admit(tracker.feed(raw), raw)):
            return "does not see it: this event alone does not place the call in its scope (others may)"
    return ""
