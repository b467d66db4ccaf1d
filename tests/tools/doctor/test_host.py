"""The doctor's findings about the host, for each answer of a program."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from amiproxy.config import Config, ListenerSettings, UpstreamSettings
from amiproxy.config.address import Address
from amiproxy.tools.doctor import host
from amiproxy.tools.doctor.finding import DoctorFinding

_LOADED = {"LoadState": "loaded\n"}


def findings_for(answers: dict[str, str], config: Config | None = None) -> list[DoctorFinding]:
    """``answers`` by a word of the command line; any other program does not exist."""

    def ask(command: Sequence[str]) -> str | None:
        return next((answer for word, answer in answers.items() if word in command), None)

    return list(host.examine(config, ask))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        upstream=UpstreamSettings(username="amiproxy", secret_file=tmp_path),
        listeners=(ListenerSettings(address=Address.from_text("127.0.0.1:0")),),
        users_file=tmp_path,
    )


def about(subject: str, found: list[DoctorFinding]) -> list[str]:
    return [f"{finding.level} {finding.text}" for finding in found if finding.subject == subject]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({**_LOADED, "LimitNOFILE": "8192\n"}, "ok the unit ami-proxy.service may open 8192 files"),
        ({**_LOADED, "LimitNOFILE": "1024\n"}, "warn the unit ami-proxy.service may open 1024 files"),
        ({"LoadState": "not-found\n", "LimitNOFILE": "1024\n"}, "ok this shell may open"),
        ({}, "ok this shell may open"),
    ],
)
def test_the_descriptor_limit_is_judged(answers: dict[str, str], expected: str, config: Config) -> None:
    [line] = about("descriptors", findings_for(answers, config))
    assert line.startswith(expected)


def test_without_a_configuration_the_needed_descriptors_are_unknown() -> None:
    [line] = about("descriptors", findings_for({}))
    assert line.startswith("unknown not known: how many are needed")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("4096\n", "ok net.core.somaxconn is 4096"),
        ("128\n", "warn net.core.somaxconn is 128"),
        (None, "warn "),
    ],
)
def test_the_kernels_backlog_is_judged(content: str | None, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "somaxconn"
    if content is not None:
        file.write_text(content)
    finding = host.backlog(file)
    assert f"{finding.level} {finding.text}".startswith(expected)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"NTPSynchronized": "yes\n"}, "ok synchronised"),
        ({"NTPSynchronized": "no\n"}, "warn not synchronised, "),
        ({"chronyc": "Stratum : 3\nLeap status     : Normal\n"}, "ok synchronised by chrony"),
        ({"chronyc": "Leap status     : Not synchronised\n"}, "warn not synchronised by chrony"),
        # timedatectl exists but gets no answer.
        ({"NTPSynchronized": "\n", "chronyc": "Leap status     : Normal\n"}, "ok synchronised by chrony"),
        ({}, "unknown not known: "),
    ],
)
def test_the_clock_is_judged_by_timedatectl(
    answers: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host, "_TIMESYNC", tmp_path / "synchronized")
    [found] = about("clock", findings_for(answers))
    assert found.startswith(expected)


def test_without_timedatectl_the_clock_is_judged_by_timesyncds_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "synchronized").touch()
    monkeypatch.setattr(host, "_TIMESYNC", tmp_path / "synchronized")
    assert about("clock", findings_for({})) == ["ok synchronised by systemd-timesyncd"]


def test_an_unknown_finding_says_how_to_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "_TIMESYNC", tmp_path / "synchronized")
    unknown = [finding for finding in findings_for({}) if finding.level == "unknown"]
    assert {finding.subject for finding in unknown} == {"descriptors", "clock", "unit"}
    assert all(finding.remedy for finding in unknown)


_SECURITY = "→ Overall exposure level for ami-proxy.service: {} OK 🙂\n"


@pytest.mark.parametrize(
    ("answers", "level"),
    [
        ({**_LOADED, "systemd-analyze": _SECURITY.format("1.2")}, ["ok"]),
        ({**_LOADED, "systemd-analyze": _SECURITY.format("9.2")}, ["warn"]),
        ({**_LOADED, "systemd-analyze": "Access denied"}, ["unknown"]),
        ({"systemd-analyze": _SECURITY.format("9.2")}, ["unknown"]),
    ],
)
def test_the_unit_is_judged(answers: dict[str, str], level: list[str]) -> None:
    assert [finding.level for finding in findings_for(answers) if finding.subject == "unit"] == level


def test_a_missing_uvloop_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert about("python", findings_for({}))[-1].startswith("ok uvloop")
    monkeypatch.setattr(host, "uvloop", None)
    assert about("python", findings_for({}))[-1].startswith("warn uvloop is missing")


def test_the_form_of_the_core_is_reported() -> None:
    assert about("python", findings_for({}))[-2] == "ok the core runs from its Python source"


def test_the_tls_library_is_named() -> None:
    assert about("tls", findings_for({}))[0].startswith("ok OpenSSL ")
