"""Files that proxy.yaml names under actions_from: read, judged and put together, all of it or nothing."""

from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors, load_config
from amiproxy.config.problems import Problem
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


def test_all_are_put_together(folder: Path) -> None:
    assert set(load(folder, ONE, "actions: {Foo: {classes: [call]}}")) == {"RptStatus", "Foo"}


def test_what_proxy_yaml_says_wins(folder: Path) -> None:
    actions = load(folder, ONE, own="{RPTSTATUS: {classes: [system]}}")
    assert [(name, entry.classes) for name, entry in actions.items()] == [("RPTSTATUS", ("system",))]


def test_two_files_that_describe_one_action(folder: Path) -> None:
    [problem] = wrong(folder, ONE, OTHER)
    assert (problem.file, problem.line, problem.key_path) == (str(folder / "1.yaml"), 3, "actions.rptstatus")
    assert "0.yaml describes it already" in problem.text


def test_each_is_judged_as_proxy_yaml_is(folder: Path) -> None:
    first, *others = wrong(folder, "actions: {Originate: {classes: [call]}}", "users: {}")
    assert first.key_path == "actions.Originate"
    assert {problem.file for problem in others} == {str(folder / "1.yaml")}


def test_a_file_that_is_not_there(folder: Path) -> None:
    file = folder / "proxy.yaml"
    file.write_text(f"{file.read_text()}actions_from: [absent.yaml]\n")
    with pytest.raises(ConfigErrors) as errors:
        load_config(file)
    assert [problem.key_path for problem in errors.value.problems] == ["actions_from[0]"]


def test_a_file_that_goes_while_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> bytes:
        raise Unfit(f"{path}: No such file or directory")

    monkeypatch.setattr("amiproxy.config.actionfiles.read_file", gone)
    [problem] = wrong(folder, ONE)
    assert problem.file == str(folder / "0.yaml")
