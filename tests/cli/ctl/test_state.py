import json

import pytest

from amiproxy.cli.ctl import state, tables
from amiproxy.tools.terminal import lines_of
from tests.cli.ctl.answering import NO_STATE, STATE, STATES, USER, Answering, ctl, reply


def test_the_only_server_fits_80_columns_with_a_row_for_each_kind() -> None:
    lines = lines_of(state.history(STATE), 80)
    assert max(map(len, lines)) <= 80
    rows = [line.split()[:2] for line in lines]
    assert ["channels", "ready"] in rows
    assert ["conferences", "unavailable"] in rows
    assert " 9 " not in "\n".join(lines), "how many there are is not known"


def test_several_servers_have_a_row_each_at_80_columns() -> None:
    lines = lines_of(state.history(STATES), 80)
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[:3] == ["pbx1", "18204", "7.9"]
    assert lines[3].split()[:2] == ["pbx2", "-"]


def test_a_server_of_which_nothing_is_kept_says_what_would_change_that() -> None:
    text = "\n".join(lines_of(state.history(NO_STATE), 120))
    assert "history: true" in text
    assert "upstream_lost: repair" in text
    assert "repairs" not in text


def test_one_of_several_is_shown_alone(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering.answer = lambda _: [reply(STATES)]
    assert ctl(answering, "state", "PBX1") == 0
    out = capsys.readouterr().out
    assert "conferences" in out
    assert "pbx2" not in out
    assert ctl(answering, "state", "pbx2", "--json") == 0
    assert json.loads(capsys.readouterr().out) == STATES["servers"][1]
    assert ctl(answering, "state", "pbx3") == 1
    assert "pbx1, pbx2" in capsys.readouterr().err


def test_users_with_history_have_a_column_of_their_own_if_there_are_any() -> None:
    board = {**USER, "history": True}
    first, _, *rows = lines_of(tables.users([board, {**USER, "history": False}]), 80)
    assert first.split()[-1] == "history"
    assert [row.split()[-1] for row in rows[:2]] == ["yes", "-"]
    assert "history" not in lines_of(tables.users([USER]), 80)[0]
