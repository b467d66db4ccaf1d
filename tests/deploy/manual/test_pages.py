"""Every command, verb, option and key stands in a manual page, and man and mandoc accept all pages."""

import argparse
import gzip
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from amiproxy.cli import parser_for
from amiproxy.config import Config, Limits
from amiproxy.config.actions import ActionEntry
from amiproxy.config.schema import (
    Certificate,
    Control,
    FanOut,
    ListenerSettings,
    Log,
    Metrics,
    Tls,
    UpstreamSettings,
)
from amiproxy.config.users.user import UserEntry
from deploy.manual import __main__ as manual
from deploy.manual.files import entries
from deploy.manual.roff import bold, plain
from tests.support.requirements import give_up

DEPLOY = Path(__file__).parents[3] / "deploy"
OF_PROXY_YAML = (
    *(Config, ActionEntry, UpstreamSettings, ListenerSettings, Certificate),
    *(Tls, FanOut, Limits, Control, Metrics, Log),
)


def text_of(written: Path, page: str) -> str:
    return gzip.decompress((written / f"usr/share/man/man{page[-1]}/{page}.gz").read_bytes()).decode()


def parsers(parser: argparse.ArgumentParser, *name: str) -> Iterator[tuple[tuple[str, ...], argparse.Action]]:
    """Each argument of each command and verb, with the name of that; the verbs themselves too."""
    for action in parser._actions:
        yield name, action
        if isinstance(action, argparse._SubParsersAction):
            for verb, below in action.choices.items():
                yield from parsers(below, *name, verb)


def test_every_command_has_a_page_that_the_first_page_names(written: Path) -> None:
    commands = {name[0] for name, _ in parsers(parser_for()) if name}
    pages = {path.name.removesuffix(".1.gz") for path in (written / "usr/share/man/man1").iterdir()}
    assert pages == {"ami-proxy", *(f"ami-proxy-{command}" for command in commands)}
    first = text_of(written, "ami-proxy.1")
    assert [command for command in commands if f"{bold(f'ami-proxy-{command}')}(1)" not in first] == []


def columns(line: str) -> int:
    """Of a line without requests, once it is printed."""
    return len(re.sub(r"\\(f[A-Z]|&)", "", re.sub(r"\\(\(..|[-.e])", "x", line)))


def test_examples_fit_a_terminal_of_80_columns(written: Path) -> None:
    for page in (written / "usr/share/man/man1").iterdir():
        is_literal, wide = False, []
        for line in gzip.decompress(page.read_bytes()).decode().splitlines():
            if line.startswith("."):
                # A synopsis is indented less.
                is_literal = line == ".RS 4" or (is_literal and line != ".fi")
            elif is_literal and columns(line) > 69:
                wide.append(line)
        # A quoted word is not broken.
        assert [line for line in wide if "'" not in line.replace("\\(aq", "'")] == [], page.name


def test_every_verb_and_option_is_on_the_page_of_its_command(written: Path) -> None:
    missing = []
    for name, action in parsers(parser_for()):
        page = text_of(written, "-".join(["ami-proxy", *name[:1]]) + ".1")
        wanted = [bold(form) for form in action.option_strings]
        if len(name) > 1:
            wanted.append(f'.SS "{plain(" ".join(name))}"')
        if action.help != argparse.SUPPRESS:
            missing += [(name, text) for text in wanted if text not in page]
    assert missing == []


def test_help_texts_are_complete_and_expanded(written: Path) -> None:
    page = text_of(written, "ami-proxy-certs.1")
    assert "%(" not in page
    assert "(default: 825)" in page or "(default: " in page
    run = text_of(written, "ami-proxy-run.1")
    status = run[run.index('.SH "EXIT STATUS"') :]
    assert "78" in status[: status.index(".SH FILES")]


@pytest.mark.parametrize("kind", OF_PROXY_YAML, ids=lambda kind: kind.__name__)
def test_every_key_of_proxy_yaml_is_on_its_page(written: Path, kind: type[msgspec.Struct]) -> None:
    page = text_of(written, "proxy.yaml.5")
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    assert [name for name in names if bold(f"{name}:") not in page] == []


def test_every_key_of_a_user_is_on_its_page(written: Path) -> None:
    page = text_of(written, "users.yaml.5")
    names = [field.encode_name for field in msgspec.structs.fields(UserEntry)]
    assert [name for name in names if bold(f"{name}:") not in page] == []


@pytest.mark.parametrize("file", ["proxy.yaml", "users.yaml"])
def test_no_comment_of_the_annotated_file_is_lost(written: Path, file: str) -> None:
    annotated = (DEPLOY / file).read_text()
    assert len([key for entry in entries(annotated) for key in entry.keys]) > 20
    words = {
        word
        for line in annotated.splitlines()
        if line.lstrip().startswith("# ") and "This file lists" not in line
        for word in line.split()
        if word.isalpha() and word not in {"After", "without", "after", "blank"}
    }
    page = set(text_of(written, f"{file}.5").split())
    assert {word for word in words if word not in page} == set()


def test_the_same_sources_and_date_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    for name in ("one", "two"):
        manual.main(tmp_path / name)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) > 15
    assert all(
        (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files
    )
    assert " 1970-01-02 " in text_of(tmp_path / "one", "ami-proxy.1")


def test_man_and_mandoc_report_no_errors(written: Path) -> None:
    if not (shutil.which("man") and shutil.which("mandoc")):
        give_up("SHELLS", "Debian's packages man-db and mandoc are not installed")
    pages = sorted((written / "usr/share/man").rglob("*.gz"))
    assert pages
    for page in pages:
        content = gzip.decompress(page.read_bytes())
        lint = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning"], check=False, input=content, capture_output=True
        )
        assert (page.name, lint.stdout, lint.returncode) == (page.name, b"", 0)
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
        shown = subprocess.run(
            ["man", "--warnings", "--local-file", page], check=False, env=environment, capture_output=True
        )
        assert (page.name, shown.stderr) == (page.name, b"")
        assert b"NAME" in shown.stdout
