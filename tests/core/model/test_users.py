import hashlib

import pytest

from amiproxy.core.model.phc import check_hash, cost, dummy_hash
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import LONE_SERVER, User, UserTable, check_md5, check_plain
from amiproxy.x509.identity import CertificateLogin, Identity, LoginWay, parse_binding

SECRET = dummy_hash("$argon2id$v=19$m=64,t=1,p=1$$")


def table() -> UserTable:
    return UserTable([User("Wallboard", secret=SECRET), User("admin", md5_secret=b"x", disabled=True)])


@pytest.mark.parametrize(
    ("name", "found"),
    [(b"Wallboard", True), (b"wallboard", True), (b"WALLBOARD", True), (b"wallboard ", False), (b"", False),
     (b"admin", True), (b"wallb\xf6ard", False)],
)  # fmt: skip
def test_names_are_found_in_any_case(name: bytes, found: bool) -> None:
    assert (table().find(name) is not None) is found


def test_only_ascii_letters_match_in_any_case() -> None:
    users = UserTable([User("Änne"), User("änne")])
    assert len(users) == 2
    found = users.find("ÄNNE".encode())
    assert found is not None
    assert found.name == "Änne"


def test_the_table_lists_its_users() -> None:
    assert [user.name for user in table()] == ["Wallboard", "admin"]
    assert len(table()) == 2
    assert list(UserTable()) == []


@pytest.mark.parametrize(
    ("users", "offered"),
    [
        ([], False),
        ([User("a", secret=SECRET)], False),
        ([User("a", md5_secret=b"x")], True),
        ([User("a", md5_secret=b"x", disabled=True)], False),
        ([User("a", secret=SECRET), User("b", secret=SECRET, md5_secret=b"x")], True),
    ],
)
def test_challenge_is_offered_if_a_user_could_use_it(users: list[User], offered: bool) -> None:
    assert UserTable(users).any_md5 is offered


def test_servers_whose_past_is_kept_are_those_of_users_who_may_log_in() -> None:
    users = UserTable(
        [
            User("board", history=True, servers=("pbx1", "pbx2")),
            User("desk", servers=("pbx3",)),
            User("gone", history=True, disabled=True, servers=("pbx4",), upstream_lost="repair"),
        ]
    )
    assert users.with_history == {"pbx1", "pbx2"}
    assert users.with_repair("auto") == set()


def test_servers_that_are_repaired_are_those_of_users_with_that_setting_or_default() -> None:
    users = UserTable(
        [
            User("own", upstream_lost="repair", servers=("pbx1",)),
            User("other", upstream_lost="stay", servers=("pbx2",)),
            User("default", servers=("pbx3",)),
        ]
    )
    assert users.with_repair("auto") == {"pbx1"}
    assert users.with_repair("repair") == {"pbx1", "pbx3"}
    assert UserTable().with_repair("repair") == set()


def test_a_user_has_no_history_at_a_server_that_it_may_not_use() -> None:
    user = User("board", history=True, servers=("pbx1",))
    assert user.at("pbx1").history
    assert not user.at("pbx2").history


def test_every_failed_login_costs_the_same_hashes_in_the_same_order() -> None:
    scrypt = "$scrypt$ln=10,r=8,p=1"
    dear, off = "$argon2id$v=19$m=65536,t=3,p=1", "$argon2id$v=19$m=131072,t=3,p=1"
    users = UserTable(
        [
            *(User(f"dear{n}", secret=dummy_hash(f"{dear}$$")) for n in range(2)),
            User("scrypt", secret=dummy_hash(f"{scrypt}$$")),
            User("cheap", secret=SECRET),
            User("none", md5_secret=b"x"),
            User("off", secret=dummy_hash(f"{off}$$"), disabled=True),
        ]
    )
    costs = ["$argon2id$v=19$m=64,t=1,p=1", scrypt, dear]
    nobody = users.trial(None)
    assert [cost(stored) for stored in nobody] == costs
    for stored in nobody:
        check_hash(stored)
    for user in users:
        if user.disabled:
            continue  # judged as an unknown user
        trial = users.trial(user)
        assert [cost(stored) for stored in trial] == costs
        assert set(trial) - set(nobody) == ({user.secret} if user.secret else set())
    assert not {user.secret for user in users} & set(nobody)


def test_a_table_without_hashes_still_has_one_to_compute() -> None:
    (stored,) = UserTable([User("a", md5_secret=b"x")]).trial(None)
    assert cost(stored) == "$argon2id$v=19$m=19456,t=2,p=1"


def test_a_users_repr_does_not_show_its_secrets() -> None:
    shown = repr(User("a", secret=SECRET, md5_secret=b"hunter2", setvar=((b"PIN", b"1234"),)))
    assert "hunter2" not in shown
    assert SECRET not in shown
    assert "1234" not in shown


def test_users_are_immutable() -> None:
    with pytest.raises(AttributeError):
        User("a").disabled = True  # type: ignore[misc]


KEY = hashlib.md5(b"123456789s3cret").hexdigest().encode()


@pytest.mark.parametrize(
    ("secret", "challenge", "key", "fits"),
    [
        (b"s3cret", b"123456789", KEY, True),
        (b"s3cret", b"123456789", KEY.upper(), False),
        (b"s3cret", b"123456780", KEY, False),
        (b"s3creT", b"123456789", KEY, False),
        (b"s3cret", b"123456789", b"", False),
        (b"s3cret", b"123456789", KEY + b" ", False),
        (b"s3cret", b"123456789", b"\xff" * 32, False),
        (None, b"123456789", KEY, False),
        # The response that fits an empty secret does not log in a user that has none.
        (None, b"123456789", hashlib.md5(b"123456789").hexdigest().encode(), False),
    ],
)
def test_only_the_right_response_fits_a_challenge(
    secret: bytes | None, challenge: bytes, key: bytes, fits: bool
) -> None:
    assert check_md5(User("a", md5_secret=secret), challenge, key) is fits


@pytest.mark.parametrize(
    ("secret", "candidate", "fits"),
    [
        (b"s3cret", b"s3cret", True),
        (b"s3cret", b"S3cret", False),
        (b"s3cret", b"", False),
        (None, b"", False),
    ],
)
def test_only_the_right_plain_secret_fits(secret: bytes | None, candidate: bytes, fits: bool) -> None:
    assert check_plain(User("a", secret=SECRET, md5_secret=secret), candidate) is fits


def test_a_table_is_released_in_steps() -> None:
    table = UserTable(User(f"u{number}", secret="plain:x") for number in range(3))
    assert len(list(table.letting_go())) == 3
    assert len(table) == 0


def test_at_each_server_a_user_has_its_rights_there() -> None:
    there = User("u", read=1, servers=("pbx1", "pbx2"))
    user = User("u", read=3, write=3, rules=Rules(), servers=("pbx1", "pbx2"), narrowed={"pbx2": there})
    assert user.at("pbx1") is user
    assert user.at("pbx2") is there
    elsewhere = user.at("pbx3")
    assert (elsewhere.name, elsewhere.read, elsewhere.write, elsewhere.rules) == ("u", 0, 0, None)
    assert not elsewhere.narrowed


def test_without_names_a_user_has_its_rights_at_the_only_server() -> None:
    user = User("u", read=3)
    assert user.servers == (LONE_SERVER,)
    assert user.at(LONE_SERVER) is user


def test_a_scope_at_one_server_is_a_scope() -> None:
    scoped = User("u", rules=Rules(scope=Scope(contexts=("a",))))
    assert scoped.has_scope
    assert not User("u", rules=Rules()).has_scope
    narrowed = User("u", servers=("pbx1", "pbx2"), narrowed={"pbx2": scoped})
    assert narrowed.has_scope
    assert UserTable([User("v"), narrowed]).any_scope
    assert not UserTable([User("v")]).any_scope


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["dns:board.example"], "board"),
        (["dns:both.example"], None),
        (["dns:board.example", "dns:other.example"], None),
        (["dns:nobody.example"], None),
    ],
)
def test_a_certificate_that_is_enough_to_log_in_names_its_user(names: list[str], found: str | None) -> None:
    def user(name: str, way: LoginWay) -> User:
        return User(name, login=CertificateLogin((parse_binding(f"dns:{name}.example"),), way))

    users = UserTable([user("board", "certificate"), user("other", "certificate"), user("both", "both")])
    identity = Identity("CN=x", "ab", frozenset(map(parse_binding, names)))
    owner = users.of_certificate(identity)
    assert (owner.name if owner is not None else None) == found
