"""Whatever happens to lines leads the board to the same as the kinds of the proxy's history."""

from random import Random

import pytest

from tests.core.history.kinds.recorded import messages
from tests.net.doors.http.page.files.model.history import Both

NAMES = ("alice", "bob", "carrier")
STATES = (
    *("UNKNOWN", "NOT_INUSE", "INUSE", "BUSY", "INVALID"),
    *("UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD", "odd"),
)
CONTACT = ("Reachable", "Unreachable", "Created", "Removed", "NonQualified")
PEER_STATUS = ("Registered", "Unregistered", "Reachable", "Lagged", "Unreachable")
ENDPOINT = "Event: EndpointList\nObjectType: endpoint\nObjectName: {}\nDeviceState: Not in use\n"
PEER = (
    "Event: PeerEntry\nChanneltype: SIP\nObjectName: {}\nIPaddress: 192.0.2.7\nIPport: 5060\nDynamic: yes\n"
    "Status: OK (3 ms)\n"
)


def some_event(random: Random) -> str:
    name = random.choice(NAMES)
    number = random.randrange(3)
    address = random.choice(("192.0.2.1:5060", ""))
    peer = random.choice((f"SIP/{name}", f"PJSIP/{name}", "SIP/guest"))
    return random.choice(
        (
            f"Event: DeviceStateChange\nDevice: PJSIP/{random.choice((name, 'guest'))}\n"
            f"State: {random.choice(STATES)}\n",
            f"Event: ContactStatus\nURI: sip:{name}@192.0.2.{number}\nAOR: {name}\nEndpointName: {name}\n"
            f"ContactStatus: {random.choice(CONTACT)}\nRoundtripUsec: 1200\n",
            f"Event: PeerStatus\nChannelType: SIP\nPeer: {peer}\n"
            f"PeerStatus: {random.choice(PEER_STATUS)}\n" + (f"Address: {address}\n" if address else ""),
            f"Event: ExtensionStatus\nExten: {100 + number}\nContext: in\n"
            f"Hint: {random.choice(('', f'PJSIP/{name},CustomPresence:{name}'))}\n"
            f"Status: {random.choice((0, 1, 2, 4, 8, 9, 16, -1, -2))}\nStatusText: x\n",
            f"Event: PresenceStateChange\nPresentity: CustomPresence:{name}\n"
            f"Status: {random.choice(('away', 'not_set'))}\nSubtype: \nMessage: lunch {number}\n",
        )
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_board_knows_what_the_history_knows_of_lines(seed: int) -> None:
    random, both = Random(seed), Both()
    both.kinds["endpoints"].replace(messages("\n\n".join(map(ENDPOINT.format, NAMES))))
    both.kinds["peers"].replace(messages("\n\n".join(map(PEER.format, NAMES))))
    both.show()
    for number in range(400):
        both.happen(some_event(random))
        both.look()
        if number % 100 == 99:
            both.show(*(("endpoints", "peers"), ())[number // 100 % 2])
            both.look()
    both.compare()
