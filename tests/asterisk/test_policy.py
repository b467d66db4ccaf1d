"""The policy's table checked with a real Asterisk 22, by manager users of the same classes.

Where Asterisk refuses, we refuse with the same text; where only we refuse, the
rule has its reason in the operator's guide.
"""

import re
from collections.abc import Iterator

import pytest

from amiproxy.core.policy.dialplan import functions
from amiproxy.core.policy.reference.stricter import STRICTER as REASONS
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.core.policy.application_rows import APPLICATIONS
from tests.core.policy.rows import (
    APPLICATION,
    BLACKLISTED,
    FILE,
    GETVAR,
    PERMISSION,
    ROWS,
    SAME,
    STATUS,
    STRICTER,
    UNTRIED,
    Row,
    name_of,
)
from tests.support.ami_client import AmiClient
from tests.support.requirements import give_up

ALL_ROWS = [*ROWS, *APPLICATIONS]
SECRET = "policy"
REFUSALS = {text.decode() for text in (PERMISSION, GETVAR, STATUS, APPLICATION, FILE, BLACKLISTED)}


def account(write: str) -> str:
    return "policy-" + write.replace(",", "-")


@pytest.fixture(scope="module")
def server() -> Iterator[Asterisk]:
    """An Asterisk of its own: some rows would change what other tests rely on."""
    classes = sorted({row.write for row in ALL_ROWS})
    extra = "".join(
        f"\n[{account(write)}]\nsecret = {SECRET}\nread = all\nwrite = {write}\n" for write in classes
    )
    try:
        asterisk = Asterisk("sid", manager_extra=extra)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


async def connected(server: Asterisk, write: str) -> AmiClient:
    client = await AmiClient.connect(server.host, server.port)
    answer = await client.login(account(write), SECRET, Events="off")
    assert answer.get("Response") == "Success", answer
    return client


@pytest.mark.parametrize("row", [row for row in ALL_ROWS if row.real != UNTRIED], ids=name_of)
async def test_a_row_gets_its_verdict_from_asterisk(server: Asterisk, row: Row) -> None:
    async with await connected(server, row.write) as client:
        client.send_raw(row.raw)
        answer = await client.response(None)
    message = answer.get("Message")
    if row.text is not None and row.real == SAME:
        assert (answer.get("Response"), message) == ("Error", row.text.decode())
    else:
        assert message not in REFUSALS
        assert (row.rule in REASONS) is (row.real == STRICTER)


#: Texts of a Variable header, as Asterisk reads them: quotes, backslashes, brackets and parentheses matter.
LISTS = [
    "PA=1,PB=2",
    'PA="1,PB=2",PC=3',
    "PA=(1,PB=2),PC=3",
    "PA=[1,PB=2],PC=3",
    "PA=1\\,PB=2,PC=3",
    'P"A"=1,P\\B=2',
    "PA=1,,PB=2,",
    "PA,PB=2",
    "=1,PB=2",
    "PA=(1,PB=2",
    "PA=1),PB=2",
    "PA=1)(,PB=2",
    "PA=1][,PB=2",
    "PA[=1,PB=2],PC=3",
    'PA="(1",PB=2),PC=3',
    '"PA=1,PB=2',
    "PA=\\(1,PB=2,PC=3",
    'PA=("1),PB=2,PC=")3',
    "PA=1=2,PB=3",
]


async def variables_set(server: Asterisk, name: str, *values: str) -> list[tuple[str, str]]:
    """The variables that Asterisk sets, in order, on a channel originated with these Variable headers."""
    async with await connected(server, "all") as client:
        await client.action("Events", EventMask="call,dialplan")
        action_id = client.send(
            "Originate",
            *(("Variable", value) for value in values),
            Channel=f"Local/wait1-{name}@lab",
            Application="NoOp",
            Async="true",
        )
        answer = await client.response(action_id)
        assert answer.get("Response") == "Success"
        # The channel's last event, and so after its VarSets; OriginateResponse may overtake those.
        await client.wait_event(
            "Hangup",
            lambda message: re.match(rf"Local/wait1-{name}@lab-.*;1\Z", message.get("Channel") or ""),
        )
        return [
            (message.get("Variable") or "", message.get("Value") or "")
            for message in client.log
            if message.event == "VarSet"
            and (message.get("Channel") or "").startswith(f"Local/wait1-{name}@lab")
            and (message.get("Variable") or "").lstrip("_").startswith("P")
        ]


@pytest.mark.parametrize("number", range(len(LISTS)), ids=LISTS.__getitem__)
async def test_a_list_of_variables_is_read_as_asterisk_reads_it(server: Asterisk, number: int) -> None:
    theirs = set(await variables_set(server, f"list{number}", LISTS[number]))
    read = functions.assignments([LISTS[number].encode()])
    assert theirs == {(name.decode(), value.decode()) for name, value in read}


async def test_the_first_occurrence_of_a_variable_sticks(server: Asterisk) -> None:
    values = await variables_set(server, "first", "POLICY=forced", "POLICY=theirs,__POLICY=theirs")
    assert values[-1] == ("POLICY", "forced")
