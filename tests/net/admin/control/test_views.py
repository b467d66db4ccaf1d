import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from amiproxy.net.admin.control import COMMANDS
from tests.net.admin.control.asking import Control
from tests.support.certificates import DAY, forge, forge_crl, install
from tests.support.core_doubles import ListTransport, ListUpstream


async def test_status_shows_state_listeners_and_counts(control: Control) -> None:
    control.login("boss", "hunter2hunter2")
    found = await control.asker.result("status")
    assert found["state"] == "serving"
    assert found["pid"] == os.getpid()
    assert found["listeners"] == ["127.0.0.1:5039", "[::]:5040"]
    assert found["doors"] == [["ami"], ["ajam", "ws"]]
    assert (found["authenticated"], found["unauthenticated"], found["users"]) == (1, 0, 3)
    assert found["link"] == {"state": "connecting", "reason": ""}
    assert found["certificates"]["state"] == "fine"
    assert found["reload"] is None
    assert found["uptime"] >= 100
    assert found["counters"]["logins"] == 1
    assert found["cpu_seconds"] > 0
    control.service.draining = True
    assert (await control.asker.result("status"))["state"] == "draining"


async def test_sessions_lists_all_and_session_shows_one(control: Control) -> None:
    transport = control.login("boss", "hunter2hunter2")
    control.service.hub.attach(ListTransport("2001:db8::7"))
    boss, stranger = await control.asker.result("sessions")
    assert (boss["user"], boss["state"], boss["peer"]) == ("boss", "ready", transport.peer.address)
    assert boss["bytes_out"] == sum(map(len, transport.sent))
    assert (stranger["user"], stranger["state"], stranger["peer"]) == (None, "greeted", "2001:db8::7")
    assert (boss["denied"], stranger["denied"]) == (0, 0)
    one = await control.asker.result("session", id=boss["id"])
    assert {**one, **boss} == one
    assert (one["read"], one["write"], one["events"], one["tls"]) == ("all", "all", "all", "TLSv1.3/TEST")
    assert one["sharing_view"] == 1
    other = await control.asker.result("session", id=stranger["id"])
    assert (other["read"], other["sharing_view"]) == ("", 0)
    answer = await control.asker.ask("session", id="none")
    assert answer["error"] == "unknown session none; ami-proxy ctl sessions lists them"


async def test_a_session_counts_its_denied_actions(control: Control) -> None:
    control.login("wall", "hunter2")
    control.login("boss", "hunter2hunter2")
    wall, _ = control.service.hub.sessions
    wall.receive(b"Action: Originate\r\nChannel: Local/1@x\r\n\r\nProxyAction: ListSessions\r\n\r\n")
    rows = await control.asker.result("sessions")
    assert [row["denied"] for row in rows] == [2, 0]


async def test_users_lists_rights_and_sessions(control: Control) -> None:
    control.login("BOSS", "hunter2hunter2")
    rows = {row["name"]: row for row in await control.asker.result("users")}
    assert list(rows) == ["boss", "gone", "wall"]
    assert rows["boss"]["login"] == ["plain", "md5"]
    assert rows["boss"]["sessions"] == 1
    assert rows["wall"] == {
        "name": "wall", "disabled": False, "sessions": 0, "read": "call", "write": "none", "history": False,
        "login": ["plain"],
    }  # fmt: skip
    assert rows["gone"]["disabled"]


async def test_upstream_shows_the_link(control: Control) -> None:
    found = await control.asker.result("upstream")
    assert (found["username"], found["state"], found["ups"]) == ("amiproxy", "connecting", 0)
    assert found["last_loss"] is None


async def test_upstream_shows_the_effects_of_the_last_loss(control: Control) -> None:
    hub = control.service.hub
    hub.servers.first.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    hub.servers.first.link_down("gone")
    loss = (await control.asker.result("upstream"))["last_loss"]
    assert loss["reason"] == "gone"
    assert loss["sessions"] == {"closed": 0, "told": 0, "kept": 0, "no events": 0, "repaired": 0}


async def test_limits_are_shown_with_their_use_and_hits(control: Control) -> None:
    control.service.hub.limit_state.newcomers.enter("a stranger", "192.0.2.1", 0.0)
    control.service.hub.stats.limit_reached("login_timeout")
    rows = {row["name"]: row for row in await control.asker.result("limits")}
    assert rows["login_timeout"] == {"name": "login_timeout", "value": 10.0, "used": None, "hits": 1}
    assert rows["unauthenticated"]["used"] == 1
    assert rows["exempt"]["value"] == ["127.0.0.0/8", "::1/128"]


async def test_limits_show_the_values_that_are_compared_with_them(control: Control) -> None:
    hub = control.service.hub
    hub.servers.first.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")
    hub.servers.first.serve()
    control.login("boss", "hunter2hunter2")
    (asker,) = hub.sessions
    asker.receive(b"Action: CoreStatus\r\n\r\n" * 8)
    control.login("boss", "hunter2hunter2").room = 0
    session = next(one for one in hub.sessions if one is not asker)
    session.receive(b"Action: Ping\r\n\r\n")
    session.close("kicked")
    assert hub.closing
    rows = {row["name"]: row for row in await control.asker.result("limits")}
    # The proxy's own ListCommands, one action sent to Asterisk, and seven queued behind it.
    assert rows["in_flight"]["used"] == 9
    assert rows["outbox_total"]["used"] == session.outbox.size > 0
    status = await control.asker.result("status")
    assert (status["in_flight"], status["outbox_bytes"]) == (9, session.outbox.size)


async def test_certs_shows_served_and_waiting_certificates(control: Control) -> None:
    (found,) = await control.asker.result("certs")
    assert found["listener"] == "127.0.0.1:5039"
    assert found["served"][0]["names"] == ["dns:localhost", "ip:127.0.0.1", "ip:::1"]
    assert found["waiting"] == []
    assert found["clients"] == []
    control.service.config.listeners[0].certificates[0].chain.write_text("new")
    (found,) = await control.asker.result("certs")
    assert len(found["waiting"]) == 1


async def test_certs_shows_every_date_that_ends_validity(control: Control, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    middle = forge("Middle", ca=True, not_after=now + 10 * DAY)
    leaf, authority = forge(issuer=middle), forge("Clients CA", ca=True, not_after=now + 99 * DAY)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    (tmp_path / "ca.crl").write_bytes(forge_crl(authority, next_update=now + 0.5 * DAY))
    listener = msgspec.structs.replace(
        control.service.config.listeners[0],
        client_auth="optional",
        client_ca=tmp_path / "ca.crt",
        client_crl=tmp_path / "ca.crl",
    )
    install(listener.certificates[0].chain.parent, leaf.pem + middle.pem, leaf.key_pem)
    store = control.service.stores[0]
    store.commit(store.prepare("test", listener, control.service.config.tls))
    (found,) = await control.asker.result("certs")
    (served,) = found["served"]
    assert served["ends_by"] == "CN=Middle"
    assert served["not_after"] == middle.certificate.not_valid_after_utc.timestamp()
    assert (served["days_left"], served["state"]) == (pytest.approx(10, abs=0.1), "warning")
    assert [(one["kind"], one["name"], one["state"]) for one in found["clients"]] == [
        ("client-ca", "CN=Clients CA", "fine"),
        ("revocation-list", "CN=Clients CA", "critical"),
    ]
    assert found["clients"][1]["said"].startswith("revocation list of CN=Clients CA runs out in 11 hours")
    assert (await control.asker.result("status"))["certificates"]["state"] == "critical"


async def test_refused_files_are_shown_in_the_status(control: Control) -> None:
    assert (await control.asker.result("status"))["refused"] == []
    control.service.config.listeners[0].certificates[0].chain.write_text("no certificate")
    control.service.stores[0].reload("watch")
    (said,) = (await control.asker.result("status"))["refused"]
    assert said.startswith("127.0.0.1:5039: certificates NOT reloaded, generation 1 ")
    assert " (watch): " in said
    assert "server.crt" in said


async def test_commands_lists_every_command(control: Control) -> None:
    rows = await control.asker.result("commands")
    assert {row["name"] for row in rows} == set(COMMANDS)
