"""Relay ids are generated in batches, and each is used once."""

from amiproxy.ami.message import Action
from amiproxy.ami.relay import RELAY_DIGITS, RELAY_MARK
from amiproxy.core.servers.correlator import Correlator

_PING = Action([(b"Action", b"Ping")])


def test_relay_ids_are_unique_and_of_one_form() -> None:
    ids = [one.assign(None, _PING).relay_id for one in (Correlator(), Correlator()) for _ in range(200)]
    assert len(set(ids)) == 400
    assert {len(relay_id) for relay_id in ids} == {len(RELAY_MARK) + RELAY_DIGITS}
    assert all(relay_id.startswith(RELAY_MARK) and int(relay_id, 16) for relay_id in ids)
