"""What a verb that changes users says about the service, by what answers on its control socket."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from amiproxy.cli.users.reloading import reloaded
from tests.cli.ctl.answering import Answering, reply

DONE = {"users_added": [], "users_removed": [], "users_changed": {"Dialer": ["read"]}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "proxy.yaml"
    file.write_text("control: {socket: c.sock}\n")
    return file


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    made = Answering(tmp_path / "c.sock")
    yield made
    made.close()


def serve(answering: Answering, counts: list[Mapping[str, int]], report: Mapping[str, Any] = DONE) -> None:
    """A service whose users have these numbers of sessions, before and after the reload."""
    left = list(counts)

    def answer(asked: dict[str, Any]) -> list[bytes]:
        if asked["command"] == "reload":
            return [reply(report)]
        return [reply([{"name": name, "sessions": number} for name, number in left.pop(0).items()])]

    answering.answer = answer


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"Dialer": 2}, {"Dialer": 2}, ["reloaded: 2 sessions of dialer continued with the new rights"]),
        ({"Dialer": 1}, {}, ["reloaded: 1 session of dialer closed"]),
        (
            {"Dialer": 3},
            {"Dialer": 2},
            [
                "reloaded: 1 session of dialer closed",
                "reloaded: 2 sessions of dialer continued with the new rights",
            ],
        ),
        ({"Dialer": 0, "other": 5}, {"Dialer": 0, "other": 4}, ["reloaded"]),
    ],
)
def test_what_became_of_the_users_sessions_is_said(
    config: Path,
    answering: Answering,
    capsys: pytest.CaptureFixture[str],
    before: Mapping[str, int],
    after: Mapping[str, int],
    lines: list[str],
) -> None:
    serve(answering, [before, after])
    assert reloaded(config, ["dialer"]) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert [asked["command"] for asked in answering.asked] == ["users", "reload", "users"]


def test_a_service_that_found_no_change_may_read_another_file(
    config: Path, answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(answering, [{}, {}], {"users_added": [], "users_removed": [], "users_changed": {}})
    assert reloaded(config, ["dialer"]) == 0
    assert "another proxy.yaml" in capsys.readouterr().out


def test_a_refusal_is_explained_without_control_characters(
    config: Path, answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"ok": False, "error": "not reloaded", "problems": ["limits.hash_threads: \x1b[31mrestart"]}
    answering.answer = lambda asked: (
        [reply([])] if asked["command"] == "users" else [json.dumps(refused).encode() + b"\n"]
    )
    assert reloaded(config, ["dialer"]) == 1
    err = capsys.readouterr().err
    assert "limits.hash_threads" in err
    assert "\x1b" not in err
    assert f"--config {config}" in err


def test_a_service_that_does_not_answer_as_ours_is_an_error(
    config: Path, answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.answer = lambda _: [b"HTTP/1.1 400 Bad Request\n"]
    assert reloaded(config, ["dialer"]) == 1
    assert "not reloaded" in capsys.readouterr().err


def test_a_socket_without_a_service_is_not_an_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reloaded(config, ["dialer"]) == 0
    assert "no service runs" in capsys.readouterr().out
