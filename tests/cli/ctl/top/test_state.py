import pytest

from amiproxy.cli.ctl.top.board import Board
from amiproxy.cli.ctl.top.state import Mode, State, Wish
from tests.cli.ctl.top.looks import board, board_of_several, session


@pytest.fixture
def many() -> Board:
    """Thirty sessions of three users; the first sends most."""
    return board(
        *(session(n, ("xu", "yu", "zu")[n % 3], age=1.0, bytes_out=10_000 * (40 - n)) for n in range(30))
    )


def pressed(state: State, found: Board, *keys: str) -> list[Wish]:
    return [wish for key in keys if (wish := state.press(key, found)) is not None]


def place(state: State, found: Board) -> int | None:
    rows = state.rows(found)
    row = state.find(rows)
    return None if row is None else rows.index(row)


def test_q_quits(many: Board) -> None:
    assert pressed(State(), many, "q") == [Wish("quit")]


def test_the_selection_moves_by_rows_and_pages(many: Board) -> None:
    state = State(page=10)
    places = []
    for key in ("down", "down", "pagedown", "up", "end", "down", "pageup", "home", "up"):
        pressed(state, many, key)
        places.append(place(state, many))
    assert places == [0, 1, 11, 10, 29, 29, 19, 0, 0]
    pressed(state, many, "escape")
    assert place(state, many) is None


def test_the_selected_row_stays_on_the_screen(many: Board) -> None:
    state = State()
    pressed(state, many, "end")
    rows = state.rows(many)
    assert state.window(rows, 10)[-1] is state.find(rows)
    assert state.top == 20
    pressed(state, many, "home")
    assert state.window(rows, 10)[0] is state.find(rows)
    # A filter leaves fewer rows than the first one on the screen.
    pressed(state, many, "end", "/", "x", "u", "enter")
    assert len(state.window(state.rows(many), 50)) == 10


def test_the_selection_follows_its_session_when_the_order_changes(many: Board) -> None:
    state = State(page=5)
    pressed(state, many, "down", "down")
    chosen = state.selected
    pressed(state, many, "r")
    assert state.selected == chosen
    assert place(state, many) == 28


def test_s_and_arrows_choose_the_column_and_r_reverses(many: Board) -> None:
    state = State()
    pressed(state, many, "s")
    assert state.column == "outbox"
    pressed(state, many, "left", "S")
    assert state.column == "rate_in"
    for _ in range(11):
        pressed(state, many, "right")
    assert state.column == "rate_in"
    pressed(state, many, "r")
    assert state.reverse


def test_users_have_columns_of_their_own(many: Board) -> None:
    state = State(column="state")
    pressed(state, many, "u")
    assert [row.id for row in state.rows(many)] == ["xu", "yu", "zu"]
    assert state.column == "rate_out"
    seen = {state.column}
    for _ in range(12):
        pressed(state, many, "s")
        seen.add(state.column)
    assert "sessions" in seen
    assert not {"id", "state"} & seen
    assert pressed(state, many, "down", "enter") == []
    assert not state.by_user
    assert {row.user for row in state.rows(many)} == {"xu"}


def test_the_filter_takes_keys_as_text(many: Board) -> None:
    state = State()
    pressed(state, many, "/", "q", "k", "backspace", "backspace", "y", "up")
    assert state.mode is Mode.FILTER
    pressed(state, many, "enter")
    assert (state.filter, {row.user for row in state.rows(many)}) == ("y", {"yu"})
    pressed(state, many, "/", "x", "escape")
    assert state.filter == "y"
    pressed(state, many, "escape")
    assert state.filter == ""
    pressed(state, many, "/", *"x" * 100)
    assert len(state.filter) == 40


def test_nobody_is_kicked_without_a_selection_and_a_y(many: Board) -> None:
    state = State()
    assert pressed(state, many, "k", "y") == []
    assert state.mode is Mode.LIST
    assert pressed(state, many, "down", "k", "n") == []
    assert state.message == "not kicked"
    assert pressed(state, many, "k", "enter") == []
    assert pressed(state, many, "k", "y") == [Wish("kick", f"{0:012x}")]


def test_a_user_is_kicked_with_all_sessions(many: Board) -> None:
    state = State(by_user=True, column="user")
    assert pressed(state, many, "down", "down", "k", "Y") == [Wish("kick", "user:yu")]


def test_sessions_without_a_user_are_not_kicked_together() -> None:
    state, found = State(by_user=True), board(session(1, None))
    assert pressed(state, found, "down", "k", "y") == []
    assert state.mode is Mode.LIST


def test_a_session_that_ends_before_the_y_is_not_kicked(many: Board) -> None:
    state = State()
    pressed(state, many, "down", "k")
    assert state.press("y", board(session(99))) is None
    assert "ended" in state.message


def test_enter_shows_details_until_any_way_back(many: Board) -> None:
    state = State()
    assert pressed(state, many, "enter") == []
    assert "select" in state.message
    assert pressed(state, many, "down", "enter") == [Wish("details", f"{0:012x}")]
    assert state.mode is Mode.DETAILS
    pressed(state, many, "s", "escape")
    assert (state.mode, state.column) == (Mode.LIST, "rate_out")
    pressed(state, many, "enter", "k")
    assert state.mode is Mode.CONFIRM


def test_any_key_closes_the_help(many: Board) -> None:
    state = State()
    for key in ("x", "q", "escape"):
        assert pressed(state, many, "h", key) == []
        assert state.mode is Mode.LIST


def test_space_pauses_and_unknown_keys_do_nothing(many: Board) -> None:
    state = State()
    pressed(state, many, " ")
    assert state.paused
    before = State(paused=True)
    pressed(state, many, "x", "\x00", "é")
    assert state == before
    empty = Board()
    pressed(state, empty, "down", "k", "enter", " ")
    assert not state.paused


def test_sessions_are_sorted_and_filtered_by_server_only_if_servers_have_names() -> None:
    found = board_of_several(session(1, servers=["pbx2"]), session(2, servers=["pbx1"]))
    state = State(column="user")
    pressed(state, found, "s")
    assert state.column == "server"
    assert [row.server for row in state.rows(found)] == ["pbx1", "pbx2"]
    pressed(state, found, "/", *"pbx2", "enter")
    assert [row.server for row in state.rows(found)] == ["pbx2"]
    unnamed = State(column="user")
    pressed(unnamed, board(session(1)), "s")
    assert unnamed.column == "peer"


def test_a_user_s_row_names_the_server_that_all_its_sessions_see() -> None:
    found = board_of_several(
        session(1, "xu", servers=["pbx2"]),
        session(2, "yu", servers=["pbx1"]),
        session(3, "yu", servers=["pbx2"]),
    )
    assert {row.user: row.server for row in found.users} == {"xu": "pbx2", "yu": "several"}
