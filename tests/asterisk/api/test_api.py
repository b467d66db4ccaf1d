"""Requests to the JSON interface before a real Asterisk 22, by httpx."""

import httpx
import pytest

from tests.asterisk.api.conftest import SECRET, ApiProxy


def test_a_session_is_a_cookie_that_ends_with_logout(proxy: ApiProxy) -> None:
    with proxy.client() as client:
        assert client.get("/me").status_code == 401
        begun = client.post("/session", json={"username": "BOARD", "secret": SECRET})
        assert (begun.status_code, begun.json()) == (200, {"user": "board"})
        cookie = begun.headers["set-cookie"]
        assert cookie.startswith("__Host-amiproxy_session=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=None"} <= set(cookie.split("; "))
        assert client.get("/me").json()["user"] == "board"
        assert client.delete("/session").status_code == 204
        client.cookies.set("__Host-amiproxy_session", cookie.partition("=")[2][:32])
        assert client.get("/me").status_code == 401


def test_a_wrong_secret_is_refused_after_a_second(proxy: ApiProxy) -> None:
    with proxy.client() as client:
        refused = client.post("/session", json={"username": "board", "secret": "wrong"})
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.elapsed.total_seconds() >= 1


def test_an_action_is_answered_with_its_list(oper: httpx.Client) -> None:
    found = oper.post("/actions/QueueStatus", json={"Queue": "lab-queue"}).json()
    assert found["response"]["Response"] == "Success"
    assert [event["Event"] for event in found["events"]] == [
        "QueueParams",
        "QueueMember",
        "QueueStatusComplete",
    ]


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("Ping", {}, 200),
        ("NoSuchAction", {}, 404),
        ("Originate", {"Channel": "Local/1@nowhere-at-all", "Application": "Nonsense"}, 422),
        ("Getvar", {"Channel": "none", "Variable": "X"}, 422),
        ("Hangup", {}, 422),
        ("Logoff", {}, 404),
    ],
)
def test_the_status_says_how_an_action_ended(
    oper: httpx.Client, action: str, body: dict[str, str], status: int
) -> None:
    answer = oper.post(f"/actions/{action}", json=body)
    assert answer.status_code == status, answer.text


def test_a_reader_gets_the_present_and_may_do_nothing(board: httpx.Client) -> None:
    queues = board.get("/queues").json()
    assert {queue["Queue"] for queue in queues["data"]["queues"]} >= {"lab-queue"}
    assert queues["data"]["members"][0]["Queue"] == "lab-queue"
    one = board.get("/queues/lab-queue").json()
    assert [queue["Queue"] for queue in one["queues"]] == ["lab-queue"]
    assert board.get("/queues/no-such").status_code == 404
    denied = board.post("/actions/Originate", json={"Channel": "Local/1@lab"})
    assert denied.status_code == 403
    assert denied.json()["response"]["Message"] == "Permission denied"
    assert board.get("/status").status_code == 403


def test_an_unchanged_picture_is_not_sent_again(board: httpx.Client) -> None:
    first = board.get("/extensions")
    again = board.get("/extensions", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-store"


def test_an_operator_sees_the_status_and_why_something_was_denied(
    proxy: ApiProxy, oper: httpx.Client, board: httpx.Client
) -> None:
    board.post("/actions/Command", json={"Command": "core stop now"})
    denials = oper.get("/denials").json()["denials"]
    assert any(line["event"] == "action-denied" and line["user"] == "board" for line in denials)
    assert oper.get("/status").json()["state"] == "serving"
    told = oper.post(
        "/explain", json={"user": "board", "message": {"Action": "Command", "Command": "core stop now"}}
    ).json()
    assert told["allowed"] is False
    assert any("classes" in line for line in told["lines"])


def test_kick_needs_confirmation_and_rights(proxy: ApiProxy, oper: httpx.Client) -> None:
    with proxy.client("lister") as lister:
        session = lister.get("/me").json()
        assert (session["may_see_status"], session["may_operate"]) == (True, False)
        refused = lister.post("/kick", json={"target": "user:board", "confirm": "kick"})
        assert refused.status_code == 403
        assert oper.post("/kick", json={"target": "user:lister"}).status_code == 400
        kicked = oper.post("/kick", json={"target": "user:lister", "confirm": "kick"})
        assert len(kicked.json()["kicked"]) == 1
        assert oper.post("/kick", json={"target": "nobody", "confirm": "kick"}).status_code == 404


def test_a_user_without_the_door_is_refused(proxy: ApiProxy) -> None:
    with proxy.client("script") as client:
        assert client.get("/me").status_code == 401
