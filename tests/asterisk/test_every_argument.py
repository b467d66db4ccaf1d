"""Every action that a real Asterisk lists, and every argument that it documents, is in the table.

Exceptions are named here, with the reason.  Actions that neither Asterisk has loaded are named too, so that a
module which Debian starts to ship cannot stay unnoticed.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.arguments import ARGUMENTS
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.lab.everything import with_every_module
from tests.support.ami_client import AmiClient
from tests.support.requirements import give_up

#: Documented, and not sent; by action and header.
NOT_SENT = {
    ("JabberSend", "JID"): "Asterisk documents JID and reads ScreenName, in all versions; JID does nothing",
    ("Park", "AnnounceChannel"): "one that does not exist crashes Asterisk, so nobody's is sent",
}
#: Actions of the table that belong to modules which neither Debian's Asterisk 16 nor its 22 has.
NOT_LOADED = {
    "app_meetme needs DAHDI": "MeetmeList MeetmeListRooms MeetmeMute MeetmeUnmute",
    "chan_dahdi needs hardware": """
        DAHDIDialOffhook DAHDIDNDoff DAHDIDNDon DAHDIHangup DAHDIRestart DAHDIShowChannels DAHDIShowStatus
        DAHDITransfer PRIDebugFileSet PRIDebugFileUnset PRIDebugSet PRIShowSpans
    """,
    "res_mwi_external takes app_voicemail's place": "MWIDelete MWIGet MWIUpdate",
}
#: A message of Asterisk's own session, not an argument.
FRAME = {"action", "actionid"}

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NAME = re.compile(r"\s*Action: (\S+)")
_IN_SYNTAX = re.compile(r"^\[?([^\s:\]]+):\]?(?: |$)", re.MULTILINE)
_IN_ARGUMENTS = re.compile(r"^(\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Asterisk]]:
    """Asterisk 22 and 16, by version."""
    with ExitStack() as stack:
        started: dict[str, Asterisk] = {}
        for suite in chroot.SUITES:
            try:
                asterisk = with_every_module(Asterisk(suite))
            except Unavailable as reason:
                give_up("ASTERISK", reason)
            stack.callback(asterisk.remove)
            asterisk.start()
            started[asterisk.version] = asterisk
        yield started


@pytest.fixture(params=chroot.SUITES.values())
def server(request: pytest.FixtureRequest, servers: dict[str, Asterisk]) -> Asterisk:
    """Each version in turn."""
    return servers[request.param]


async def listed(server: Asterisk) -> list[str]:
    """The names in the answer to ListCommands, as spelled."""
    async with await AmiClient.connect(server.host, server.port) as client:
        await client.login(server.user, server.secret, Events="off")
        answer = await client.action("ListCommands")
    names = [name for name, value in answer.headers if "(Priv: " in value]
    assert len(names) > 120, "few modules are loaded: this proves nothing"
    return names


def documented(server: Asterisk, names: list[str]) -> dict[str, set[str]]:
    """The headers that the console's help names for each of these actions."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(names), 20):
        text = server.cli("manager show command " + " ".join(names[start : start + 20]))
        # Asterisk 16 gives no titles, but a syntax for each that begins with the name.
        for part in _COLOUR.sub("", text).split("[Syntax]")[1:]:
            syntax = part.strip().partition("\n\n")[0]
            arguments = part.partition("[Arguments]")[2].partition("\n[")[0]
            name = _NAME.match(syntax)
            if name is None:  # of an event in its answer
                continue
            found[name[1]] = {*_IN_SYNTAX.findall(syntax), *_IN_ARGUMENTS.findall(arguments)}
    return found


def is_described(action: str, header: str) -> bool:
    found = ARGUMENTS[action.lower().encode()]
    # Action-XXXXXX stands for a number of six digits.
    key = re.sub("X{3,}", "000000", header).lower().encode()
    return key.decode() in FRAME or key in found.aliases or found.find(key) is not None


async def test_every_action_that_asterisk_lists_is_in_the_table(server: Asterisk) -> None:
    names = await listed(server)
    assert [name for name in names if name.lower().encode() not in ARGUMENTS] == []
    assert [name for name in names if SHIPPED.find(name.lower().encode()) is None] == []


async def test_every_argument_that_asterisk_documents_is_in_the_table(server: Asterisk) -> None:
    names = await listed(server)
    headers = documented(server, names)
    assert set(headers) == set(names)
    assert sum(map(len, headers.values())) > 400, "the help is laid out otherwise: this proves nothing"
    missing = {
        (action, header)
        for action, found in headers.items()
        for header in found
        if not is_described(action, header)
    }
    assert missing == NOT_SENT.keys() & {
        (name, header) for name, found in headers.items() for header in found
    }


async def test_actions_that_neither_version_lists_are_named(servers: dict[str, Asterisk]) -> None:
    seen = {name.lower() for server in servers.values() for name in await listed(server)}
    named = {name.lower() for names in NOT_LOADED.values() for name in names.split()}
    assert {key.decode() for key in ARGUMENTS} - seen == named
