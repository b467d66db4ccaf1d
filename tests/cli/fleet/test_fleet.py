"""``ami-proxy fleet``: what it writes, prints and refuses."""

import re
import stat
from pathlib import Path

import pytest

from amiproxy.cli import main
from tests.tools.fleet.test_plan import WHOLE


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    file = tmp_path / "fleet.yaml"
    file.write_text(WHOLE)
    return file


def fleet(plan: Path, verb: str, *options: str) -> int:
    return main(["fleet", verb, str(plan), "--out", str(plan.parent / "keys"), *options])


def secrets_in(folder: Path) -> list[str]:
    files = [*folder.glob("*.seed"), *folder.glob("token.key")]
    return [line for file in files for line in file.read_text().split()]


def test_keys_and_configuration_are_written_and_no_secret_is_printed(
    plan: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = plan.parent / "keys"
    seen = set()
    for verb, options in (
        ("keys", ()),
        ("config", ()),
        ("keys", ("--rotate", "edge1")),
        ("config", ()),
        ("keys", ("--retire", "edge1")),
        ("keys", ("--rotate-token", "add")),
        ("keys", ("--rotate-token", "use")),
        ("keys", ()),
        ("config", ()),
    ):
        assert fleet(plan, verb, *options) == 0
        seen |= set(secrets_in(keys))
    out, err = capfd.readouterr()
    public = "".join(file.read_text() for file in keys.iterdir() if file.suffix in (".conf", ".yaml", ".pub"))
    assert len(seen) == 6 + 1 + 2
    assert not any(secret in text for secret in seen for text in (out, err, public))
    assert err == ""
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in keys.glob("*.seed"))
    assert public.count("nkey: U") == 6


def test_a_rotated_process_has_two_keys_until_the_old_one_is_retired(plan: Path) -> None:
    accounts = plan.parent / "keys/accounts.conf"

    def users(*options: str) -> list[str]:
        fleet(plan, "keys", *options)
        fleet(plan, "config")
        return re.findall("nkey: (U[A-Z2-7]{55})", accounts.read_text())

    before = users()
    both = users("--rotate", "edge1")
    after = users("--retire", "edge1")
    assert (len(before), len(both), len(after)) == (6, 7, 6)
    assert set(both) == set(before) | set(after)
    assert len(set(before) & set(after)) == 5
    at_once = users("--rotate", "edge1", "--retire", "edge1")
    assert len(set(at_once) & set(after)) == 5


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("keys", ("--rotate", "nobody")),
        ("keys", ("--retire", "nobody")),
        ("keys", ("--retire", "edge1")),
        ("keys", ("--rotate", "edge1")),
        ("keys", ("--rotate-token", "drop")),
        ("config", ()),
    ],
)
def test_what_cannot_be_done_is_explained(
    plan: Path, capfd: pytest.CaptureFixture[str], verb: str, options: tuple[str, ...]
) -> None:
    assert fleet(plan, verb, *options) == 1
    assert "; " in capfd.readouterr().err


def test_a_wrong_description_is_explained_with_its_line(
    plan: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(WHOLE.replace("[berlin]", "[rome]"))
    assert fleet(plan, "keys") == 1
    assert f"{plan}:6:" in capfd.readouterr().err
    assert not (plan.parent / "keys").exists()


def test_the_description_of_the_fleet_is_not_overwritten(plan: Path) -> None:
    plan.write_text(WHOLE.replace("edge1:", "fleet:"))
    assert main(["fleet", "keys", str(plan), "--out", str(plan.parent)]) == 0
    before = plan.read_text()
    assert main(["fleet", "config", str(plan), "--out", str(plan.parent)]) == 1
    assert plan.read_text() == before


@pytest.mark.parametrize("verb", ["keys", "config"])
def test_files_of_a_process_that_was_removed_are_named(
    plan: Path, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    keys = plan.parent / "keys"
    for each in ("keys", "config"):
        fleet(plan, each)
    assert "unused" not in capfd.readouterr().out
    plan.write_text("".join(line for line in WHOLE.splitlines(True) if "edge1:" not in line))
    assert fleet(plan, verb) == 0
    left = keys / ("edge1.seed" if verb == "keys" else "edge1.yaml")
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[1].rstrip(",") for line in lines if line.startswith("unused")] == [str(left)]
    assert left.exists()


def test_the_description_of_the_fleet_is_not_named_as_unused(
    plan: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for verb in ("keys", "config"):
        assert main(["fleet", verb, str(plan), "--out", str(plan.parent)]) == 0
    assert "unused" not in capfd.readouterr().out


def test_seeds_that_others_can_read_are_refused(plan: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert fleet(plan, "keys") == 0
    (plan.parent / "keys/edge1.seed").chmod(0o644)
    for verb in ("keys", "config"):
        assert fleet(plan, verb) == 1
        assert "chmod" in capfd.readouterr().err


def test_a_link_in_place_of_a_seed_is_read_and_not_followed_to_be_made(plan: Path) -> None:
    keys = plan.parent / "keys"
    keys.mkdir(mode=0o700)
    (keys / "edge1.seed").symlink_to("/nonexistent/seed")
    assert fleet(plan, "keys") == 1
    assert (keys / "edge1.seed").is_symlink()
