import argparse
from pathlib import Path

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.cli import configured, main
from amiproxy.cli.configured import actions_of, add_config_option, add_users_options, config_of, users_of

USERS = "users:\n  wallboard:\n    md5_secret: averylongsecretofmorethan22\n    read: [call]\n"


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default proxy.yaml, which does not exist yet."""
    path = tmp_path / "etc" / "proxy.yaml"
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(configured, "DEFAULT_CONFIG", path)
    return path


def valid(config: Path, users: str = USERS) -> None:
    for name, content in (("up.secret", "s3cret\n"), ("users.yaml", users), ("chain.crt", ""), ("key", "")):
        file = config.parent / name
        file.touch(0o600)
        file.write_text(content)
    config.write_text(
        "upstream: {username: proxy, secret_file: up.secret}\n"
        'listeners: [{address: "[::]:5039", certificates: [{chain: chain.crt, key: key}]}]\n'
        "users_file: users.yaml\n"
        "actions: {SiteAction: {classes: [call]}}\n"
    )


def parsed(*given: str, users: bool = True, together: str = "") -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    if users:
        add_users_options(parser, together=together)
    else:
        add_config_option(parser)
    return parser.parse_args(given)


def test_the_configuration_is_the_packages_unless_one_is_given(default: Path) -> None:
    assert parsed(users=False).config == default
    assert parsed("--config", "x.yaml", users=False).config == Path("x.yaml")
    assert config_of(parsed()) == default
    assert config_of(parsed("--config", "x.yaml")) == Path("x.yaml")


def test_users_come_from_the_file_given_or_from_the_default_configuration(
    default: Path, tmp_path: Path
) -> None:
    valid(default)
    other = tmp_path / "etc" / "other.yaml"
    other.touch(0o600)
    other.write_text(USERS.replace("wallboard", "dialer"))
    assert list(users_of(parsed()).users) == ["wallboard"]
    assert list(users_of(parsed("--users", str(other))).users) == ["dialer"]


def test_a_file_of_users_alone_has_asterisks_own_actions(default: Path) -> None:
    valid(default)
    users = ("--users", str(default.parent / "users.yaml"))
    assert actions_of(parsed(*users)) is SHIPPED
    assert actions_of(parsed()).find(b"siteaction") is not None
    both = parsed(*users, "--config", str(default), together="files")
    assert actions_of(both).find(b"siteaction") is not None


def test_one_of_the_two_excludes_the_other_unless_both_are_of_use() -> None:
    assert parsed("--users", "u", "--config", "c", together="files").users == Path("u")
    with pytest.raises(SystemExit):
        parsed("--users", "u", "--config", "c")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["check"], 1),
        (["doctor"], 2),
        (["run"], 78),
        (["users", "show", "x"], 1),
        (["users", "add", "x", "--generate"], 1),
        (["explain"], 2),
        (["learn", "--for", "1h"], 2),
    ],
)
def test_a_default_that_does_not_exist_is_named_with_the_option_that_replaces_it(
    default: Path, capsys: pytest.CaptureFixture[str], command: list[str], status: int
) -> None:
    assert main(command) == status
    printed = "".join(capsys.readouterr())
    assert str(default) in printed
    assert "--config" in printed


def test_a_configuration_that_cannot_be_read_is_not_called_missing(
    default: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default.mkdir()
    assert main(["check"]) == 1
    assert "is not a regular file" in capsys.readouterr().err
