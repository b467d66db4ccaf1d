"""Whatever happens leads the board to the same as the kinds of the proxy's history."""

import pytest

from tests.core.history.kinds.recorded import messages
from tests.net.doors.http.page.files.model.centre import Centre
from tests.net.doors.http.page.files.model.history import Both

FIRST = """
Event: QueueParams
Queue: sales
Calls: 0
Holdtime: 8
TalkTime: 20
Completed: 4
Abandoned: 1
ServiceLevel: 20
ServicelevelPerf: 50.0
ServicelevelPerf2: 60.0

Event: QueueParams
Queue: help
Calls: 0
Holdtime: 0
TalkTime: 0
Completed: 0
Abandoned: 0
ServiceLevel: 0
ServicelevelPerf: 0.0
ServicelevelPerf2: 0.0
"""


@pytest.mark.parametrize("seed", range(12))
def test_the_board_knows_what_the_history_knows(seed: int) -> None:
    both = Both()
    both.kinds["queues"].replace(messages(FIRST))
    both.kinds["channels"].replace([])
    both.show()
    centre = Centre(seed, both)
    for number in range(300):
        centre.step()
        both.look()
        if number % 70 == 69:
            both.show(*(("queues",), ("channels", "bridges"), ())[number // 70 % 3])
            both.look()
    centre.close()
    both.look()
    assert both.expected[-1]["channels"] == both.expected[-1]["parked"] == []
    both.compare()
