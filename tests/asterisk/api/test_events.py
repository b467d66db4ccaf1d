"""The stream of events before a real Asterisk 22: what exists, what happens, what was missed meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import requests

from tests.asterisk.api.conftest import SECRET, ApiProxy
from tests.support.sse import EventSource


@contextmanager
def following(client: httpx.Client, query: str = "", **headers: str) -> Iterator[EventSource]:
    with client.stream("GET", f"/events{query}", headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream"
        yield EventSource(response.iter_lines())


def user_event(oper: httpx.Client, number: int) -> None:
    answer = oper.post("/actions/UserEvent", json={"UserEvent": "Counted", "Number": number})
    assert answer.status_code == 200, answer.text


def test_a_stream_begins_with_the_present_and_goes_on(board: httpx.Client, oper: httpx.Client) -> None:
    with following(board) as stream:
        first = stream.until("snapshot")
        assert {queue["Queue"] for queue in first.data["data"]["queues"]} >= {"lab-queue"}
        assert first.last_id == first.data["seq"]
        assert stream.retry == 2000
        user_event(oper, 1)
        told = stream.until("UserEvent")
        assert (told.data["type"], told.data["data"]["Number"]) == ("event", "1")
        assert told.last_id == told.data["seq"]


def test_a_stream_that_was_cut_misses_nothing(board: httpx.Client, oper: httpx.Client) -> None:
    with following(board) as stream:
        stream.until("snapshot")
        user_event(oper, 1)
        last = stream.until("UserEvent").last_id
    for number in (2, 3):
        user_event(oper, number)
    with following(board, **{"Last-Event-ID": last}) as stream:
        events = stream.events()
        assert next(events).name == "resumed"
        numbers = [stream.until("UserEvent").data["data"]["Number"] for _ in range(2)]
        assert numbers == ["2", "3"]


def test_the_position_may_come_from_a_snapshot(board: httpx.Client, oper: httpx.Client) -> None:
    seq = board.get("/snapshot?kinds=queues").json()["seq"]
    user_event(oper, 4)
    with following(board, f"?last={seq}") as stream:
        assert stream.until("UserEvent").data["data"]["Number"] == "4"


def test_an_unknown_position_begins_with_the_present(board: httpx.Client) -> None:
    with following(board, **{"Last-Event-ID": "bm8tc3VjaC10b2tlbg"}) as stream:
        assert next(stream.events()).name == "snapshot"


def test_a_stream_has_only_the_events_that_were_asked_for(board: httpx.Client, oper: httpx.Client) -> None:
    with following(board, "?classes=user,call&events=UserEvent&kinds=none") as stream:
        oper.post("/actions/QueuePause", json={"Interface": "Local/member@lab/n", "Paused": True})
        oper.post("/actions/QueuePause", json={"Interface": "Local/member@lab/n", "Paused": False})
        user_event(oper, 5)
        told = next(stream.events())
        assert (told.name, told.data["data"]["Event"]) == ("message", "UserEvent"), told


@pytest.mark.parametrize("query", ["classes=nonsense", "events=a b", "kinds=Queues", "x=1", "last=a&last=b"])
def test_wishes_that_make_no_sense_are_refused(board: httpx.Client, query: str) -> None:
    assert board.get(f"/events?{query}").status_code == 400


def test_a_client_that_reads_lines_has_each_event_at_once(proxy: ApiProxy, oper: httpx.Client) -> None:
    url = f"{proxy.base}/api/v1/events?kinds=none"
    with requests.get(url, auth=("board", SECRET), verify=str(proxy.cafile), stream=True, timeout=20) as got:
        lines = (line.decode() for line in got.iter_lines())
        stream = EventSource(lines)
        assert next(lines) == "retry: 2000"
        user_event(oper, 6)
        assert stream.until("UserEvent").data["data"]["Number"] == "6"


def test_a_stream_ends_with_its_session(proxy: ApiProxy, oper: httpx.Client) -> None:
    with proxy.client() as client:
        client.post("/session", json={"username": "board", "secret": SECRET})
        with following(client, "?kinds=none") as stream:
            ending = threading.Timer(0.3, lambda: client.delete("/session"))
            ending.start()
            assert list(stream.events()) == []
            ending.join()
