"""Each code block of the operator's pages says what it is, so that those that can be run are run."""

import re
from pathlib import Path

import pytest
import yaml

from amiproxy import config
from tests.deploy.follower import unseen
from tests.deploy.pages import PAGES, TOP, Block, blocks, blocks_of

_BLOCKS = [block for page in PAGES for block in blocks(page)]
_OURS = ("proxy.yaml", "users.yaml")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_marked(page: str) -> None:
    assert [f"{block}: {block.info or '(no mark)'}" for block in blocks(page) if not block.is_marked] == []


def test_every_page_has_blocks_to_type() -> None:
    assert {block.page for block in _BLOCKS if block.is_typed} == set(PAGES)


@pytest.mark.parametrize(
    ("text", "is_marked"),
    [
        ("    indented", False),
        ("```\nno mark\n```", False),
        ("```bash\nanother name\n```", False),
        ("```sh somewhere\nno such place\n```", False),
        ("```yaml\nof no file\n```", False),
        ("```sh\nls\n```", True),
        ("```sh client\nls\n```", True),
        ("```sh source\nmake\n```", True),
        ("```sh elsewhere\npip install x\n```", True),
        ("```console\n$ ls\nfile\n```", True),
        ("```yaml proxy.yaml\na: 1\n```", True),
        ("```text\nwords\n```", True),
    ],
)
def test_a_mark_is_the_language_and_the_place(text: str, is_marked: bool) -> None:
    [block] = blocks_of(f"# Page\n\n## Section\n\n{text}\n", "page.md")
    assert block.is_marked is is_marked
    assert (block.heading, block.line) == ("Section", 5)


@pytest.mark.parametrize(
    ("shown", "output", "missing"),
    [
        (["ok  port"], "ok    port 5038\n", []),
        (["ok", "warn"], "ok 1\nok 2\nwarn 3\n", []),
        (["warn", "ok"], "ok 1\nwarn 2\n", ["ok"]),
        (["…", "Goodbye"], "Response: Goodbye\n", ["Goodbye"]),
        (["", "ok"], "ok\n", []),
    ],
)
def test_an_output_is_compared_by_its_first_words(shown: list[str], output: str, missing: list[str]) -> None:
    assert list(unseen(shown, output)) == missing


@pytest.mark.parametrize("block", [block for block in _BLOCKS if block.place in _OURS], ids=str)
def test_snippets_of_our_files_are_accepted(block: Block, tmp_path: Path) -> None:
    proxy = yaml.safe_load((TOP / "deploy/debian/proxy.yaml").read_text())
    users: dict[str, object] = {"users": {}}
    (proxy if block.place == "proxy.yaml" else users).update(yaml.safe_load(block.text))
    if "users_files" in proxy:
        del proxy["users_file"]
    for name, content in (("proxy.yaml", proxy), ("users.yaml", users)):
        (tmp_path / name).write_text(yaml.safe_dump(content))
        (tmp_path / name).chmod(0o600)
    try:
        config.load(tmp_path / "proxy.yaml")
    except config.ConfigErrors as errors:
        # Files that are not there: the secret, certificates, folders of users.
        problems = [str(problem) for problem in errors.problems]
        assert [line for line in problems if not re.search(r"No such file|no file|not set", line)] == []
