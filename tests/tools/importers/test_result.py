"""The report: identical notes, and only those, are merged into one line."""

from pathlib import Path

import pytest
import yaml

from amiproxy.tools.importers import Imported, Note, ReportLine, findings

PACKAGED = Path(__file__).parents[3] / "deploy/debian/proxy.yaml"


def lines(*notes: Note) -> list[str]:
    return [str(finding) for finding in findings(notes)]


def test_identical_notes_about_several_users_are_one_line() -> None:
    assert lines(
        Note("changed", "f:1", "a", "it is so", "fix it"),
        Note("lost", "f:2", "a", "it is gone"),
        Note("changed", "f:3", "b", "it is so", "fix it"),
    ) == ["f:1 and 1 more: changed: 2 users (a, b): it is so; fix it", "f:2: lost: user a: it is gone"]


@pytest.mark.parametrize(
    "other",
    [
        Note("lost", "f:2", "b", "it is so", "fix it"),
        Note("changed", "f:2", "b", "it is not so", "fix it"),
        Note("changed", "f:2", "b", "it is so", "leave it"),
        Note("changed", "f:2", "", "it is so", "fix it"),
    ],
)
def test_notes_that_differ_in_anything_are_not_merged(other: Note) -> None:
    assert len(lines(Note("changed", "f:1", "a", "it is so", "fix it"), other)) == 2


def test_one_user_with_several_lines_is_named_once() -> None:
    assert lines(Note("fyi", "f:1", "a", "so"), Note("fyi", "f:2", "a", "so")) == [
        "f:1 and 1 more: fyi: user a: so"
    ]


def test_notes_about_the_service_are_counted_by_place() -> None:
    assert lines(Note("lost", "f:1", "", "no effect"), Note("lost", "g:1", "", "no effect")) == [
        "f:1 and 1 more: lost: no effect"
    ]


def test_a_long_list_of_users_ends_with_their_number() -> None:
    notes = [Note("fyi", "f", f"u{number}", "so") for number in range(12)]
    assert lines(*notes) == ["f: fyi: 12 users (u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and 2 more): so"]


def test_a_finding_has_the_level_of_its_notes() -> None:
    assert ReportLine((Note("lost", "f", "", "so"),)).level == "lost"


def test_the_proposal_has_the_control_socket_of_the_packages_file() -> None:
    proposed = yaml.safe_load(Imported("manager.conf", proxy={"upstream": {"username": "link"}}).proxy_yaml())
    assert proposed == {
        "upstream": {"username": "link"},
        "control": yaml.safe_load(PACKAGED.read_text())["control"],
    }
