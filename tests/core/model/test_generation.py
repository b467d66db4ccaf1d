"""The digest of a user's rights: what changes it, and what does not."""

import subprocess
import sys
from dataclasses import fields, replace

import pytest

from amiproxy.ami.eventfilter.filters import FilterSet, compile_legacy
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.generation import GENERATION_BYTES, generation_of
from amiproxy.core.model.limits import UserLimits
from amiproxy.core.model.phc import dummy_hash
from amiproxy.core.model.rules import ActionNames, Require, Rule, Rules, Scope
from amiproxy.core.model.users import User
from amiproxy.x509.identity import CertificateLogin, parse_binding

SET = Rule(action="Originate", header="Context", set="a")
REQUIRE = Rule(action="Originate", header="Context", require=Require(one_of=("b", "a")))
BOARD = User(
    "board",
    read=6,
    write=2,
    acl=AccessList.from_lines(["deny 0.0.0.0/0", "permit 10.0.0.0/8"]),
    filters=FilterSet((compile_legacy(b"Newchannel"), compile_legacy(b"!RTCP"))),
    setvar=((b"A", b"1"), (b"B", b"\xff")),
    rules=Rules(
        actions=ActionNames(allow=("Status", "Ping"), deny=("Getvar",)),
        rules=(SET, REQUIRE),
        contexts=("in", "out"),
        hosts=(),
        scope=Scope(channels=("PJSIP/1", "PJSIP/2"), more_events=True),
    ),
    doors=frozenset({"ami", "ws"}),
    limits=UserLimits(action_rate=5.0),
)
assert BOARD.rules is not None
RULES = BOARD.rules

#: For each field that is part of the rights: a user with another value of it.
OTHERS = {
    "name": [replace(BOARD, name="Board")],
    "read": [replace(BOARD, read=2)],
    "write": [replace(BOARD, write=6)],
    "acl": [replace(BOARD, acl=AccessList.from_lines(["permit 10.0.0.0/8", "deny 0.0.0.0/0"]))],
    "filters": [replace(BOARD, filters=FilterSet((compile_legacy(b"Newchannel"),)))],
    "setvar": [replace(BOARD, setvar=BOARD.setvar[::-1]), replace(BOARD, setvar=())],
    "allowmultiplelogin": [replace(BOARD, allowmultiplelogin=False)],
    "disabled": [replace(BOARD, disabled=True)],
    "history": [replace(BOARD, doors=frozenset({"ami"}), history=False)],
    "doors": [replace(BOARD, doors=frozenset({"ami", "api", "ws"}))],
    "limits": [replace(BOARD, limits=UserLimits(action_rate=6)), replace(BOARD, limits=UserLimits())],
    "rules": [
        replace(BOARD, rules=None),
        *(
            replace(BOARD, rules=rules)
            for rules in (
                Rules(),
                Rules(contexts=()),
                Rules(contexts=("in",)),
                Rules(contexts=("in", "out")),
                Rules(channels=("in", "out")),
                Rules(rules=(SET, REQUIRE)),
                Rules(rules=(REQUIRE, SET)),
                Rules(scope=Scope(channels=("PJSIP/1",))),
                Rules(scope=Scope(channels=("PJSIP/1",), more_events=True)),
            )
        ),
    ],
}
#: For each other field: a user with another value of it, whose rights are the same.
SAME = {
    "secret": replace(BOARD, secret=dummy_hash()),
    "md5_secret": replace(BOARD, md5_secret=b"x"),
    "login": replace(BOARD, login=CertificateLogin((parse_binding("cn:board"),), "certificate")),
    "slow_consumer": replace(BOARD, slow_consumer="close"),
    "upstream_lost": replace(BOARD, upstream_lost="stay"),
    "servers": replace(BOARD, servers=("berlin", "paris")),
    "default_server": replace(BOARD, default_server="berlin"),
    "narrowed": replace(BOARD, narrowed={"berlin": User("board")}),
}


def test_each_field_of_a_user_is_part_of_the_rights_or_is_not() -> None:
    assert {field.name for field in fields(User)} == {*OTHERS, *SAME, "generation"}


@pytest.mark.parametrize("other", [other for others in OTHERS.values() for other in others])
def test_other_rights_have_another_generation(other: User) -> None:
    assert generation_of(other) != generation_of(BOARD)


def test_all_of_these_rights_have_generations_of_their_own() -> None:
    found = [generation_of(other) for others in OTHERS.values() for other in others]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", SAME)
def test_what_is_no_right_does_not_change_it(name: str) -> None:
    assert generation_of(SAME[name]) == generation_of(BOARD)


def test_the_order_of_what_has_no_order_does_not_change_it() -> None:
    other = replace(
        BOARD,
        filters=FilterSet((compile_legacy(b"!RTCP"), compile_legacy(b"Newchannel"))),
        doors=frozenset({"ws", "ami"}),
        rules=Rules(
            actions=ActionNames(allow=("Ping", "Status"), deny=("Getvar",)),
            rules=(SET, Rule(action="Originate", header="Context", require=Require(one_of=("a", "b")))),
            contexts=("out", "in"),
            hosts=(),
            scope=Scope(channels=("PJSIP/2", "PJSIP/1"), more_events=True),
        ),
        limits=UserLimits(action_rate=5),
    )
    assert generation_of(other) == generation_of(BOARD)


def test_it_is_that_of_the_rights_at_one_server() -> None:
    less = replace(BOARD, read=2)
    user = replace(BOARD, servers=("berlin", "paris"), narrowed={"paris": less})
    assert generation_of(user.at("paris")) == generation_of(less)
    assert generation_of(user.at("berlin")) == generation_of(BOARD)


def test_it_is_made_once_and_not_inherited() -> None:
    user = replace(BOARD)
    assert generation_of(user) is generation_of(user)
    assert replace(user, read=0).generation == b""
    assert user == BOARD
    assert len(generation_of(user)) == GENERATION_BYTES


def test_a_name_that_is_not_valid_unicode_has_one_too() -> None:
    assert generation_of(User("\udcff")) != generation_of(User("\udcfe"))


def test_another_process_finds_the_same() -> None:
    ask = (
        "from amiproxy.core.model.generation import generation_of\n"
        "from amiproxy.core.model.rules import *\n"
        "from amiproxy.core.model.users import User\n"
        "doors = frozenset({'ami', 'ajam', 'api', 'page', 'ws'})\n"
        "user = User('a', 3, doors=doors, rules=Rules(hosts=('b', 'a')))\n"
        "print(generation_of(user).hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", ask], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, check=True, text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    #: Computed once: the generations of released versions must stay the same.
    assert found == {"c679050faa8bd903ca610371785013ac\n"}
