"""No test skips itself but where it may, and what was not proved for it is told."""

import ast
from pathlib import Path

import pytest

from tests.conftest import unproved
from tests.support.requirements import NEEDS, give_up, is_required

_TESTS = Path(__file__).parent
#: What these lack nobody can give a machine: another C library, IPv6 in a kernel.
_MAY_SKIP = {
    "support/requirements.py",
    "test_requirements.py",
    "support/ipv6.py",
    "ami/test_eventfilter_ere.py",
}


def _skips(file: Path) -> bool:
    names = {"skip", "skipif", "importorskip", "xfail"}
    return any(
        isinstance(node, ast.Attribute) and node.attr in names
        for node in ast.walk(ast.parse(file.read_text()))
    )


def test_tests_skip_themselves_by_their_need_alone() -> None:
    found = {str(file.relative_to(_TESTS)) for file in _TESTS.rglob("*.py") if _skips(file)}
    assert found == _MAY_SKIP


@pytest.mark.parametrize(
    ("environment", "need", "variable"),
    [
        ({}, "ROOT", ""),
        ({"REQUIRE_ROOT": "1"}, "ROOT", "REQUIRE_ROOT"),
        ({"REQUIRE_ROOT": "1"}, "TOOLS", ""),
        ({"REQUIRE_ALL": "1"}, "TOOLS", "REQUIRE_ALL"),
        ({"REQUIRE_ALL": "1", "REQUIRE_SYSTEMD": "0"}, "SYSTEMD", ""),
        ({"REQUIRE_ALL": "0"}, "SYSTEMD", ""),
        ({"REQUIRE_ALL": "1"}, "LANDLOCK", ""),
        ({"REQUIRE_LANDLOCK": "1"}, "LANDLOCK", "REQUIRE_LANDLOCK"),
    ],
)
def test_what_a_machine_must_have(environment: dict[str, str], need: str, variable: str) -> None:
    assert is_required(need, environment) == variable


def test_a_need_that_is_required_fails_and_else_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUIRE_ALL", *(f"REQUIRE_{need}" for need in NEEDS)):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(pytest.skip.Exception, match="TOOLS: no hammer"):
        give_up("TOOLS", "no hammer")
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_ALL=1, but no hammer"):
        give_up("TOOLS", "no hammer")


def test_a_promise_whose_proof_was_skipped_is_named() -> None:
    proof = "tests/net/host/test_confinement.py::test_rights_that_are_no_longer_needed_are_given_up"
    other = "tests/certs/test_hooks.py::test_scripts_are_executable_and_pass_shellcheck"
    [line] = unproved([f"{proof}[any]", other])
    assert line.startswith("SECURITY.md, 22: Once it serves, the process starts no program")
    assert line.endswith(proof)
