from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors, load, load_config, load_users, parse_users, users_files
from amiproxy.config.reading.document import MAX_BYTES


def test_both_files_are_read(folder: Path) -> None:
    config, users, _ = load(folder / "proxy.yaml")
    assert config == load_config(folder / "proxy.yaml")
    assert users == load_users(folder / "users.yaml")
    assert list(users.users) == ["wallboard"]


def test_problems_of_both_files_are_reported_together(folder: Path) -> None:
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


def test_a_missing_users_file_is_reported_once(folder: Path) -> None:
    (folder / "users.yaml").unlink()
    with pytest.raises(ConfigErrors) as errors:
        load(folder / "proxy.yaml")
    assert [problem.key_path for problem in errors.value.problems] == ["users_file"]


def test_checking_certificate_files_may_be_left_to_the_certificate_store(folder: Path) -> None:
    (folder / "server.key").unlink()
    with pytest.raises(ConfigErrors, match=r"certificates\[0\]\.key: .*server\.key: No such file"):
        load(folder / "proxy.yaml")
    config, _, _ = load(folder / "proxy.yaml", certificate_files=False)
    assert config.listeners[0].certificates[0].key == folder / "server.key"
    (folder / "users.yaml").unlink()
    with pytest.raises(ConfigErrors, match="users_file"):
        load(folder / "proxy.yaml", certificate_files=False)


def test_a_missing_configuration_is_reported(folder: Path) -> None:
    for read in (load, load_config, load_users):
        with pytest.raises(ConfigErrors, match="No such file or directory; create it"):
            read(folder / "gone.yaml")


def test_a_users_file_readable_by_all_is_refused(folder: Path) -> None:
    (folder / "users.yaml").chmod(0o644)
    with pytest.raises(ConfigErrors, match="yaml: has mode 0644: readable by all users; chmod 0640"):
        load(folder / "proxy.yaml")


def test_problems_are_in_the_order_of_lines(folder: Path) -> None:
    text = b"users:\n  A: {secret: x}\n  a: {secret: y}\n  b: {secret: z}\n"
    with pytest.raises(ConfigErrors) as errors:
        parse_users(folder / "users.yaml", text)
    assert [problem.line for problem in errors.value.problems] == [2, 3, 3, 4]


@pytest.mark.parametrize("text", [b"", b"users: 5", b"- a", b"users:\n  a: 5", b"users: [", b"usrs: {}"])
def test_nonsense_is_refused_without_an_exception(folder: Path, text: bytes) -> None:
    with pytest.raises(ConfigErrors):
        parse_users(folder / "users.yaml", text)


def split_up(folder: Path, **files: str) -> Path:
    """The configuration with its users in these files in users.d."""
    config = folder / "proxy.yaml"
    config.write_text(config.read_text().replace("users_file: users.yaml", "users_files: [users.d/*.yaml]"))
    (folder / "users.d").mkdir(mode=0o700)
    for name, text in files.items():
        file = folder / "users.d" / f"{name}.yaml"
        file.write_text(text)
        file.chmod(0o640)
    return config


def entry(name: str, cheap_hash: str, more: str = "") -> str:
    return f'users:\n  {name}:\n    secret: "{cheap_hash}"\n{more}'


def problems_of(config: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        load(config)
    return [str(problem).replace(f"{config.parent}/", "") for problem in errors.value.problems]


def test_several_users_files_are_one_table_in_the_order_of_their_names(folder: Path, cheap_hash: str) -> None:
    config = split_up(
        folder, b=entry("second", cheap_hash), a=entry("first", cheap_hash), c=entry("third", cheap_hash)
    )
    (folder / "users.d" / ".a.yaml.swp.yaml").write_text("half writ")
    (folder / "users.d" / "README").write_text("not users")
    loaded, users, _ = load(config)
    assert list(users.users) == ["first", "second", "third"]
    files = [folder / "users.d" / f"{name}.yaml" for name in "abc"]
    assert users_files(loaded) == files
    assert load_users(*files) == users


def test_a_file_that_two_patterns_match_is_read_once(folder: Path, cheap_hash: str) -> None:
    config = split_up(folder, a=entry("first", cheap_hash))
    config.write_text(config.read_text().replace("users.d/*.yaml", "users.d/a.yaml, users.d/*.yaml"))
    assert list(load(config)[1].users) == ["first"]


def test_a_user_in_two_files_is_an_error_that_names_both_places(folder: Path, cheap_hash: str) -> None:
    config = split_up(folder, a=entry("wall", cheap_hash), b="\n" + entry("Wall", cheap_hash))
    assert problems_of(config) == [
        "users.d/b.yaml:3: users.Wall: the same name as 'wall' in users.d/a.yaml:2 (case is ignored); "
        "rename or remove one of them"
    ]


def test_a_certificate_bound_in_two_files_is_an_error_that_names_both_places(
    folder: Path, cheap_hash: str
) -> None:
    bound = '    certificate: ["cn:Board"]\n'
    config = split_up(folder, a=entry("one", cheap_hash, bound), b=entry("two", cheap_hash, bound))
    assert problems_of(config) == [
        "users.d/b.yaml:4: users.two.certificate[0]: cn:Board is bound to user one already, "
        "in users.d/a.yaml:2; keep one of them"
    ]


def test_the_limits_of_a_users_file_apply_to_each_of_several(folder: Path, cheap_hash: str) -> None:
    config = split_up(folder, a=entry("one", cheap_hash), b="#" * MAX_BYTES + "\n", c="users: {}\n")
    (folder / "users.d" / "c.yaml").chmod(0o644)
    assert problems_of(config) == [
        f"users.d/b.yaml: the file is larger than {MAX_BYTES} bytes; remove what does not belong in it",
        "users.d/c.yaml: has mode 0644: readable by all users; chmod 0640 users.d/c.yaml",
    ]


def test_a_pattern_without_matching_files_is_an_error(folder: Path) -> None:
    config = split_up(folder)
    assert problems_of(config) == [
        "proxy.yaml:5: users_files[0]: no file matches users.d/*.yaml; create one, or correct the pattern"
    ]
    (folder / "users.d").rmdir()
    assert problems_of(config) == [
        "proxy.yaml:5: users_files[0]: users.d: No such file or directory; "
        "create it and make it readable for the proxy"
    ]


def test_users_file_and_users_files_together_are_an_error(folder: Path, cheap_hash: str) -> None:
    config = split_up(folder, a=entry("one", cheap_hash))
    config.write_text(config.read_text() + "users_file: users.yaml\n")
    assert problems_of(config)[0] == (
        "proxy.yaml:5: users_files: users_file is set already; keep one of the two"
    )


def test_a_configuration_without_users_files_is_an_error(folder: Path) -> None:
    config = folder / "proxy.yaml"
    config.write_text(config.read_text().replace("users_file: users.yaml\n", ""))
    assert problems_of(config) == [
        "proxy.yaml:1: the key 'users_file' is missing; add it, or users_files with patterns"
    ]


def test_users_files_that_have_disappeared_are_reported(folder: Path, cheap_hash: str) -> None:
    config, _, _ = load(split_up(folder, a=entry("one", cheap_hash)))
    (folder / "users.d" / "a.yaml").unlink()
    with pytest.raises(ConfigErrors, match=r"users_files: no file matches .*users\.d/\*\.yaml"):
        users_files(config)
