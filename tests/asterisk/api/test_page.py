"""The examples of deploy/api.md, as a reader types them, by curl before a real Asterisk 22."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.asterisk.api.conftest import SECRET, ApiProxy
from tests.deploy.pages import Block, blocks

PAGE = "deploy/api.md"
TYPED = [block for block in blocks(PAGE) if block.info == "sh client"]
STREAM = "/events"


def in_file(info: str) -> str:
    """The text of the block that is a file's, with the secret of the tests."""
    (text,) = [block.text for block in blocks(PAGE) if block.info == info]
    return text.replace("SECRET", SECRET)


@pytest.fixture
def folder(proxy: ApiProxy, tmp_path: Path) -> Path:
    """Where the reader is: the files that the page asks for are there."""
    login = in_file("text login")
    (tmp_path / "login").write_text(login)
    (tmp_path / "oper").write_text(login.replace("wallboard:", "oper:"))
    (tmp_path / "session.json").write_text(in_file("json session.json"))
    (tmp_path / "ca.crt").write_bytes(proxy.cafile.read_bytes())
    return tmp_path


def here(block: Block, proxy: ApiProxy) -> str:
    return block.text.replace("https://pbx.example.org:8089", proxy.base)


@pytest.mark.parametrize("block", [one for one in TYPED if STREAM not in one.text], ids=str)
def test_a_request_of_the_page_succeeds(block: Block, proxy: ApiProxy, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here(block, proxy)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stream_of_the_page_begins_with_a_snapshot(proxy: ApiProxy, folder: Path) -> None:
    (block,) = [one for one in TYPED if STREAM in one.text]
    with subprocess.Popen(
        ["bash", "-c", f"exec {here(block, proxy)}"], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(5)]
        running.kill()
    assert lines[0] == "retry: 2000\n"
    assert lines[3] == "event: snapshot\n"
    assert {queue["Queue"] for queue in json.loads(lines[4][6:])["data"]["queues"]} >= {"lab-queue"}


def test_the_answer_on_the_page_is_what_asterisk_says(proxy: ApiProxy) -> None:
    shown = json.loads(in_file("json answer"))
    with proxy.client("wallboard") as client:
        found = client.post("/actions/QueueStatus", json={"Queue": "lab-queue"}).json()
    assert shown["response"] == found["response"]
    names = [event["Event"] for event in found["events"]]
    assert [event["Event"] for event in shown["events"]] == [names[0], names[-1]]
