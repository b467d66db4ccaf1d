"""Tests skip themselves only where they may, and unproved promises are reported."""

import ast
from pathlib import Path

import pytest

from tests.conftest import unproved
from tests.support.requirements import NEEDS, give_up, is_required

_TESTS = Path(__file__).parent
#: Needs that cannot be installed on a machine: another C library, IPv6 in a kernel.
_MAY_SKIP = {
    "support/requirements.py",
    "test_requirements.py",
    "support/ipv6.py",
    "ami/test_eventfilter_ere.py",
}


def _skips(file: Path) -> bool:
    names = {"skip", "skipif", "importorskip", "xfail"}
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in names
        and ast.unparse(node.value) in {"pytest", "pytest.mark"}
        for node in ast.walk(ast.parse(file.read_text()))
    )


def test_tests_skip_themselves_only_through_their_need() -> None:
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
def test_a_need_is_required_by_its_variable_or_by_all(
    environment: dict[str, str], need: str, variable: str
) -> None:
    assert is_required(need, environment) == variable


def test_a_required_need_fails_and_any_other_skips(monkeypatch: pytest.MonkeyPatch) -> None:
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
