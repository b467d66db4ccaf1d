from pathlib import Path

import pytest

from proxy.config import ConfigErrors, load, load_config, load_users, parse_users


def test_both_files_are_read(folder: Path) -> None:
    config, users = load(folder / "proxy.yaml")
    assert config == load_config(folder / "proxy.yaml")
    assert users == load_users(folder / "users.yaml")
    assert list(users.users) == ["wallboard"]


def test_problems_of_both_files_come_together(folder: Path) -> None:
    config = folder / "proxy.yaml"
    config.write_text(config.read_text() + "tls: {polcy: modern}\nlog: {level: loud}\n")
    users = folder / "users.yaml"
    users.write_text("users:\n  a: {secret: hunter2}\n  b: {}\n")
    with pytest.raises(ConfigErrors) as errors:
        load(config)
    places = [(Path(problem.file).name, problem.line, problem.key_path) for problem in errors.value.problems]
    assert places == [
        ("proxy.yaml", 6, "tls.polcy"),
        ("proxy.yaml", 7, "log.level"),
        ("users.yaml", 2, "users.a.secret"),
        ("users.yaml", 3, "users.b"),
    ]
    assert "hunter2" not in str(errors.value)


def test_a_users_file_that_is_missing_is_told_once(folder: Path) -> None:
    (folder / "users.yaml").unlink()
    with pytest.raises(ConfigErrors) as errors:
        load(folder / "proxy.yaml")
    assert [problem.key_path for problem in errors.value.problems] == ["users_file"]


def test_certificate_files_may_be_left_to_who_serves_them(folder: Path) -> None:
    (folder / "server.key").unlink()
    with pytest.raises(ConfigErrors, match=r"certificates\[0\]\.key: .*server\.key: No such file"):
        load(folder / "proxy.yaml")
    config, _ = load(folder / "proxy.yaml", certificate_files=False)
    assert config.listeners[0].certificates[0].key == folder / "server.key"
    (folder / "users.yaml").unlink()
    with pytest.raises(ConfigErrors, match="users_file"):
        load(folder / "proxy.yaml", certificate_files=False)


def test_a_configuration_that_is_missing_is_told(folder: Path) -> None:
    for read in (load, load_config, load_users):
        with pytest.raises(ConfigErrors, match="No such file or directory; create it"):
            read(folder / "gone.yaml")


def test_a_users_file_open_to_all_is_refused(folder: Path) -> None:
    (folder / "users.yaml").chmod(0o644)
    with pytest.raises(ConfigErrors, match="yaml has mode 0644: readable by everybody; chmod 0640"):
        load(folder / "proxy.yaml")


def test_problems_are_in_the_order_of_lines(folder: Path) -> None:
    text = b"users:\n  A: {secret: x}\n  a: {secret: y}\n  b: {secret: z}\n"
    with pytest.raises(ConfigErrors) as errors:
        parse_users(folder / "users.yaml", text)
    assert [problem.line for problem in errors.value.problems] == [2, 3, 3, 4]


@pytest.mark.parametrize("text", [b"", b"users: 5", b"- a", b"users:\n  a: 5", b"users: [", b"usrs: {}"])
def test_nonsense_is_refused_not_raised(folder: Path, text: bytes) -> None:
    with pytest.raises(ConfigErrors):
        parse_users(folder / "users.yaml", text)
