"""Profiles: what the file may say, and who may write it."""

import os
from pathlib import Path

import pytest

from amiproxy.config.reading.problems import ConfigErrors
from amiproxy.tools.shell.profiles import Profile, history_path, load_profiles, profiles_path
from tests.support.requirements import need_root


def written(folder: Path, text: str, mode: int = 0o644) -> Path:
    path = folder / "shell.yaml"
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigErrors) as errors:
        load_profiles(path, {})
    return str(errors.value)


def test_a_profile_has_defaults_and_paths_beside_the_file(tmp_path: Path) -> None:
    text = "default: office\nprofiles:\n  office: {host: pbx.example.org, ca: ca.crt, user: desk}\n"
    found = load_profiles(written(tmp_path, text), {})
    assert found.default == "office"
    assert found.profiles == {"office": Profile(host="pbx.example.org", ca=tmp_path / "ca.crt", user="desk")}
    assert found.profiles["office"].port == 5039


def test_a_profile_may_have_everything(tmp_path: Path) -> None:
    text = """\
profiles:
  lab:
    {host: 127.0.0.1, port: 5038, plain: true, user: a, secret_command: [pass, show, pbx], events: true}
  desk:
    host: pbx
    server_name: pbx.example.org
    certificate: ${HOME}/desk.crt
    key: desk.key
    secret_file: desk.secret
"""
    found = load_profiles(written(tmp_path, text), {"HOME": "/home/me"}).profiles
    assert found["lab"].secret_command == ("pass", "show", "pbx")
    assert found["desk"].certificate == Path("/home/me/desk.crt")


def test_without_the_file_there_are_no_profiles(tmp_path: Path) -> None:
    assert load_profiles(tmp_path / "shell.yaml", {}).profiles == {}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("profiles: {a: {host: x, secret: s}}", "secret_file"),
        ("profiles: {a: {port: 1}}", "host"),
        ("profiles: {a: {host: x, port: 99999}}", "port"),
        ("profiles: {a: {host: x, key: k}}", "certificate"),
        ("profiles: {a: {host: x, secret_file: f, secret_command: [a]}}", "remove one"),
        ("profiles: {a: {host: x, plain: true, ca: c}}", "without TLS"),
        ("default: b\nprofiles: {a: {host: x}}", "no profile"),
        ("profiles: {a: {host: x, secret_command: 'pass show'}}", "a list"),
        ("profiles: [", "shell.yaml:"),
    ],
)
def test_a_mistake_is_reported_with_its_place(tmp_path: Path, text: str, part: str) -> None:
    assert part in refused(written(tmp_path, text))


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    assert "chmod go-w" in refused(written(tmp_path, "profiles: {}", mode))


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    need_root("only root can give a file away")
    path = written(tmp_path, "profiles: {}")
    os.chown(path, 12345, -1)
    assert "belongs to another user" in refused(path)


def test_the_paths_are_those_of_the_xdg_specification() -> None:
    home = Path("/home/me")
    assert profiles_path({}, home) == home / ".config/ami-proxy/shell.yaml"
    assert profiles_path({"XDG_CONFIG_HOME": "/c"}, home) == Path("/c/ami-proxy/shell.yaml")
    assert history_path({"XDG_STATE_HOME": "relative"}, home) == home / ".local/state/ami-proxy/shell_history"
