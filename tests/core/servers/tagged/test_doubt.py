"""While the outcome of an action is in doubt, its client is sent events; the answer follows on its own."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.core.clients.session import Session
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.answer_writers import WholeWriter
from tests.support.core_doubles import Bench, ListTransport, event
from tests.support.tagged import TaggedListUpstream, response, tag_up
from tests.support.web_bench import WebBench

READ = privilege.ALL & ~privilege.SECURITY
FAN = User("fan", write=privilege.ALL, read=READ, secret="plain:x")
LOST = b"Message: Agent lost (outcome unknown)"
ACTION = "Action: QueueRule\nActionID: 1"
SHOUTING = Encoding("shouting", lambda raw: raw.upper())


def send(session: Session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


def told(got: ListTransport) -> list[bytes]:
    """The first line of each message, with the name of its server if it has one."""
    raws = [Message(raw + b"\r\n\r\n") for raw in got.take().split(b"\r\n\r\n")[:-1]]
    return [b" ".join([raw.headers[0][1], raw.get(b"server")]).strip() for raw in raws]


def wait(bench: Bench, seconds: float) -> None:
    bench.clock.advance(seconds)
    bench.hub.tick(bench.clock.now())


class TestOneServer:
    @pytest.fixture
    def bench(self) -> Bench:
        return Bench(FAN)

    @pytest.fixture
    def upstream(self, bench: Bench) -> TaggedListUpstream:
        return tag_up(bench)

    def test_events_are_sent_and_then_the_error(self, bench: Bench, upstream: TaggedListUpstream) -> None:
        session, got = bench.login("fan")
        send(session, ACTION)
        bench.feed(event("Newstate"))
        assert told(got) == []
        bench.server().link_down("test")
        assert told(got) == [b"Newstate", b"ProxyUpstream"]
        tag_up(bench)
        bench.feed(event("Newchannel"))
        assert told(got) == [b"ProxyUpstream", b"Newchannel"]
        send(session, "Action: Ping")
        assert told(got) == [], "the next action waits for the answer"
        wait(bench, 10.1)
        assert got.take().startswith(b"Response: Error\r\nActionID: 1\r\n" + LOST)
        assert session.is_idle

    def test_an_answer_that_comes_after_all_is_sent_behind_the_events_before_it(
        self, bench: Bench, upstream: TaggedListUpstream
    ) -> None:
        session, got = bench.login("fan")
        send(session, ACTION)
        (sent,) = upstream.take_sent()
        bench.server().link_down("test")
        again = tag_up(bench)
        got.take()
        bench.feed(event("Newstate"))
        bench.server().answered(sent.relay_id, [response(sent.relay_id)], last=True)
        bench.feed(event("Newchannel"))
        assert told(got) == [b"Newstate", b"Success", b"Newchannel"]
        send(session, ACTION)
        bench.feed(event("Newstate"))
        assert told(got) == [], "events wait for the next answer as for any other"
        (sent,) = again.take_sent()
        bench.server().answered(sent.relay_id, [response(sent.relay_id)], last=True)
        assert told(got) == [b"Success", b"Newstate"]

    def test_a_call_may_still_be_decided(self, bench: Bench, upstream: TaggedListUpstream) -> None:
        session, got = bench.login("fan")
        send(session, "Action: Originate\nActionID: 1\nChannel: PJSIP/1\nApplication: Wait\nTimeout: 5000")
        (sent,) = upstream.take_sent()
        bench.server().link_down("test")
        assert told(got) == [b"ProxyUpstream"]
        tag_up(bench)
        bench.feed(
            b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: %b\r\nResponse: Success\r\n\r\n"
            % sent.relay_id
        )
        assert told(got) == [b"ProxyUpstream", b"Success"]

    def test_it_is_the_same_where_an_answer_is_written_whole(
        self, bench: Bench, upstream: TaggedListUpstream
    ) -> None:
        transport = ListTransport()
        transport.writer = WholeWriter()
        session, got = bench.login("fan", by=transport)
        send(session, ACTION)
        bench.server().link_down("test")
        assert told(got) == [b"ProxyUpstream"]
        wait(bench, 10.1)
        said = got.take()
        assert said.startswith(b"[Response: Error")
        assert said.endswith(b"]")
        assert LOST in said

    def test_what_is_shared_fails_at_once(self, bench: Bench, upstream: TaggedListUpstream) -> None:
        clients = [bench.login("fan") for _ in range(3)]
        for session, _ in clients:
            send(session, "Action: CoreShowChannels")
        (first,) = upstream.take_sent()
        bench.server().answered(first.relay_id, [response(first.relay_id, kind=b"Error")], last=True)
        wait(bench, 1.0)
        (shared,) = upstream.take_sent()
        assert shared.on_behalf is None
        for _, got in clients:
            got.take()
        bench.server().link_down("test")
        wait(bench, 0.0)
        for _, got in clients[1:]:
            assert told(got) == [b"Error", b"ProxyUpstream"]

    def test_it_does_not_matter_if_the_client_has_left(
        self, bench: Bench, upstream: TaggedListUpstream
    ) -> None:
        session, _ = bench.login("fan")
        send(session, ACTION)
        bench.server().link_down("test")
        session.lost("reset")
        bench.server().link_down("again")
        wait(bench, 10.1)
        assert bench.server().in_flight == 0


class TestSeveralServers:
    @pytest.fixture
    def bench(self) -> Bench:
        names = ("pbx1", "pbx2")
        seer = User("seer", write=privilege.ALL, read=READ, secret="plain:x", servers=names)
        return Bench(seer, servers=Configured(names, named=True))

    @pytest.mark.parametrize("encoding", [None, SHOUTING])
    def test_the_events_of_the_server_are_sent(self, bench: Bench, encoding: Encoding | None) -> None:
        one = tag_up(bench, at="pbx1")
        tag_up(bench, at="pbx2")
        by = ListTransport() if encoding is None else ListTransport(encoding=encoding)
        session, got = bench.login("seer", by=by)
        send(session, ACTION + "\nServer: pbx1")
        (sent,) = one.take_sent()
        bench.feed(event("Newstate"), at="pbx1")
        assert told(got) == []
        bench.server("pbx1").link_down("test")
        assert [line.lower() for line in told(got)] == [b"newstate pbx1", b"proxyupstream pbx1"]
        bench.server("pbx1").disconnect()
        tag_up(bench, at="pbx1")
        got.take()
        bench.feed(event("Newstate"), at="pbx1")
        bench.server("pbx1").answered(sent.relay_id, [response(sent.relay_id)], last=True)
        bench.feed(event("Newchannel"), at="pbx1")
        expected = [b"newstate pbx1", b"success pbx1", b"newchannel pbx1"]
        assert [line.lower() for line in told(got)] == expected
        assert session.is_idle

    def test_the_events_of_another_server_wait_for_its_own_part_of_a_list(self, bench: Bench) -> None:
        tag_up(bench, at="pbx1")
        two = tag_up(bench, at="pbx2")
        session, got = bench.login("seer")
        send(session, "Action: CoreShowChannels\nActionID: 1")
        (sent,) = two.take_sent()
        bench.server("pbx1").link_down("test")
        bench.feed(event("Newstate"), at="pbx2")
        assert told(got) == [b"ProxyUpstream pbx1"]
        begin = response(sent.relay_id, b"EventList: start")
        end = (
            b"Event: CoreShowChannelsComplete\r\nActionID: %b\r\nEventList: Complete\r\n\r\n" % sent.relay_id
        )
        bench.server("pbx2").answered(sent.relay_id, [begin, end], last=True)
        assert told(got) == [b"Success", b"Newstate pbx2"]
        wait(bench, 10.1)
        assert b"ServersMissing: pbx1\r\n" in got.take()
        assert session.is_idle


def test_a_request_is_answered_once() -> None:
    bench = WebBench()
    bench.server().link_down("test")
    tag_up(bench)
    session = bench.log_in()
    answers = bench.run(session, ACTION)
    bench.server().link_down("test")
    bench.turn()
    assert answers == []
    wait(bench, 10.1)
    bench.turn()
    assert len(answers) == 1
    assert LOST in answers[0]
