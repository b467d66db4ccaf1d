"""An attacker has an edge's key and knows everything, but gets no more done than the ceiling permits."""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from amiproxy.core.fleet import wire
from tests.fleet.conftest import Site
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.members import CEILING, PASSWORD, Fleet
from tests.fleet.lab.rawclient import RawClient
from tests.support.waiting import wait_until

_SUBJECT = "ami.v1.act.berlin.berlin-a.edge1"


class Stolen(NamedTuple):
    """The attacker's connection, and a genuine request that was executed."""

    attacker: RawClient
    genuine: wire.Request
    site: Site

    def ask(self, data: bytes) -> tuple[wire.Head, bytes]:
        """The first part of the agent's answer to these bytes."""
        inbox = f"_INBOX.edge1.{secrets.token_hex(8)}"
        self.attacker.publish(_SUBJECT, data, inbox)
        found: list[bytes] = []

        def answer() -> bytes | None:
            # What is meant for the edge itself arrives here as well.
            found.extend(self.attacker.until_pong())
            heads = [line.startswith(f"MSG {inbox} ".encode()) for line in found]
            return found[heads.index(True) + 1] if any(heads) else None

        return wire.parsed(wait_until(answer, found) or b"")

    def made(self, action: bytes, **changes: object) -> bytes:
        """A request like the genuine one with another id and action."""
        changes = {"id": secrets.token_bytes(16), "action": action, **changes}
        return wire.encode_request(msgspec.structs.replace(self.genuine, **changes))

    @property
    def done(self) -> list[str]:
        return [name for name, _ in self.site.sources["berlin"].done]


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    def prepared(fleet: Fleet, _folder: Path) -> None:
        fleet.agents["berlin-a"].change_fleet(edges={"edge1": {**CEILING, "users": ["board"]}})

    return make_site(Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"]}), prepared)


@pytest.fixture
async def stolen(site: Site) -> AsyncIterator[Stolen]:
    await site.fleet.ready()
    cluster, keys = site.fleet.cluster, site.fleet.plan.keys
    port = cluster.nodes[0].port
    with (
        RawClient(port, cluster.cafile, keys["berlin-a"]) as spy,
        RawClient(port, cluster.cafile, keys["edge1"]) as attacker,
    ):
        spy.subscribe("ami.v1.act.berlin.berlin-a.*")
        attacker.subscribe("_INBOX.edge1.>")
        assert spy.until_pong() == attacker.until_pong() == []
        genuine: list[bytes] = []
        while not genuine:  # the spy's subscription takes a moment to reach the other nodes
            async with await site.fleet.edges["edge1"].connect() as client:
                assert (await client.login("board", PASSWORD, Events="off")).get("Response") == "Success"
                answer = await client.action("UserEvent", UserEvent=f"genuine-{secrets.token_hex(4)}")
                assert answer.get("Response") == "Success", answer
            genuine = [data for data in spy.until_pong() if b"genuine-" in data]
        yield Stolen(attacker, wire.decode_request(genuine[-1]), site)


def _user_event(name: str) -> bytes:
    return f"Action: UserEvent\r\nActionID: stolen\r\nUserEvent: {name}\r\n\r\n".encode()


async def test_within_the_ceiling_it_can_do_what_the_edge_can_do(stolen: Stolen) -> None:
    head, body = stolen.ask(stolen.made(_user_event("within")))
    assert (head.kind, head.flags) == (wire.ANSWER, wire.LAST)
    assert body.startswith(b"Response: Success\r\n")
    assert stolen.done.count("within") == 1


async def test_a_request_that_is_sent_again_is_executed_only_once(stolen: Stolen) -> None:
    again = stolen.made(_user_event("again"))
    assert stolen.ask(again)[0].flags == wire.LAST
    assert stolen.ask(again)[0].flags & wire.REFUSED
    assert stolen.ask(wire.encode_request(stolen.genuine))[0].flags & wire.REFUSED
    assert stolen.done.count("again") == 1
    assert all(stolen.done.count(name) == 1 for name in stolen.done)


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 1},
        {"expires": 1},
        {"expires": 1 << 50},
        {"user": "caller"},
        {"user": "nobody"},
        {"user": ""},
        {"generation": b"x" * 16},
        {"generation": b""},
    ],
    ids=str,
)
async def test_a_request_with_one_wrong_field_is_refused(stolen: Stolen, changes: dict[str, object]) -> None:
    head, body = stolen.ask(stolen.made(_user_event("wrong"), **changes))
    assert head.flags & wire.REFUSED
    assert body.startswith(b"Response: Error\r\n")
    assert b"not executed" in body
    assert "wrong" not in stolen.done


@pytest.mark.parametrize(
    "action",
    [
        b"Action: Command\r\nCommand: core show version\r\n\r\n",
        b"Action: Originate\r\nChannel: Local/1@a\r\nApplication: System\r\nData: id\r\n\r\n",
        b"Action: Login\r\nUsername: board\r\nSecret: chief\r\n\r\n",
        b"Action: Logoff\r\n\r\n",
        b"Action: Events\r\nEventMask: on\r\n\r\n",
        b"Action: ProxySnapshot\r\nKinds: channels\r\n\r\n",
        b"Action: Ping\r\n\r\nAction: UserEvent\r\nUserEvent: behind\r\n\r\n",
        b"Action: UserEvent\r\nUserEvent: x\r\n\r\nAction: Command\r\nCommand: core stop now\r\n\r\n",
        b"Action: UserEvent\r\nUserEvent: open",
        b"Response: Success\r\n\r\n",
        b"\r\n\r\n\r\n",
    ],
    ids=lambda action: action[:40].decode().strip().replace("\r\n", " "),
)
async def test_an_action_that_it_may_not_have_done_never_reaches_asterisk(
    stolen: Stolen, action: bytes
) -> None:
    before = stolen.site.sources["berlin"].asked.copy()
    head, body = stolen.ask(stolen.made(action))
    assert head.kind == wire.ANSWER
    assert body.startswith(b"Response: Error\r\n")
    asked = stolen.site.sources["berlin"].asked - before
    assert set(asked) <= {"Ping", "CoreStatus"}, asked


@pytest.mark.parametrize("data", [b"", b"x", b"AMIF", b"\xff" * 64, b"\x99" + b"\xc0" * 9], ids=repr)
async def test_bytes_that_are_no_request_are_refused_or_ignored(stolen: Stolen, data: bytes) -> None:
    for subject in (_SUBJECT, _SUBJECT.replace(".act.", ".ask.")):
        stolen.attacker.publish(subject, data, "_INBOX.edge1.none")
    assert stolen.ask(stolen.made(_user_event(f"after-{data.hex()}")))[0].flags == wire.LAST
