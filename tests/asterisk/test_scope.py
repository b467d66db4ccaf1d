"""A scope on a real Asterisk's events: one call with all its legs, and nothing of the other."""

from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.model.rules import Scope
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

#: Each dials the other when it is answered, so that the owner becomes known late.
CALLS = {
    "Local/wait3-mine@lab": "Local/wait1-mineleg@lab",
    "Local/wait3-other@lab": "Local/wait1-otherleg@lab",
}
MINE, OTHER = CALLS


async def test_one_call_is_seen_whole_and_the_other_not_at_all(asterisk22: Asterisk) -> None:
    async with await AmiClient.connect(asterisk22.host, asterisk22.port) as client:
        await client.login(asterisk22.user, asterisk22.secret)
        for channel, leg in CALLS.items():
            await client.action("Originate", Channel=channel, Application="Dial", Data=leg, Async="true")
        for channel in (*CALLS, *CALLS.values()):
            for end in ("1", "2"):
                await client.wait_event(
                    "Hangup",
                    lambda message, start=f"{channel}-", stop=f";{end}": (
                        (message.get("Channel") or "").startswith(start)
                        and (message.get("Channel") or "").endswith(stop)
                    ),
                )
        events = [message for message in client.log if message.event]

    tracker = CallTracker()
    view = tracker.follow(Scope(channels=(CALLS[MINE],)))
    seen: list[bytes] = []
    for message in events:
        seen += view.admit(tracker.feed(message.raw), message.raw)

    calls = {
        channel: next(
            message.get("Linkedid")
            for message in events
            if message.event == "Newchannel" and (message.get("Channel") or "").startswith(channel)
        )
        for channel in (MINE, OTHER)
    }
    mine = [message.raw for message in events if message.get("Linkedid") == calls[MINE]]
    other = [message.raw for message in events if message.get("Linkedid") == calls[OTHER]]
    assert [raw for raw in seen if raw in mine] == mine
    assert not set(other) & set(seen)
    # Not only from the time when it dialled its owner: from its beginning.
    assert CALLS[MINE].encode() not in mine[0]
