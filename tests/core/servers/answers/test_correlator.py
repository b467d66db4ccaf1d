"""Relay ids are generated in batches, and each is used once."""

from amiproxy.ami.relay import RELAY_DIGITS, RELAY_MARK
from amiproxy.core.servers.answers.correlator import Correlator
from amiproxy.core.servers.answers.own import PING, OwnAnswer


def drawn(correlator: Correlator) -> bytes:
    answer = OwnAnswer(PING, lambda _: None)
    correlator.assign(answer)
    return answer.relay_id


def test_relay_ids_are_unique_and_of_one_form() -> None:
    ids = [drawn(one) for one in (Correlator(), Correlator()) for _ in range(200)]
    assert len(set(ids)) == 400
    assert {len(relay_id) for relay_id in ids} == {len(RELAY_MARK) + RELAY_DIGITS}
    assert all(relay_id.startswith(RELAY_MARK) and int(relay_id, 16) for relay_id in ids)
