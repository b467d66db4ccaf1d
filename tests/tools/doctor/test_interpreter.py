"""The doctor's findings about the interpreter, by its version."""

import sys

import pytest

from amiproxy.tools.doctor import interpreter


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ((3, 11, 2), {"103590", "95495", "102780", "CVE-2023-40217"}),
        ((3, 11, 3), {"103590", "CVE-2023-40217"}),
        ((3, 11, 4), {"CVE-2023-40217"}),
        ((3, 11, 5), set()),
        ((3, 12, 0), set()),
        ((3, 13, 0), set()),
    ],
)
def test_known_faults_of_a_version_are_listed(version: interpreter.Version, names: set[str]) -> None:
    first, *faults = interpreter.of_release("CPython", version, "final")
    assert first.text.startswith(f"CPython {'.'.join(map(str, version))}: ")
    assert {name for name in ("103590", "95495", "102780", "CVE-2023-40217") if name in str(faults)} == names
    assert len(faults) == len(names)
    # None of them needs another Python: Debian 12's own is fine.
    assert {finding.level for finding in (first, *faults)} == {"ok"}


@pytest.mark.parametrize(
    ("implementation", "level", "text"),
    [("PyPy", "final", "only tested on CPython"), ("CPython", "candidate", "pre-release (candidate)")],
)
def test_an_untested_interpreter_is_warned_about(implementation: str, level: str, text: str) -> None:
    [finding] = interpreter.of_release(implementation, (3, 13, 0), level)
    assert finding.level == "warn"
    assert text in finding.text
    assert finding.remedy


def test_an_unknown_layout_of_python_objects_is_warned_about() -> None:
    assert interpreter.of_auto_retry("").level == "ok"
    finding = interpreter.of_auto_retry("other socket objects")
    assert (finding.level, finding.remedy) == ("warn", "use CPython 3.11 to 3.13")
    assert "other socket objects" in finding.text


def test_the_running_interpreter_is_examined() -> None:
    found = list(interpreter.examine())
    assert ".".join(map(str, sys.version_info[:3])) in found[0].text


def test_the_check_of_auto_retry_writes_nothing_to_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("amiproxy.net.tls.autoretry._CONTEXT", 0)
    assert list(interpreter.examine())[-1].level == "warn"
    assert "tls-auto-retry-stays" not in caplog.text
