"""Sessions with a cookie: who gets one, what it is worth, and what each page answers."""

import hashlib
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.users import User
from tests.net.doors.http.ajam.house import AJAM, BOSS, HERE, AjamHouse, attributes
from tests.support.core_doubles import event

DENIED = b"Response: Error\r\nMessage: Permission denied\r\n\r\n"
LOGIN = "action=login&username=boss&secret=sekret"


class TestClientsThatAreNotLoggedIn:
    @pytest.mark.parametrize(
        ("query", "answer"),
        [
            ("action=ping", DENIED),
            ("action=nosuchaction", DENIED),
            ("action=waitevent", DENIED),
            (
                "action=ping&actionid=1",
                b"Response: Error\r\nActionID: 1\r\nMessage: Permission denied\r\n\r\n",
            ),
            ("", b"Response: Error\r\nMessage: Missing action in request\r\n\r\n"),
            ("action=", b"Response: Error\r\nMessage: Missing action in request\r\n\r\n"),
            ("action=logoff", b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n"),
        ],
    )
    def test_are_answered_as_by_asterisk_without_a_session(
        self, house: AjamHouse, query: str, answer: bytes
    ) -> None:
        asking = house.ask(f"/rawman?{query}", cookie="0" * 32)
        assert (asking.response.status, asking.body) == (200, answer)
        assert asking.cookie is None
        assert not asking.is_authenticated
        assert len(house.hub.web) == 0

    def test_get_their_answer_in_the_form_of_the_page(self, house: AjamHouse) -> None:
        assert (
            b"<generic response='Error' message='Permission denied' />" in house.ask("/mxml?action=ping").body
        )
        assert b"<td>Message</td><td>Permission denied</td>" in house.ask("/manager?action=ping").body


class TestHeaders:
    def test_have_asterisks_order_and_spelling(self, house: AjamHouse) -> None:
        asking = house.ask("/rawman", body=LOGIN)
        names = [name.decode() for name, _ in asking.response.headers]
        assert names == [
            "Server",
            "Date",
            "Cache-Control",
            "Content-type",
            "Set-Cookie",
            "Pragma",
            "Content-Length",
        ]
        assert asking.header("server") == "Asterisk"
        assert asking.header("content-type") == "text/plain"
        assert asking.header("pragma") == "SuppressEvents"
        assert asking.header("content-length") == str(len(asking.body))

    def test_say_where_asterisk_does_that_the_connection_ends(self, house: AjamHouse) -> None:
        names = [name for name, _ in house.ask("/rawman?action=ping", closes=True).response.headers]
        assert names[1:4] == [b"Date", b"Connection", b"Cache-Control"]

    @pytest.mark.parametrize(
        ("page", "kind"), [("rawman", "text/plain"), ("mxml", "text/xml"), ("manager", "text/html")]
    )
    def test_have_asterisks_content_type(self, house: AjamHouse, page: str, kind: str) -> None:
        assert house.ask(f"/{page}?action=ping").header("content-type") == kind

    def test_of_an_error_page(self, house: AjamHouse) -> None:
        asking = house.ask("/rawman?action=ping", method="PUT")
        assert asking.response.status == 501
        assert asking.header("content-type") == "text/html"
        assert b"<h1>Not Implemented</h1>" in asking.body


class TestLogin:
    def test_sets_a_new_cookie_in_asterisks_form(self, house: AjamHouse) -> None:
        asking = house.ask("/rawman", body=LOGIN)
        assert asking.body == b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
        said = attributes(asking.header("set-cookie"))
        assert list(said) == ["mansession_id", "Version", "Max-Age", "Path", "Secure", "HttpOnly", "SameSite"]
        assert said["mansession_id"] == f'"{asking.cookie}"'
        assert (said["Max-Age"], said["Path"], said["SameSite"]) == ("60", "/", "Strict")
        assert asking.is_authenticated
        assert asking.is_judged

    def test_by_get_works_too(self, house: AjamHouse) -> None:
        asking = house.ask(f"/asterisk/rawman?{LOGIN}")
        assert asking.response.status == 404
        assert house.ask(f"/rawman?{LOGIN}").cookie

    def test_makes_a_new_key_whatever_the_client_sends(self, house: AjamHouse) -> None:
        chosen = "a" * 32
        first = house.ask("/rawman", body=LOGIN, cookie=chosen).cookie
        second = house.ask("/rawman", body=LOGIN, cookie=chosen).cookie
        assert len({chosen, first, second}) == 3

    def test_in_a_session_that_is_logged_in_looks_at_no_secret(self, house: AjamHouse) -> None:
        cookie = house.log_in()
        asking = house.ask("/rawman?action=login&username=clerk&secret=wrong", cookie=cookie)
        assert asking.body == b"Response: Success\r\nMessage: Already authenticated\r\n\r\n"
        assert asking.cookie == cookie

    @pytest.mark.parametrize(
        "query",
        [
            "username=boss&secret=wrong",
            "username=nobody&secret=sekret",
            "username=ami&secret=sekret",  # may not use this door
            "",
        ],
    )
    def test_that_fails_is_answered_after_a_second_without_a_cookie(
        self, house: AjamHouse, query: str
    ) -> None:
        asking = house.ask(f"/rawman?action=login&{query}")
        assert asking.responses == []
        house.clock.advance(1.0)
        assert asking.response.status == 200
        assert asking.body == b"Response: Error\r\nMessage: Authentication failed\r\n\r\n"
        assert asking.cookie is None
        assert not asking.is_authenticated

    def test_that_its_client_no_longer_waits_for_leaves_no_session(self, house: AjamHouse) -> None:
        asking = house.ask("/rawman?action=login&username=boss&secret=wrong")
        asking.leave()
        house.clock.advance(2.0)
        assert asking.responses == []
        assert house.hub.sessions == []

    def test_without_room_for_its_secret_is_to_be_tried_again(self) -> None:
        house = AjamHouse(User("slow", secret="plain:sekret", doors=AJAM))
        house.verifier.busy = True
        asking = house.ask("/rawman?action=login&username=slow&secret=sekret")
        assert asking.response.status == 503
        assert asking.header("retry-after") == "1"

    def test_by_challenge_takes_two_requests_of_one_cookie(self, house: AjamHouse) -> None:
        first = house.ask("/rawman?action=challenge&authtype=MD5&actionid=1")
        assert first.cookie
        challenge = first.body.split(b"Challenge: ")[1].strip()
        key = hashlib.md5(challenge + b"sekret").hexdigest()
        form = urlencode({"action": "login", "username": "boss", "authtype": "MD5", "key": key})
        second = house.ask("/rawman", body=form, cookie=first.cookie)
        assert b"Authentication accepted" in second.body
        assert second.cookie not in (None, first.cookie)
        assert house.ask("/rawman?action=ping", cookie=first.cookie).body == DENIED

    def test_a_challenge_that_is_refused_sets_no_cookie(self, house: AjamHouse) -> None:
        asking = house.ask("/rawman?action=challenge")
        assert asking.body == b"Response: Error\r\nMessage: Must specify AuthType\r\n\r\n"
        assert asking.cookie is None


class TestSecretsInTheUrl:
    def test_are_refused_on_request_without_a_look_at_them(self) -> None:
        house = AjamHouse(ajam={"get_login": "refuse"})
        asking = house.ask(f"/rawman?{LOGIN}")
        assert asking.response.status == 403
        assert asking.body.startswith(b"Response: Error\r\n")
        assert asking.cookie is None
        assert house.ask("/rawman", body=LOGIN).cookie

    @pytest.mark.parametrize(("setting", "lines"), [("warn", 1), ("allow", 0)])
    def test_are_logged_on_request_without_the_secret(
        self, setting: str, lines: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        house = AjamHouse(ajam={"get_login": setting})
        assert house.ask(f"/rawman?{LOGIN}").cookie
        house.ask("/rawman", body=LOGIN)
        found = [record for record in caplog.records if record.getMessage() == "secret-in-url"]
        assert len(found) == lines
        assert all("sekret" not in str(vars(record)) for record in found)

    def test_no_log_line_has_the_query(self, house: AjamHouse, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG", "amiproxy")
        house.ask(f"/rawman?{LOGIN}")
        house.ask("/rawman?action=login&username=boss&secret=otherwise")
        house.clock.advance(1.0)
        requests = [record for record in caplog.records if record.getMessage() == "ajam-request"]
        assert [vars(record)["fields"]["action"] for record in requests] == ["login", "login"]
        assert {vars(record)["fields"]["path"] for record in requests} == {"/rawman"}
        said = "".join(str(vars(record)) for record in caplog.records)
        assert "sekret" not in said
        assert "otherwise" not in said


class TestSessions:
    def test_are_found_by_any_of_several_cookies_the_last_one_first(self, house: AjamHouse) -> None:
        boss, clerk = house.log_in(), house.log_in("clerk")
        line = f'x=1; MANSESSION_ID={boss.upper()}; mansession_id="{clerk}"; mansession_id="{"0" * 32}"'
        asking = house.ask("/rawman?action=ping", ("cookie", line))
        assert asking.cookie == clerk

    def test_keep_their_cookie_alive_with_each_answer(self, house: AjamHouse) -> None:
        cookie = house.log_in()
        asking = house.ask("/rawman?action=ping", cookie=cookie)
        assert asking.body.startswith(b"Response: Success\r\nPing: Pong\r\n")
        assert attributes(asking.header("set-cookie"))["Max-Age"] == "60"
        assert asking.is_authenticated

    def test_end_with_logoff_which_deletes_the_cookie(self, house: AjamHouse) -> None:
        cookie = house.log_in()
        asking = house.ask("/rawman?action=logoff", cookie=cookie)
        assert asking.body == b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n"
        assert attributes(asking.header("set-cookie"))["Max-Age"] == "0"
        assert house.ask("/rawman?action=ping", cookie=cookie).body == DENIED

    def test_end_without_a_request_for_the_timeout(self) -> None:
        house = AjamHouse(ajam={"timeout": 20})
        house.entrance.idle = 20
        cookie = house.log_in()
        house.clock.advance(21.0)
        house.hub.tick(house.clock.now())
        assert house.ask("/rawman?action=ping", cookie=cookie).body == DENIED

    def test_tell_their_client_when_they_end_before_an_answer(self, house: AjamHouse) -> None:
        cookie = house.log_in()
        asking = house.ask("/rawman?action=queuesummary&actionid=1", cookie=cookie)
        assert asking.responses == []
        (session,) = house.hub.sessions_of(BOSS)
        session.close("kicked")
        house.turn()
        assert asking.response.status == 200
        assert asking.body.startswith(b"Response: Error\r\nActionID: 1\r\nMessage: ")
        assert attributes(asking.header("set-cookie"))["Max-Age"] == "0"

    def test_are_not_found_from_an_address_that_the_user_may_not_have(self) -> None:
        here = AccessList.from_lines(["deny 0.0.0.0/0.0.0.0", f"permit {HERE.address}/32"])
        house = AjamHouse(replace(BOSS, acl=here))
        cookie = house.log_in()
        elsewhere = HERE._replace(address="198.51.100.1")
        assert house.ask("/rawman?action=ping", cookie=cookie, peer=elsewhere).body == DENIED
        assert house.ask("/rawman?action=ping", cookie=cookie).cookie == cookie

    def test_run_actions_for_lists_and_errors(self, house: AjamHouse) -> None:
        cookie = house.log_in()
        asking = house.ask("/mxml?action=queuesummary&actionid=1", cookie=cookie)
        (sent,) = house.upstream.take()
        assert sent.get(b"action") == b"queuesummary"
        item = b"Event: QueueSummary\r\nActionID: %b\r\nQueue: <a>\r\n\r\n" % sent.get(b"actionid")
        end = item.replace(b"QueueSummary", b"QueueSummaryComplete").replace(
            b"Queue: <a>", b"EventList: Complete"
        )
        house.answer(sent, b"EventList: start\r\nMessage: Queue summary will follow\r\n")
        house.feed(item, end)
        house.turn()
        assert asking.body.count(b"<response ") == 3
        assert b"queue='&lt;a&gt;'" in asking.body
        missing = house.ask("/rawman?actionid=9", cookie=cookie)
        assert missing.body == b"Response: Error\r\nActionID: 9\r\nMessage: Missing action in request\r\n\r\n"

    def test_an_answer_that_is_too_long_becomes_an_error(self) -> None:
        house = AjamHouse(limits={"http_answer_bytes": 200})
        cookie = house.log_in()
        asking = house.ask("/mxml?action=command&command=x", cookie=cookie)
        (sent,) = house.upstream.take()
        house.answer(sent, b"Output: " + b"'" * 60 + b"\r\n")
        house.turn()
        assert b"message='Answer too long'" in asking.body


class TestParameters:
    @pytest.mark.parametrize("bad", ["x=%0d%0aAction:%20Ping", "x=%0a", "x=%00", "x%00=1", "x%3a=1", "=1"])
    def test_that_are_unfit_are_refused_and_nothing_is_sent(self, house: AjamHouse, bad: str) -> None:
        cookie = house.log_in()
        asking = house.ask(f"/rawman?action=userevent&userevent=A&{bad}", cookie=cookie)
        assert asking.response.status == 400
        assert asking.body.startswith(b"Response: Error\r\nMessage: Failed to parse message: ")
        assert house.upstream.take() == []
        stranger = house.ask(f"/mxml?action=login&username=boss&secret=sekret&{bad}")
        assert stranger.response.status == 400
        assert stranger.cookie is None

    def test_past_the_limits_of_ami_are_answered_as_by_ami(self, house: AjamHouse) -> None:
        cookie = house.log_in()
        asking = house.ask(f"/rawman?action=ping&actionid=1&x={'y' * 1100}", cookie=cookie)
        assert (asking.response.status, asking.body) == (
            200,
            b"Response: Error\r\nActionID: 1\r\nMessage: Failed to parse message: line too long\r\n\r\n",
        )
        assert (
            b"Too many lines" in house.ask("/rawman", body="action=ping&" + "a=1&" * 200, cookie=cookie).body
        )
        assert house.ask("/rawman?action=ping", cookie=cookie).body.startswith(b"Response: Success")

    def test_of_post_come_from_a_form_in_the_body_only(self, house: AjamHouse) -> None:
        missing = b"Response: Error\r\nMessage: Missing action in request\r\n\r\n"
        assert house.ask("/rawman?action=ping", body="").body == missing
        assert house.ask("/rawman?action=ping", method="POST").body == missing
        kind = ("content-type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8")
        assert house.ask("/rawman", kind, method="POST").body == missing
        assert house.ask("/rawman", body="action=ping").body == DENIED

    def test_head_acts_like_get(self, house: AjamHouse) -> None:
        assert house.ask("/rawman?action=ping", method="HEAD").body == DENIED


def test_the_cookie_belongs_to_the_prefix() -> None:
    house = AjamHouse(prefix="/asterisk")
    asking = house.ask("/asterisk/rawman", body=LOGIN)
    assert attributes(asking.header("set-cookie"))["Path"] == "/asterisk/"
    assert house.ask("/Asterisk/RAWMAN/?action=ping", cookie=asking.cookie).body.startswith(
        b"Response: Success"
    )


def test_pages_of_allowed_origins_may_send_the_cookie() -> None:
    house = AjamHouse(allowed_origins=("https://dash.example.org",))
    assert attributes(house.ask("/rawman", body=LOGIN).header("set-cookie"))["SameSite"] == "None"


def test_over_plain_http_behind_a_reverse_proxy_the_cookie_is_not_secure(house: AjamHouse) -> None:
    assert "Secure" not in attributes(house.ask("/rawman", body=LOGIN, secure=False).header("set-cookie"))


@pytest.mark.parametrize(
    "line",
    [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_of_a_foreign_page_is_refused(house: AjamHouse, line: tuple[str, str], method: str) -> None:
    cookie = house.log_in()
    asking = house.ask("/rawman?action=ping", line, method=method, cookie=cookie)
    assert asking.response.status == 403
    assert b"Pong" not in asking.body
    assert asking.cookie is None


def test_events_are_delivered_by_waitevent(house: AjamHouse) -> None:
    cookie = house.log_in()
    house.ask("/rawman?action=waitevent&timeout=0", cookie=cookie)
    waiting = house.ask("/mxml?action=waitevent&actionid=3", cookie=cookie)
    assert waiting.responses == []
    house.feed(event("UserEvent", "user", UserEvent="Hello"))
    house.clock.advance(1.0)
    assert b"userevent='Hello'" in waiting.body
    assert b"<generic event='WaitEventComplete' actionid='3' />" in waiting.body


def test_a_second_waitevent_ends_the_first_with_an_empty_answer(house: AjamHouse) -> None:
    cookie = house.log_in()
    house.ask("/rawman?action=waitevent&timeout=0", cookie=cookie)
    first = house.ask("/rawman?action=waitevent", cookie=cookie)
    second = house.ask("/rawman?action=waitevent", cookie=cookie)
    house.turn()
    assert (first.response.status, first.body) == (200, b"")
    assert second.responses == []
    assert house.ask("/rawman?action=ping", cookie=cookie).body.startswith(b"Response: Success")


def test_a_waitevent_ends_ten_seconds_before_its_session(house: AjamHouse) -> None:
    cookie = house.log_in()
    house.ask("/rawman?action=waitevent&timeout=0", cookie=cookie)
    waiting = house.ask("/rawman?action=waitevent&timeout=-1", cookie=cookie)
    house.clock.advance(49.0)
    assert waiting.responses == []
    house.clock.advance(1.1)
    assert waiting.body.endswith(b"Event: WaitEventComplete\r\n\r\n")


def test_peer_of_the_request_is_the_one_whose_login_counts(house: AjamHouse) -> None:
    house.ask("/rawman?action=login&username=boss&secret=wrong", peer=HERE)
    house.clock.advance(1.0)
    assert house.hub.limit_state.admission.has_failed(HERE.address, house.clock.now())


def test_what_asks_for_actions_elsewhere_is_told_where_they_are() -> None:
    house = AjamHouse(prefix="/asterisk")
    asking = house.ask("/?Action=Ping")
    assert asking.response.status == 404
    assert b"/asterisk/rawman" in asking.body
