"""Each approaching end is described in one sentence."""

from datetime import UTC, datetime

import pytest

from amiproxy.x509.ending import Ending
from amiproxy.x509.expiry import Expiry
from tests.support.certificates import DAY

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
LEAF = Ending("certificate", "dns:pbx.example", NOW, NOW - 90 * DAY)
SHORT = LEAF._replace(by="CN=Middle")
AUTHORITY = Ending("client-ca", "CN=Clients", NOW, NOW - 900 * DAY)
LIST = Ending("revocation-list", "CN=Clients", NOW, NOW - DAY)


@pytest.mark.parametrize(
    ("ending", "left", "state", "text"),
    [
        (LEAF, 20, Expiry.NOTICE, "certificate of dns:pbx.example expires in 20 days (2030-06-01)"),
        (LEAF, -1, Expiry.EXPIRED, "certificate of dns:pbx.example expired 24 hours ago (2030-06-01)"),
        (
            SHORT,
            0.5,
            Expiry.CRITICAL,
            "certificate of dns:pbx.example: CN=Middle, which signs it, expires in 12 hours (2030-06-01)",
        ),
        (AUTHORITY, 5, Expiry.URGENT, "client CA CN=Clients expires in 5 days (2030-06-01)"),
        (LIST, 0.5, Expiry.FINE, "revocation list of CN=Clients runs out in 12 hours (2030-06-01)"),
        (LIST, 0, Expiry.EXPIRED, "revocation list of CN=Clients ran out 0 hours ago (2030-06-01)"),
    ],
)
def test_an_approaching_end_has_a_state_and_a_text(
    ending: Ending, left: float, state: Expiry, text: str
) -> None:
    now = NOW - left * DAY
    assert ending.state(now) is state
    assert ending.describe(now) == text
