"""``ami-proxy demo``: how its arguments are interpreted."""

import argparse
import os
import subprocess
from pathlib import Path

import pytest

from amiproxy.cli import demo
from amiproxy.tools.demo import DemoError, Options, RealAsterisk


@pytest.fixture
def shown(monkeypatch):
    """The options of each demo that would have been run."""
    options = []
    monkeypatch.setattr(demo, "show", lambda asked: options.append(asked) or 0)
    monkeypatch.delenv("DEMO_SECONDS", raising=False)
    return options


def call(*argv):
    parser = argparse.ArgumentParser()
    demo.register(parser.add_subparsers())
    arguments = parser.parse_args(["demo", *argv])
    return arguments.run(arguments)


def test_without_arguments_the_simulator_is_used(shown):
    assert call() == 0
    assert shown == [Options(Path("demo-state"), None, None)]


def test_a_real_asterisk_is_used_if_given(shown, monkeypatch):
    monkeypatch.setenv("DEMO_SECONDS", "2.5")
    assert call("--asterisk", "[::1]:5038", "--user", "u", "--secret-file", "s", "--folder", "f") == 0
    assert shown == [Options(Path("f"), RealAsterisk("::1", 5038, "u", Path("s")), 2.5)]


@pytest.mark.parametrize(
    "argv",
    [
        ["--asterisk", "127.0.0.1:5038"],
        ["--user", "u"],
        ["--asterisk", "127.0.0.1:5038", "--user", "u", "--secret-file", ""],
        ["--asterisk", "127.0.0.1:5038", "--secret-file", "s"],
        *(
            ["--asterisk", text, "--user", "u", "--secret-file", "s"]
            for text in ("pbx", ":5038", "pbx:0", "pbx:x")
        ),
    ],
    ids=" ".join,
)
def test_misuse_is_reported_with_status_2(shown, argv, capsys):
    with pytest.raises(SystemExit) as ended:
        call(*argv)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err
    assert shown == []


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ([], []),
        (["ASTERISK=127.0.0.1:5038"], ["USER=", "SECRET_FILE="]),
        (["ASTERISK=127.0.0.1:5038", "USER=amiproxy"], ["SECRET_FILE="]),
        (["SECRET_FILE=x"], ["ASTERISK=", "USER="]),
        (["ASTERISK=127.0.0.1:5038", "USER=amiproxy", "SECRET_FILE=x"], []),
    ],
    ids=lambda value: " ".join(value) or "none",
)
def test_make_names_the_variables_that_are_missing(variables, missing):
    """The environment's USER is who runs make, and no manager user."""
    done = subprocess.run(
        ["make", "--no-print-directory", ".demo-arguments", *variables],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "USER": "somebody"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (2 if missing else 0), done.stderr
    told = done.stderr.partition(" missing")[0]
    assert told.split()[1:] == missing


@pytest.mark.parametrize("seconds", ["x", "-1", "nan", "inf", "1e9"])
def test_invalid_seconds_are_refused(shown, monkeypatch, capsys, seconds):
    monkeypatch.setenv("DEMO_SECONDS", seconds)
    assert call() == 1
    assert "DEMO_SECONDS" in capsys.readouterr().err
    assert shown == []


def test_an_error_that_stops_the_demo_is_one_line(monkeypatch, capsys):
    def fail(_):
        raise DemoError("no such thing; do this")

    monkeypatch.setattr(demo, "show", fail)
    assert call() == 1
    assert capsys.readouterr().err == "ami-proxy demo: no such thing; do this\n"
