"""Where the actions of a session that sees several servers go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.message import Action, parse_action
from amiproxy.core.clients.routes.destination import (
    NO_SUCH_SERVER,
    NOT_FOR_SEVERAL,
    SERVER_REQUIRED,
    destination_of,
)

SERVERS = {b"pbx1": "pbx1", b"pbx2": "pbx2"}
#: Outcomes: the proxy answers, the server named, the default server, all servers, or an error.
PROXY, NAMED, DEFAULT, ALL = "proxy", "named", "default", "all"


def outcome(text: str, default: str = "pbx1") -> str | bytes:
    found = destination_of(parse_action(text.replace("\n", "\r\n").encode() + b"\r\n"), SERVERS, default)
    if found.refusal:
        return found.refusal
    if found.everywhere:
        assert not found.server
        return ALL
    return {"": PROXY, "pbx1": DEFAULT, "pbx2": NAMED}[found.server]


@pytest.mark.parametrize(
    ("action", "named", "none", "star"),
    [
        ("Login", PROXY, PROXY, PROXY),
        ("Logoff", PROXY, PROXY, PROXY),
        ("Challenge", PROXY, PROXY, PROXY),
        ("Events", PROXY, PROXY, PROXY),
        ("Filter", PROXY, PROXY, PROXY),
        ("WaitEvent", PROXY, PROXY, PROXY),
        ("ProxyServers", PROXY, PROXY, PROXY),
        ("ProxyResume", PROXY, PROXY, PROXY),
        ("ProxySnapshot", NAMED, PROXY, PROXY),
        ("Ping", NAMED, PROXY, NOT_FOR_SEVERAL),
        ("ListCommands", NAMED, PROXY, PROXY),
        ("CoreShowChannels", NAMED, ALL, ALL),
        ("queuestatus", NAMED, ALL, ALL),
        ("Status", NAMED, ALL, ALL),
        ("Getvar", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("DBGet", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("Command", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("Originate", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("UserEvent", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("CoreSettings", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("Queues", NAMED, DEFAULT, NOT_FOR_SEVERAL),
        ("MadeUp", NAMED, DEFAULT, NOT_FOR_SEVERAL),
    ],
)
def test_the_server_header_and_the_kind_of_action_decide(
    action: str, named: str, none: str, star: str | bytes
) -> None:
    assert outcome(f"Action: {action}\nServer: pbx2\n") == named
    assert outcome(f"Action: {action}\n") == none
    assert outcome(f"Action: {action}\nServer: *\n") == star


def test_without_a_default_an_action_for_one_server_must_name_it() -> None:
    assert outcome("Action: Getvar\n", default="") == SERVER_REQUIRED
    assert outcome("Action: Getvar\nServer: pbx2\n", default="") == NAMED
    assert outcome("Action: CoreShowChannels\n", default="") == ALL
    assert outcome("Action: Ping\n", default="") == PROXY


@pytest.mark.parametrize("action", ["Ping", "ListCommands", "CoreShowChannels", "Getvar", "UserEvent"])
@pytest.mark.parametrize("name", ["pbx3", "pbx", "pbx1,pbx2", "pbx1 pbx2", "p*", "**", "pbx1 "])
def test_a_server_that_the_user_may_not_use_is_refused_as_one_that_does_not_exist(
    action: str, name: str
) -> None:
    assert outcome(f"Action: {action}\nServer: {name}\n") == NO_SUCH_SERVER


def test_the_name_is_compared_without_regard_to_case() -> None:
    assert outcome("Action: Getvar\nServer: PBX2\n") == NAMED
    assert outcome("Action: Getvar\nserver: pBx2\n") == NAMED


def test_the_first_server_header_counts() -> None:
    assert outcome("Action: Getvar\nServer: pbx2\nServer: pbx1\n") == NAMED
    assert outcome("Action: UserEvent\nServer: pbx2\nSERVER: pbx1\nUserEvent: x\n") == NAMED


def test_an_empty_server_header_counts_as_none() -> None:
    assert outcome("Action: Getvar\nServer:\n") == DEFAULT
    assert outcome("Action: Getvar\nServer: \n") == DEFAULT


def test_a_status_of_one_channel_goes_to_one_server() -> None:
    assert outcome("Action: Status\nChannel: PJSIP/alice-00000001\n") == DEFAULT
    assert outcome("Action: Status\nVariables: CDR(src)\nServer: *\n") == NOT_FOR_SEVERAL


@given(
    name=st.sampled_from([b"Getvar", b"Ping", b"CoreShowChannels", b"ListCommands", b"Events", b"Setvar"]),
    value=st.binary(max_size=12),
    default=st.sampled_from(["", "pbx1"]),
)
def test_an_action_never_goes_to_a_server_that_it_does_not_name(
    name: bytes, value: bytes, default: str
) -> None:
    found = destination_of(Action([(b"Action", name), (b"Server", value)]), SERVERS, default)
    if found.server:
        assert found.server.encode() == value.lower() or (not value and found.server == default)
