"""Files that proxy.yaml names under actions_from: read, checked and merged, all or none."""

from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors, load_config
from amiproxy.config.reading.problems import Problem
from amiproxy.core.model.errors import Unfit


def load(folder: Path, *files: str, own: str = "{}", also: str = "") -> dict[str, object]:
    names = []
    for number, text in enumerate(files):
        (folder / f"{number}.yaml").write_text(text)
        names.append(f"{number}.yaml")
    file = folder / "proxy.yaml"
    file.write_text(f"{file.read_text()}actions: {own}\nactions_from: [{', '.join(names)}]\n{also}")
    return dict(load_config(file).actions)


def wrong(folder: Path, *files: str) -> list[Problem]:
    with pytest.raises(ConfigErrors) as errors:
        load(folder, *files)
    return errors.value.problems


ONE = "actions: {RptStatus: {classes: [reporting]}}"
OTHER = "actions:\n  Foo: {classes: [call]}\n  rptstatus: {classes: [call]}\n"


def test_all_files_are_merged(folder: Path) -> None:
    assert set(load(folder, ONE, "actions: {Foo: {classes: [call]}}")) == {"RptStatus", "Foo"}


def test_proxy_yaml_takes_precedence(folder: Path) -> None:
    actions = load(folder, ONE, own="{RPTSTATUS: {classes: [system]}}")
    assert [(name, entry.classes) for name, entry in actions.items()] == [("RPTSTATUS", ("system",))]


def test_an_action_described_in_two_files_is_an_error(folder: Path) -> None:
    [problem] = wrong(folder, ONE, OTHER)
    assert (problem.file, problem.line, problem.key_path) == (str(folder / "1.yaml"), 3, "actions.rptstatus")
    assert "0.yaml describes it already" in problem.text


def test_each_file_is_checked_like_proxy_yaml(folder: Path) -> None:
    first, *others = wrong(folder, "actions: {Originate: {classes: [call]}}", "users: {}")
    assert first.key_path == "actions.Originate"
    assert {problem.file for problem in others} == {str(folder / "1.yaml")}


def test_a_missing_file_is_an_error(folder: Path) -> None:
    file = folder / "proxy.yaml"
    file.write_text(f"{file.read_text()}actions_from: [absent.yaml]\n")
    with pytest.raises(ConfigErrors) as errors:
        load_config(file)
    assert [problem.key_path for problem in errors.value.problems] == ["actions_from[0]"]


def test_a_file_that_disappears_while_it_is_read_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path) -> bytes:
        raise Unfit(f"{path}: No such file or directory")

    monkeypatch.setattr("amiproxy.config.actionfiles.read_file", gone)
    [problem] = wrong(folder, ONE)
    assert problem.file == str(folder / "0.yaml")
