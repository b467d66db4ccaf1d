"""The state of the service as plain data for JSON: names, numbers and times, never a secret.

Durations and ages are in seconds; points in time are seconds since the epoch.
"""

import os
import time

import msgspec

from amiproxy import __version__, log
from amiproxy.ami import privilege
from amiproxy.config import Address
from amiproxy.core.clients.linkloss import Loss
from amiproxy.core.clients.session import Session
from amiproxy.core.model.users import User
from amiproxy.core.servers.server import Server
from amiproxy.net.admin.control.certificateviews import View, min_expiry, refused
from amiproxy.net.admin.reloads import Rehearsal, ReloadReport
from amiproxy.net.admin.service import Service
from amiproxy.net.upstream.fleet.anylink import AnyLink
from amiproxy.net.upstream.link import Link
from amiproxy.steps import Steps


def status(service: Service) -> View:
    """A summary of everything."""
    hub, reloads = service.hub, service.reloads
    return {
        "version": __version__,
        "pid": os.getpid(),
        "state": "draining" if service.draining else "serving",
        "started": service.started,
        "uptime": round(time.time() - service.started, 1),
        "listeners": [str(Address(host, port)) for host, port in service.addresses],
        "doors": [list(doors) for doors in service.doors],
        "connections": service.pool.open,
        "handshaking": service.pool.handshaking,
        "unauthenticated": hub.unauthenticated,
        "authenticated": hub.authenticated,
        "web_sessions": len(hub.web),
        "users": len(hub.ctx.users),
        "users_logged_in": hub.users_logged_in,
        **_standings(service),
        **_standing_in_fleet(service),
        "in_flight": hub.backpressure.in_flight,
        "outbox_bytes": hub.limit_state.backlog.size,
        "certificates": min_expiry(service),
        "refused": refused(service),
        "reload": None if reloads.last is None else reload(reloads.last),
        "log_level": service.log_level,
        "loop_lag": round(service.lag.last, 6),
        "cpu_seconds": round(time.process_time(), 3),
        "counters": counters(service),
    }


def _standings(service: Service) -> View:
    """The states of the links: of the only server, or of each in ``servers`` if they have names."""
    standings = {server.name: _standing(server, link) for server, link in linked(service)}
    if not service.hub.servers.named:
        return next(iter(standings.values()))
    return {"servers": [{"server": name, **standing} for name, standing in standings.items()]}


def _standing(server: Server, link: AnyLink) -> View:
    return {
        "link": {"state": link.standing, "reason": log.text_of(link.reason)},
        "side_link": {"state": server.side.standing, "reason": log.text_of(server.side.refused)},
        "list_link": {"state": server.lists.standing, "reason": log.text_of(server.lists.refused)},
    }


def _standing_in_fleet(service: Service) -> View:
    """Nothing, unless the service is part of a fleet."""
    if service.fleet is None:
        return {}
    found = service.fleet.status()
    engines = {
        name: {"state": engine["state"], "reason": engine["reason"]}
        for name, engine in found["engines"].items()
    }
    return {"fleet": {"role": found["role"], "name": found["name"], "engines": engines}}


def fleet(service: Service) -> View:
    """What ``Fleet.status`` has; without a fleet only ``role``, None."""
    return {"role": None} if service.fleet is None else dict(service.fleet.status())


def counters(service: Service) -> View:
    """Counters, which only increase."""
    stats = service.hub.stats
    return {
        "events_in": stats.events_in,
        "deliveries": service.hub.subscriptions.deliveries,
        "actions": stats.actions_local + stats.actions_relayed,
        "denied": stats.actions_denied,
        "logins": stats.logins,
        "login_failures": stats.login_failures,
        "slow_consumers": sum(stats.slow_consumers.values()),
    }


def sessions(service: Service) -> Steps[list[View]]:
    """One row per session, in the order of their accept; ones that end meanwhile keep their last state."""
    now = service.hub.scheduler.now()
    spent = asterisk_seconds(service)
    is_named = service.hub.servers.named
    rows = []
    for session in sorted(service.hub.sessions, key=lambda s: s.principal.opened):
        rows.append(
            {
                **session_row(session, now, is_named=is_named),
                "asterisk_seconds": round(spent.get(session.payer, 0.0), 3),
                "proxy_seconds": round(session.principal.share.seconds, 3),
            }
        )
        yield
    return rows


def asterisk_seconds(service: Service) -> dict[str, float]:
    """Seconds of each user's actions at Asterisk since the start, on all links to all servers."""
    spent: dict[str, float] = {}
    for server in service.hub.servers:
        for exchange in (server.exchange, *(side.exchange for side in server.sides)):
            for user, seconds in exchange.accounts.seconds().items():
                spent[user] = spent.get(user, 0.0) + seconds
    return spent


def session_row(session: Session, now: float, *, is_named: bool) -> View:
    """The fields of a session that fit into a table; ``now`` is in monotonic seconds.

    ``is_named``: the servers have names, so that the row has those which the session sees.
    """
    peer = session.transport.peer
    servers = {"servers": servers_of(session)} if is_named else {}
    return {
        "id": session.id,
        "user": session.payer or None,
        **servers,
        "door": session.entrance.door,
        "peer": peer.address,
        "port": peer.port,
        "state": session.state.name.lower(),
        "age": round(now - session.principal.opened, 1),
        "bytes_in": session.received,
        "bytes_out": session.outbox.sent,
        "outbox": outbox_bytes(session),
        "denied": session.principal.denied,
    }


def servers_of(session: Session) -> list[str]:
    """The names of the servers that a session sees; before its login none."""
    return [] if session.principal.user is None else [server.name for server in session.route.servers]


def session(service: Service, found: Session) -> View:
    """Everything about one session."""
    peer, principal = found.transport.peer, found.principal
    user = principal.user
    subscription = found.subscription
    return {
        **session_row(found, service.hub.scheduler.now(), is_named=service.hub.servers.named),
        "asterisk_seconds": round(asterisk_seconds(service).get(found.payer, 0.0), 3),
        "proxy_seconds": round(principal.share.seconds, 3),
        "doing": found.state.value,
        "tls": peer.tls,
        "local": peer.local_address,
        "local_port": peer.local_port,
        "opened": principal.opened_wall,
        "login_name": log.text_of(principal.login_name),
        "read": privilege.class_names(user.read) if user else "",
        "write": privilege.class_names(user.write) if user else "",
        "events": privilege.class_names(principal.events) if user else "",
        "filters": len(principal.filters),
        "sharing_view": len(subscription.members) if subscription is not None else 0,
    }


def users(service: Service) -> Steps[list[View]]:
    """The user table, with the number of sessions of each user."""
    rows = []
    for user in sorted(service.hub.ctx.users, key=lambda user: user.name.lower()):
        rows.append(user_row(service, user))
        yield
    return rows


def user_row(service: Service, user: User) -> View:
    """One user, with the possible login methods but no secrets."""
    is_named = service.hub.servers.named
    servers = {"servers": list(user.servers), "narrowed": list(user.narrowed)} if is_named else {}
    ways = [
        ("plain", user.secret is not None or user.md5_secret is not None),
        ("md5", user.md5_secret is not None),
    ]
    return {
        "name": user.name,
        "disabled": user.disabled,
        "sessions": len(service.hub.sessions_of(user)),
        **servers,
        "read": privilege.class_names(user.read),
        "write": privilege.class_names(user.write),
        "history": user.history,
        "login": [name for name, possible in ways if possible],
    }


def upstream(service: Service) -> View:
    """The state of the link and of the side links: of each server, in ``servers``, if they have names."""
    servers = service.hub.servers
    found = [
        (server, _upstream(service.hub.link_loss.last.get(server.name), server, link))
        for server, link in linked(service)
    ]
    if not servers.named:
        return found[0][1]
    return {
        "servers": [
            {"server": server.name, "default": server is servers.default, **view} for server, view in found
        ]
    }


def linked(service: Service) -> list[tuple[Server, AnyLink]]:
    """Each server with its link; during a reload those that have both."""
    links = service.links
    return [(server, links[server.name]) for server in service.hub.servers if server.name in links]


def _place(link: AnyLink) -> View:
    """Where the server is, and as whom we are there; of a server in a fleet, by which agent we reach it."""
    if isinstance(link, Link):
        settings = link.settings
        return {"host": settings.host, "port": settings.port, "username": settings.username}
    return {"host": f"agent {link.following.agent or ''}".strip(), "port": 0, "username": ""}


def _upstream(loss: Loss | None, server: Server, link: AnyLink) -> View:
    return {
        **_place(link),
        "state": link.standing,
        "reason": log.text_of(link.reason),
        "banner": log.text_of(server.banner.strip()),
        "last_loss": _last_loss(loss),
        "ups": server.ups,
        "downs": server.downs,
        "in_flight": server.exchange.in_flight,
        "waiting": server.exchange.waiting,
        "side_links": [
            {
                "link": side.name,
                "state": side.standing,
                "reason": log.text_of(side.refused),
                "ups": side.ups,
                "in_flight": side.load + side.exchange.held,
            }
            for side in server.sides
        ],
        "actions_known": len(server.actions.table.live),
        "timeouts": server.counts.action_timeouts,
        "orphans": server.counts.unsolicited_responses,
    }


def _last_loss(loss: Loss | None) -> View | None:
    if loss is None:
        return None
    at, reason, outcomes = loss
    return {"at": at, "reason": log.text_of(reason), "sessions": outcomes}


def limits(service: Service) -> list[View]:
    """All limits, with their current use where it is known, and how often they were reached.

    Those that a server has of its own come last.
    """
    hub, pool = service.hub, service.pool
    used = {
        "connections": pool.open,
        "sessions_authenticated": hub.authenticated,
        "unauthenticated": len(hub.limit_state.newcomers),
        # Each server has this limit; the one that is nearest to it counts.
        "in_flight": max(server.unanswered for server in hub.servers),
        "hash_queue": service.hashes_pending,
        "outbox_total": hub.limit_state.backlog.size,
    }
    hits = hub.stats.limits
    own = [
        {"server": server, "name": name, "value": value, "used": None, "hits": None}
        for server in (*service.config.servers, *service.config.fleet_servers)
        for name, value in msgspec.structs.asdict(service.config.own_limits_of(server)).items()
        if value is not None
    ]
    values = msgspec.structs.asdict(hub.limits)
    return [
        {
            "name": name,
            "value": [str(item) for item in value] if isinstance(value, tuple) else value,
            "used": used.get(name),
            "hits": hits.get(name, 0),
        }
        for name, value in values.items()
    ] + own


def reload(report: ReloadReport) -> View:
    """The result of a reload."""
    return {
        "succeeded": report.succeeded,
        "trigger": report.trigger,
        "at": report.at,
        "problems": list(report.problems),
        "changed": list(report.differences.keys),
        "users_added": list(report.differences.users_added),
        "users_removed": list(report.differences.users_removed),
        "users_changed": {name: list(keys) for name, keys in report.differences.users_changed},
        "certificates": list(report.certificates),
        "only_certificates": report.only_certificates,
    }


def rehearsal(result: Rehearsal) -> View:
    """What a reload would do."""
    return {
        "problems": list(result.problems),
        "warnings": list(result.warnings),
        "closes": None if result.closes is None else {user: dict(why) for user, why in result.closes.items()},
    }


def outbox_bytes(session: Session) -> int:
    """Bytes waiting for one client."""
    return session.outbox.size + session.outbox.held


def learning(service: Service) -> dict[str, object]:
    """The current recording, or the last one that ended."""
    hub = service.hub
    recorder = hub.learner.newest
    if recorder is None:
        return {"recording": False}
    return {
        "recording": hub.learner.recorder is not None,
        "began": recorder.began,
        "until": recorder.until or None,
        "actions": len(recorder.shapes),
        "events": len(recorder.events),
        "lost": recorder.lost,
    }
