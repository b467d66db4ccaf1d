"""Clients that see several servers: positions, snapshots and links are those of each server."""

from tests.support.core_doubles import event
from tests.support.socket_house import SocketHouse, basic

WHO = basic("both")


async def test_each_event_names_its_server_and_a_client_resumes_at_all(several: SocketHouse) -> None:
    async with several.socket(**WHO) as socket:
        hello = await socket.hear()
        assert hello["servers"] == [{"name": "pbx1", "up": True}, {"name": "pbx2", "up": True}]
        snapshot = await socket.hear_type("snapshot")
        positions = snapshot["positions"]
        assert list(positions) == ["pbx1", "pbx2"]
        assert snapshot["seq"].split(".") == list(positions.values())
        several.bench.feed(event("Hangup", Channel="one"), at="pbx1")
        found = await socket.hear_type("event")
        assert (found["server"], found["data"]["Channel"]) == ("pbx1", "one")
        positions["pbx1"] = found["seq"]
    several.bench.feed(event("Hangup", Channel="two"), at="pbx2")
    several.bench.feed(event("Hangup", Channel="three"), at="pbx1")
    async with several.socket(f"/ws?last={'.'.join(positions.values())}", **WHO) as socket:
        await socket.hear_type("resumed")
        heard = [await socket.hear_type("event") for _ in range(2)]
        assert {(one["server"], one["data"]["Channel"]) for one in heard} == {
            ("pbx1", "three"),
            ("pbx2", "two"),
        }


async def test_the_loss_of_one_link_is_told(several: SocketHouse) -> None:
    async with several.socket(**WHO) as socket:
        await socket.hear_type("snapshot")
        several.bench.server("pbx2").link_down("gone")
        found = await socket.hear_type("link")
        assert (found["server"], found["state"]) == ("pbx2", "down")
        await socket.say(type="snapshot", id="again")
        snapshot = await socket.hear_type("snapshot")
        assert (snapshot["id"], snapshot["serversMissing"]) == ("again", ["pbx2"])
        assert list(snapshot["positions"]) == ["pbx1"]
        several.bench.link_up(at="pbx2")
        found = await socket.hear_type("link")
        assert (found["server"], found["state"]) == ("pbx2", "up")


async def test_the_items_of_a_snapshot_are_sent_by_server(several: SocketHouse) -> None:
    for name in ("pbx1", "pbx2"):
        several.bench.feed(
            event("Newchannel", Channel=f"PJSIP/{name}-1", Uniqueid=f"{name}.1", Linkedid=f"{name}.1"),
            at=name,
        )
    async with several.socket("/ws?kinds=channels", **WHO) as socket:
        first, second = await socket.hear_type("snapshot"), await socket.hear_type("snapshot")
        assert (first["server"], first["more"]) == ("pbx1", True)
        assert (second["server"], "more" in second) == ("pbx2", False)
        for part in (first, second):
            (channel,) = part["data"]["channels"]
            assert channel["Channel"] == f"PJSIP/{part['server']}-1"
