import getpass
import io
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amiproxy.ami.privilege import CALL, ORIGINATE
from amiproxy.cli import main
from amiproxy.config import load_users
from amiproxy.config.reading.document import MAX_BYTES
from amiproxy.core.model.phc import cost, hash_secret, verify

Piped = Callable[[bytes], None]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Piped:
    def pipe(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return pipe


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    def type_in(*answers: str) -> list[str]:
        asked: list[str] = []
        left = list(answers)
        monkeypatch.setattr(sys, "stdin", Terminal())

        def ask(prompt: str) -> str:
            asked.append(prompt)
            return left.pop(0)

        monkeypatch.setattr(getpass, "getpass", ask)
        return asked

    return type_in


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "users.yaml"


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"s3cret", b"s3cret"),
        (b"s3cret\n", b"s3cret"),
        (b"s3cret\r\n", b"s3cret"),
        (b" s\xc3\xbc \n", b" s\xc3\xbc "),
    ],
)
def test_hash_reads_the_secret_from_a_pipe(
    piped: Piped, capsys: pytest.CaptureFixture[str], content: bytes, secret: bytes
) -> None:
    piped(content)
    assert main(["users", "hash"]) == 0
    out, err = capsys.readouterr()
    assert verify(out.removesuffix("\n"), secret)
    assert cost(out) == "$argon2id$v=19$m=19456,t=2,p=1"
    assert err == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"hunter2\nx\n", "line break"), (b"hunter2\n\n", "line break"),
     (b"hunter2\0", "control character"), (b"x" * 901, "longer than 900 bytes")],
)  # fmt: skip
def test_hash_refuses_a_secret_that_no_client_can_send(
    piped: Piped, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    piped(content)
    assert main(["users", "hash"]) == 1
    out, err = capsys.readouterr()
    assert says in err
    assert "hunter2" not in out + err


def test_hash_prompts_twice(typed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    asked = typed("s3cret", "s3cret")
    assert main(["users", "hash"]) == 0
    assert asked == ["Secret: ", "Again: "]
    assert verify(capsys.readouterr().out.strip(), b"s3cret")


def test_hash_refuses_two_different_secrets(
    typed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("hunter2", "hunter3")
    assert main(["users", "hash"]) == 1
    err = capsys.readouterr().err
    assert err.endswith("; try again\n")


def test_hash_takes_no_secret_from_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["users", "hash", "s3cret"])
    assert "unrecognized arguments" in capsys.readouterr().err


def test_generate_makes_a_new_secret_each_time_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    made = set()
    for _ in range(2):
        assert main(["users", "generate"]) == 0
        secret, stored = (line.split()[1] for line in capsys.readouterr().out.splitlines())
        assert len(secret) == 48
        assert verify(stored, secret.encode())
        made.add(secret)
    assert len(made) == 2


def test_add_makes_the_file_and_adds_to_it(
    users_file: Path, piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    piped(b"s3cret\n")
    assert main(["users", "add", "wallboard", "--read", "call", "--users", str(users_file)]) == 0
    assert capsys.readouterr().out.startswith(f"{users_file}: added wallboard\n")
    assert stat.S_IMODE(users_file.stat().st_mode) == 0o600
    piped(b"an0ther\n")
    words = ["--write", "call,originate", "--acl", "deny 0.0.0.0/0", "--acl", "permit 10.0.0.0/8"]
    assert main(["users", "add", "dialer", *words, "--users", str(users_file)]) == 0
    users = load_users(users_file).users
    assert [(name, entry.read_mask, entry.write_mask) for name, entry in users.items()] == [
        ("wallboard", CALL, 0),
        ("dialer", 0, CALL | ORIGINATE),
    ]
    assert users["dialer"].acl == ("deny 0.0.0.0/0", "permit 10.0.0.0/8")
    assert verify(users["wallboard"].secret or "", b"s3cret")
    assert verify(users["dialer"].secret or "", b"an0ther")


def test_add_says_the_doors_of_a_user_that_may_not_use_ami_alone(
    users_file: Path, piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    added = {}
    for name, doors in {"board": ["--doors", "ws,api"], "dialer": []}.items():
        piped(b"a secret of a user\n")
        assert main(["users", "add", name, *doors, "--users", str(users_file)]) == 0
        rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
        added[name] = dict(rows)
    assert "(ws)" in added["board"]["doors"]
    assert "(api)" in added["board"]["doors"]
    assert "doors" not in added["dialer"]


def test_add_keeps_comments_and_mode(users_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users_file.write_text("# ours\nusers:\n  # nobody yet\n")
    users_file.chmod(0o640)
    assert main(["users", "add", "x", "--generate", "--users", str(users_file)]) == 0
    secret = capsys.readouterr().out.splitlines()[0].removeprefix("secret: ")
    assert users_file.read_text().startswith("# ours\nusers:\n  # nobody yet\n")
    assert stat.S_IMODE(users_file.stat().st_mode) == 0o640
    assert verify(load_users(users_file).users["x"].secret or "", secret.encode())


def test_add_finds_the_file_through_the_configuration(users_file: Path) -> None:
    for name in ("upstream.secret", "server.crt", "server.key"):
        (users_file.parent / name).write_text("x\n")
        (users_file.parent / name).chmod(0o600)
    users_file.write_text("users: {}\n")
    users_file.chmod(0o600)
    config = users_file.parent / "proxy.yaml"
    config.write_text(
        "upstream: {username: a, secret_file: upstream.secret}\nusers_file: users.yaml\n"
        'listeners: [{address: "[::]:5039", certificates: [{chain: server.crt, key: server.key}]}]\n'
    )
    assert main(["users", "add", "x", "--generate", "--config", str(config)]) == 0
    assert list(load_users(users_file).users) == ["x"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["old"], "a user old"),
        (["OLD"], "a user OLD"),
        (["new", "--read", "cal"], "users.new.read: 'cal' is not a privilege class; use"),
        (["new", "--acl", "allow all"], "users.new.acl[0]: expected permit or deny"),
        (["a\nb"], "control characters"),
    ],
)
def test_add_refuses_before_it_prompts_and_leaves_the_file_unchanged(
    users_file: Path,
    typed: Callable[..., list[str]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    main(["users", "add", "old", "--generate", "--users", str(users_file)])
    before = users_file.read_bytes()
    asked = typed()
    capsys.readouterr()
    assert main(["users", "add", *words, "--users", str(users_file)]) == 1
    assert says in capsys.readouterr().err
    assert users_file.read_bytes() == before
    assert asked == []


def test_add_refuses_a_file_with_errors_or_an_open_mode(
    users_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users_file.write_text("users:\n  old: {secret: hunter2}\n")
    users_file.chmod(0o644)
    assert main(["users", "add", "x", "--generate", "--users", str(users_file)]) == 1
    assert "mode 0644" in capsys.readouterr().err
    users_file.chmod(0o600)
    assert main(["users", "add", "x", "--generate", "--users", str(users_file)]) == 1
    out, err = capsys.readouterr()
    assert f"{users_file}:2: users.old.secret: plain text" in err
    assert "hunter2" not in out + err


def test_add_shows_no_secret_if_it_could_not_write(
    users_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = users_file.parent / "gone" / "users.yaml"
    assert main(["users", "add", "x", "--generate", "--users", str(gone)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert str(gone) in err


def test_add_leaves_no_other_file_behind(users_file: Path) -> None:
    main(["users", "add", "x", "--generate", "--users", str(users_file)])
    assert list(users_file.parent.iterdir()) == [users_file]


@pytest.mark.parametrize(
    "words", [["users"], ["users", "hash"], ["users", "generate"], ["users", "add"], ["users", "show"]]
)
def test_help_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*words, "--help"])
    assert "  ami-proxy users " in capsys.readouterr().out


def in_two_files(tmp_path: Path) -> Path:
    """The proxy.yaml of a configuration whose users, first and second, are in separate files."""
    tmp_path.chmod(0o700)
    (tmp_path / "users.d").mkdir(mode=0o700)
    hashed = hash_secret(b"x", memory_kib=64, passes=1)
    for name, text in {
        "proxy.yaml": "upstream: {username: a, secret_file: s}\nlisteners: [{address: '127.0.0.1:0', "
        "certificates: [{chain: s, key: s}]}]\nusers_files: [users.d/*.yaml]\n",
        "s": "secret\n",
        "users.d/10.yaml": f"users:\n  first: {{secret: {hashed!r}}}\n".replace("'", '"'),
        "users.d/20.yaml": f"users:\n  second: {{secret: {hashed!r}}}\n".replace("'", '"'),
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path / "proxy.yaml"


def test_a_new_user_is_added_to_the_first_of_several_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = in_two_files(tmp_path)
    assert main(["users", "add", "third", "--generate", "--config", str(config)]) == 0
    assert f"{tmp_path}/users.d/10.yaml: added third" in capsys.readouterr().out
    assert list(load_users(tmp_path / "users.d" / "10.yaml").users) == ["first", "third"]


def test_a_user_of_another_file_is_not_added_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = in_two_files(tmp_path)
    assert main(["users", "add", "Second", "--generate", "--config", str(config)]) == 1
    assert f"{tmp_path}/users.d/20.yaml already has a user Second" in capsys.readouterr().err


def test_a_user_is_shown_from_any_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = in_two_files(tmp_path)
    assert main(["users", "show", "second", "--config", str(config)]) == 0
    assert "second" in capsys.readouterr().out
    assert main(["check", "--config", str(config)]) == 1  # its certificate files hold no certificates
    (tmp_path / "users.d" / "20.yaml").unlink()
    assert main(["users", "show", "second", "--config", str(config)]) == 1


def test_a_file_does_not_grow_beyond_the_readable_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = in_two_files(tmp_path)
    file = tmp_path / "users.d" / "10.yaml"
    file.write_text(file.read_text() + "#" * (MAX_BYTES - file.stat().st_size - 10) + "\n")
    assert main(["users", "add", "third", "--generate", "--config", str(config)]) == 1
    assert "would be larger than" in capsys.readouterr().err
