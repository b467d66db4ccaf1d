"""Devices, hints, presence, endpoints, peers and mailboxes: events lead to what the native lists say."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from amiproxy.core.history.kinds.lines.devices import Devices
from amiproxy.core.history.kinds.lines.endpoints import Endpoints
from amiproxy.core.history.kinds.lines.extensions import Extensions
from amiproxy.core.history.kinds.lines.mailboxes import Mailboxes
from amiproxy.core.history.kinds.lines.peers import Peers
from amiproxy.core.history.kinds.lines.presence import Presence
from tests.asterisk.follower import Follower
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.lab.everything import with_every_module
from tests.asterisk.lab.phone import Phone
from tests.support.ports import free_port
from tests.support.requirements import give_up

pytestmark = pytest.mark.long

_HINTS = """
[hints]
exten => 200,hint,PJSIP/alice,CustomPresence:alice
exten => 201,hint,Custom:lamp&Custom:lamp2
exten => 202,hint,Custom:gone
exten => _3XX,hint,Custom:p${EXTEN}
exten => vm,1,Answer()
 same => n,VoiceMail(100@default,s)
 same => n,Hangup()
exten => stay,1,Answer()
 same => n,Wait(3)
"""
_PJSIP = """
[global]
type = global
contact_expiration_check_interval = 1

[lab-udp]
type = transport
protocol = udp
bind = 127.0.0.1:{port}

[alice]
type = endpoint
context = hints
allow = ulaw
aors = alice
auth = alice
[alice]
type = auth
username = alice
password = alice
[alice]
type = aor
max_contacts = 3
qualify_frequency = 1
qualify_timeout = 1
minimum_expiration = 1

[bob]
type = endpoint
context = hints
allow = ulaw
aors = bob,bob2
[bob]
type = aor
contact = sip:bob@127.0.0.1:9
qualify_frequency = 1
qualify_timeout = 1
[bob2]
type = aor
max_contacts = 2
minimum_expiration = 1
"""
_CAROL = "\n[carol]\ntype = endpoint\nallow = ulaw\ncontext = hints\n"
_SIP = """
[general]
udpbindaddr = 127.0.0.1:{port}
callcounter = yes
minexpiry = 1
[dave]
type = friend
host = dynamic
secret = dave
qualify = yes
qualifyfreq = 1
context = hints
disallow = all
allow = ulaw
[eve]
type = peer
host = 127.0.0.1
port = 9
context = hints
"""
_VOICEMAIL = "[general]\nformat = wav\n[default]\n100 => 1234,Lab,lab@example.com\n101 => 1234,Two\n"


class Lines(NamedTuple):
    """An Asterisk with phones' accounts, and where phones reach it."""

    asterisk: Asterisk
    pjsip: int
    sip: int


@pytest.fixture(scope="module", params=["22", "16"])
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    """Each version in turn."""
    suite = next(suite for suite, version in chroot.SUITES.items() if version == request.param)
    pjsip, sip = free_port(), free_port()
    files = {
        "pjsip.conf": _PJSIP.format(port=pjsip) + _CAROL,
        "sip.conf": _SIP.format(port=sip),
        "voicemail.conf": _VOICEMAIL,
    }
    try:
        asterisk = with_every_module(Asterisk(suite, extensions_extra=_HINTS), files)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield Lines(asterisk, pjsip, sip)
    finally:
        asterisk.remove()


@pytest.fixture
def followed(lines: Lines) -> Iterator[Follower]:
    """The kinds of lines, as events and lists tell them."""
    with Follower(lines.asterisk, [Devices, Extensions, Presence, Endpoints, Peers, Mailboxes]) as follower:
        yield follower


def values(followed: Follower, kind: str, *names: str) -> dict[str, tuple[str, ...]]:
    """The values of some fields of each item, by its key."""
    return {
        key.decode(): tuple(item.values.get(name.encode(), b"").decode() for name in names)
        for key, item in followed.items(kind).items()
    }


def test_what_the_lists_say_is_known_at_once(lines: Lines, followed: Follower) -> None:
    standings = {each.kind: each.standing for each in followed.state.standings}
    missing = {"mailboxes"} if lines.asterisk.version == "16" else set()
    assert {kind for kind, standing in standings.items() if standing == "unavailable"} == missing
    assert {"alice", "bob", "carol"} <= set(values(followed, "endpoints"))
    assert "201\0hints" in values(followed, "extensions")
    assert "PJSIP/alice" in values(followed, "devices")


def test_contacts_register_answer_fall_silent_and_go(lines: Lines, followed: Follower) -> None:
    def contacts() -> list[tuple[str, ...]]:
        told = values(followed, "endpoints", "ObjectType", "Endpoint", "Uri", "Status")
        return sorted(value[1:] for value in told.values() if value[0] == "contact")

    def state() -> str:
        return values(followed, "endpoints", "DeviceState")["alice"][0]

    with Phone(lines.pjsip) as one, Phone(lines.pjsip) as two:
        one.register("alice")
        followed.until(lambda: contacts() == [("alice", one.uri, "Reachable")])
        followed.until(lambda: state() == "Not in use")
        followed.settle()
        two.register("alice")
        two.register("bob", aor="bob2", expires=20)
        followed.until(lambda: ("bob", two.uri, "NonQualified") in contacts())
        followed.until(lambda: ("alice", two.uri, "Reachable") in contacts())
        followed.settle()
        one.is_answering = False
        followed.until(lambda: ("alice", one.uri, "Unreachable") in contacts())
        followed.settle()
        two.register("alice", expires=0)
        two.register("bob", aor="bob2", expires=1)
        followed.until(lambda: contacts() == [("alice", one.uri, "Unreachable")])
        followed.until(lambda: state() == "Unavailable")
        followed.settle()
        one.is_answering = True
        followed.until(lambda: contacts() == [("alice", one.uri, "Reachable")])
        one.register("alice", expires=0)
        followed.until(lambda: not contacts())
        followed.settle()


def test_devices_and_hints_follow_custom_states(lines: Lines, followed: Follower) -> None:
    for device, state in (("lamp", "INUSE"), ("lamp", "RINGING"), ("lamp2", "ONHOLD"), ("lamp", "BUSY")):
        lines.asterisk.cli(f"devstate change Custom:{device} {state}")
    followed.until(lambda: values(followed, "devices", "State").get("Custom:lamp") == ("BUSY",))
    followed.settle("devices", "extensions")
    followed.do("ExtensionState", Exten="301", Context="hints")
    followed.until(lambda: "301\0hints" in values(followed, "extensions"))
    lines.asterisk.cli("devstate change Custom:p301 INUSE")
    followed.until(lambda: values(followed, "extensions", "Status")["301\0hints"] == ("1",))
    followed.settle("devices", "extensions")


def test_calls_leave_no_devices_that_the_list_does_not_have(followed: Follower) -> None:
    followed.originate("Local/stay@hints", "stay", "hints")
    followed.until(lambda: any(b"Device: Local/stay@hints" in event for event in followed.events))
    followed.settle("devices")
    followed.until(lambda: sum(event.startswith(b"Event: Hangup\r\n") for event in followed.events) >= 2)
    followed.settle("devices")
    assert set(followed.items("devices")) == set(followed.listed("devices"))


def test_presence_is_written_as_the_list_writes_it(lines: Lines, followed: Follower) -> None:
    lines.asterisk.cli("presencestate change CustomPresence:alice away,out to lunch,back at 2")
    for name, value in (("utf", 'xa,zażółć,two\\nlines "q"'), ("b64", "dnd,YQ0KYg==,ew0KRXZlbnQ6IHg=,e")):
        followed.do("Setvar", Variable=f"PRESENCE_STATE(CustomPresence:{name})", Value=value)
    followed.until(lambda: "CustomPresence:b64" in values(followed, "presence"))
    followed.settle("presence")
    assert values(followed, "presence", "Status", "Subtype")["CustomPresence:b64"] == ("dnd", r"a\r\nb")


def test_a_reload_of_the_dialplan_takes_hints_away(lines: Lines, followed: Follower) -> None:
    path = lines.asterisk.directory / "etc/extensions.conf"
    before = path.read_text()
    after = before.replace("202,hint,Custom:gone", "203,hint,Custom:new")
    lines.asterisk.write("extensions.conf", after.replace("lamp&Custom:lamp2", "lamp"))
    try:
        lines.asterisk.cli("dialplan reload")
        followed.until(lambda: "202\0hints" not in values(followed, "extensions"))
        followed.settle("extensions")
        hints = values(followed, "extensions", "Hint")
        assert hints["201\0hints"] == ("Custom:lamp",)
        assert hints["203\0hints"] == ("Custom:new",)
    finally:
        lines.asterisk.write("extensions.conf", before)
        lines.asterisk.cli("module reload pbx_config.so")
    followed.until(lambda: "202\0hints" in values(followed, "extensions"))


def test_a_reload_of_res_pjsip_takes_endpoints_away(lines: Lines, followed: Follower) -> None:
    lines.asterisk.write("pjsip.conf", _PJSIP.format(port=lines.pjsip))
    try:
        lines.asterisk.cli("module reload res_pjsip.so")
        followed.until(lambda: "carol" not in values(followed, "endpoints"))
    finally:
        lines.asterisk.write("pjsip.conf", _PJSIP.format(port=lines.pjsip) + _CAROL)
        lines.asterisk.cli("module reload res_pjsip.so")
    followed.until(lambda: "carol" in values(followed, "endpoints"))
    followed.settle()


# Asterisk 21 and later have no chan_sip.
@pytest.mark.parametrize("lines", ["16"], indirect=True)
def test_peers_of_chan_sip_register_answer_fall_silent_and_go(lines: Lines, followed: Follower) -> None:
    def dave() -> tuple[str, ...]:
        address, port, status = values(followed, "peers", "IPaddress", "IPport", "Status")["SIP/dave"]
        return address, port, re.sub(" .*", "", status)

    with Phone(lines.sip) as phone:
        phone.register("dave", expires=20)
        followed.until(lambda: dave() == ("127.0.0.1", str(phone.port), "OK"))
        followed.settle()
        phone.is_answering = False
        followed.until(lambda: dave()[2] == "UNREACHABLE")
        followed.settle()
        phone.is_answering = True
        followed.until(lambda: dave()[2] == "OK")
        phone.register("dave", expires=0)
        followed.until(lambda: dave()[0] == "-none-")
        followed.settle()


# Debian's Asterisk 16 has app_voicemail in a package of its own.
@pytest.mark.parametrize("lines", ["22"], indirect=True)
def test_a_message_that_a_caller_leaves_waits_in_the_mailbox(followed: Follower) -> None:
    before = values(followed, "mailboxes", "New")["100@default"]
    followed.originate("Local/vm@hints/n", "stay", "hints")
    followed.until(lambda: values(followed, "mailboxes", "New")["100@default"] != before)
    followed.settle("mailboxes")
    assert values(followed, "mailboxes", "Waiting")["100@default"] == ("1",)


def test_an_audit_finds_nothing_while_everything_changes(lines: Lines, followed: Follower) -> None:
    followed.pump(2.5)  # no audit is one before the kinds have settled
    states = ("INUSE", "RINGING", "NOT_INUSE", "ONHOLD", "BUSY", "UNAVAILABLE")
    with Phone(lines.pjsip) as phone, Phone(lines.sip) as peer:
        for number in range(12):  # the last one unregisters: the next test begins without contacts
            if number == 6:
                followed.state.seed_all(audit=True)
            lines.asterisk.cli(f"devstate change Custom:lamp {states[number % 6]}")
            followed.do(
                "Setvar", Variable="PRESENCE_STATE(CustomPresence:alice)", Value=f"away,{number},busy"
            )
            phone.register("alice", expires=60 * (1 - number % 2))
            if lines.asterisk.version == "16":
                peer.register("dave", expires=60 * (1 - number % 2))
            followed.pump(0.1)
        followed.pump(9)
    assert followed.counts.seeds["devices"] >= 2
    assert dict(followed.counts.drift) == {}
