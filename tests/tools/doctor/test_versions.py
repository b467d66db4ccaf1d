"""Which versions have which vulnerability: the branches of each advisory."""

import pytest

from amiproxy.tools.doctor.versions import faults_of, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("22.10.1+dfsg-1", (22, 10, 1)),
        ("16.28.0~dfsg-0+deb11u4", (16, 28, 0)),
        ("18.9-cert5", (18, 9, 0)),
        ("certified/20.7-cert2", (20, 7, 0)),
        ("GIT-master-1a2b3c", None),
        ("", None),
    ],
)
def test_versions_are_parsed(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ((23, 0, 0), []),
        ((22, 3, 0), []),
        ((22, 2, 0), ["CVE-2024-57520"]),
        ((22, 1, 0), ["CVE-2024-53566", "CVE-2024-57520"]),
        ((21, 4, 1), ["CVE-2024-42365", "CVE-2024-53566", "ModuleLoad", "CVE-2024-57520"]),
        ((20, 13, 0), []),
        ((20, 9, 2), ["CVE-2024-53566", "ModuleLoad", "CVE-2024-57520"]),
        # CreateConfig was never fixed in 18.
        ((18, 26, 4), ["CVE-2024-57520"]),
        # A branch that had ended before: all of them.
        (
            (19, 8, 1),
            ["CVE-2023-49294", "CVE-2024-42365", "CVE-2024-53566", "ModuleLoad", "CVE-2024-57520"],
        ),
    ],
)
def test_a_branch_has_the_vulnerabilities_that_were_not_fixed_in_it(
    version: tuple[int, int, int], names: list[str]
) -> None:
    assert [fault.name for fault in faults_of(version)] == names
