from pathlib import Path

import pytest

from amiproxy.config.reading.problems import ConfigErrors, Problem, spell
from amiproxy.config.users.userfiles import parse_users
from amiproxy.core.model.errors import Unfit


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (
            Problem("deploy/proxy.yaml", 12, "listeners[0].adress", "unknown key", "did you mean 'address'?"),
            "deploy/proxy.yaml:12: listeners[0].adress: unknown key; did you mean 'address'?",
        ),
        (Problem("proxy.yaml", 3, "", "not valid YAML"), "proxy.yaml:3: not valid YAML"),
        (Problem("proxy.yaml", 3, "", "a tab", "use blanks", 7), "proxy.yaml:3:7: a tab; use blanks"),
        (
            Problem("users.yaml", 0, "", "cannot be read", "create it"),
            "users.yaml: cannot be read; create it",
        ),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    assert str(problem) == line


def test_errors_print_each_problem_on_its_own_line() -> None:
    errors = ConfigErrors([Problem("a", 1, "x", "one"), Problem("a", 2, "y", "two")])
    assert str(errors) == "a:1: x: one\na:2: y: two"


def test_key_paths_are_printed_in_the_usual_notation() -> None:
    assert spell(("listeners", 0, "certificates", 1, "key")) == "listeners[0].certificates[1].key"
    assert spell(()) == ""


@pytest.mark.parametrize(
    "said", ["/etc/users.yaml: Permission denied", "/etc/users.yaml Permission denied", "Permission denied"]
)
def test_a_problem_of_a_whole_file_names_it_once(said: str) -> None:
    problem = Problem.of_file(Path("/etc/users.yaml"), Unfit(said, "make it readable"))
    assert str(problem) == "/etc/users.yaml: Permission denied; make it readable"


@pytest.mark.parametrize(
    "entry", ["{md5_secret:hunter2, read: all}", '{"md5_secret:hunter2": x}', "{setvar: {PIN:hunter2: 1}}"]
)
def test_a_value_without_a_blank_before_it_is_not_quoted(entry: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        parse_users(Path("users.yaml"), f"users:\n  boss: {entry}\n".encode())
    assert "hunter2" not in str(refused.value)
    assert "boss" in str(refused.value)
