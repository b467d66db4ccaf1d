import sys
from pathlib import Path

import pytest

from amiproxy.cli import main
from amiproxy.cli import run as module
from amiproxy.service.loadedconfig import StartError


def test_the_given_configuration_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[Path] = []
    monkeypatch.setattr(module, "run", ran.append)
    assert main(["run", "--config", str(tmp_path / "proxy.yaml")]) == 0
    assert ran == [tmp_path / "proxy.yaml"]


def test_errors_of_the_configuration_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "proxy.yaml"
    config.write_text("colour: blue\n")
    assert main(["run", "--config", str(config)]) == module.CONFIGURATION
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{config}:1: colour: unknown key" in printed.err
    assert "upstream" in printed.err


def test_the_reason_of_a_failed_start_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Path) -> None:
        text = "listeners: cannot listen on 127.0.0.1 port 5039: Address already in use"
        raise StartError(text, may_pass=True)

    monkeypatch.setattr(module, "run", refuse)
    assert main(["run", "--config", "proxy.yaml"]) == 1
    assert (
        capsys.readouterr().err == "listeners: cannot listen on 127.0.0.1 port 5039: Address already in use\n"
    )


def test_ctrl_c_before_it_serves_gives_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", interrupt)
    assert main(["run", "--config", "proxy.yaml"]) == 130


def test_after_ctrl_c_the_prompt_of_a_terminal_begins_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", interrupt)
    main(["run", "--config", "proxy.yaml"])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["run", "--config", "proxy.yaml"])
    assert capsys.readouterr().err == "\n"


def test_without_an_option_the_packages_configuration_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Path] = []
    monkeypatch.setattr(module, "run", ran.append)
    assert main(["run"]) == 0
    assert ran == [Path("/etc/ami-proxy/proxy.yaml")]
