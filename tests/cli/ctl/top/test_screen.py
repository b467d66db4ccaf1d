import pytest
from rich.cells import cell_len

from amiproxy.cli.ctl.top.board import Board
from amiproxy.cli.ctl.top.screen import (
    _SESSIONS,
    _USERS,
    Line,
    Surroundings,
    columns,
    compact,
    compact_span,
    fitting,
    flow,
    screen,
)
from amiproxy.cli.ctl.top.state import State
from tests.cli.ctl.top.looks import board, board_of_several, session

SIZES = [(80, 24), (60, 20), (100, 30), (200, 50), (80, 8), (30, 10), (10, 3)]
WORST = {"peer": "2001:db8:1111:2222:3333:4444:5555:6666", "port": 65535, "outbox": 10**9, "denied": 10**6}


def crowd(number: int) -> Board:
    names = ("wall", "a-user-with-a-name-of-forty-characters..", "呼叫中心", "esc\x1b[31m")
    return board(
        *(
            session(n, names[n % 4], age=10.0**n if n < 7 else 1.0, **(WORST if n % 5 == 0 else {}))
            for n in range(number)
        )
    )


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for _, text in line) for line in lines]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("number", [0, 1, 200])
@pytest.mark.parametrize("keys", ["", "u", "h", "/wa", " ", "DkD", "Dk", "uDk", "DE"])
def test_every_screen_is_exactly_as_large_as_the_terminal(
    width: int, height: int, number: int, keys: str
) -> None:
    found, state = crowd(number), State()
    for key in keys:
        state.press({"D": "down", "E": "enter"}.get(key, key), found)
    for trouble in ("", "no answer from the service, trying again"):
        shown = texts(screen(found, state, width, height, Surroundings(trouble, ["x" * 300] * 99)))
        assert len(shown) == height
        assert max(map(cell_len, shown)) <= width
        assert all(line.isprintable() for line in shown)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("keys", ["", "u", "D"])
def test_with_several_servers_the_screen_is_as_large_as_the_terminal(
    width: int, height: int, keys: str
) -> None:
    rows = (session(n, servers=["pbx1", "a-rather-long-name-of-a-server-x"][: n % 3]) for n in range(9))
    found, state = board_of_several(*rows), State()
    for key in keys:
        state.press({"D": "down"}.get(key, key), found)
    shown = texts(screen(found, state, width, height, Surroundings()))
    assert len(shown) == height
    assert max(map(cell_len, shown)) <= width
    if (width, height) == (80, 24):
        assert "links 1 of 2 up, pbx2 down: connection refused" in "\n".join(shown)
        assert any(" server " in line for line in shown)


def test_without_names_there_is_no_column_of_servers() -> None:
    shown = texts(screen(board(session(1)), State(), 80, 24, Surroundings()))
    assert not any(" server" in line for line in shown)


@pytest.mark.parametrize(
    ("width", "missing"),
    [
        (200, set()),
        (100, {"asterisk"}),
        (80, {"asterisk", "proxy", "state"}),
        (60, {"asterisk", "proxy", "state", "rate_in", "id"}),
    ],
)
def test_the_least_important_columns_are_left_out_first(width: int, missing: set[str]) -> None:
    rows = board(session(1, "callcentre-reporting-2", peer="192.0.2.77", port=54321)).sessions
    fitted = columns(_SESSIONS, rows, width)
    assert {spec.field for spec in _SESSIONS} - {spec.field for spec, _ in fitted} == missing
    assert sum(size for _, size in fitted) + len(fitted) - 1 <= width
    assert {spec.field: size for spec, size in fitted}["user"] >= 15


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_headings_and_cells_are_aligned(width: int) -> None:
    found = crowd(8)
    for specs, rows in ((_SESSIONS, found.sessions), (_USERS, found.users)):
        assert sum(size for _, size in columns(specs, rows, width)) < width
    lines = texts(screen(found, State(), width, 24, Surroundings()))
    heading = next(number for number, line in enumerate(lines) if "out/s" in line)
    end = lines[heading].index("out/s") + len("out/s")
    for line in lines[heading + 1 : heading + 9]:
        assert _column(line, end - 1) != " "
        assert _column(line, end) in {" ", ""}


def _column(line: str, place: int) -> str:
    """The character at a column of the terminal."""
    used = 0
    for character in line:
        if used >= place:
            return character
        used += cell_len(character)
    return ""


def test_the_header_has_the_state_of_the_service() -> None:
    shown = " ".join(texts(screen(crowd(1), State(), 80, 24, Surroundings())))
    for text in (
        "ami-proxy 1.2.3 serving",
        "up 1h01m",
        "link up",
        "certificate fine",
        "2 sessions",
        "lag 1.2 ms",
    ):
        assert text in shown


def test_before_the_first_answer_it_says_so() -> None:
    shown = texts(screen(Board(), State(), 80, 24, Surroundings("no answer")))
    assert "no answer" in shown[0]


def test_the_footer_has_the_position_and_the_order() -> None:
    state, found = State(), crowd(200)
    for key in ("end", "s", "r", "/", "w", "a", "enter"):
        state.press(key, found)
    position, keys = texts(screen(found, state, 80, 24, Surroundings()))[-2:]
    assert "of 50 by outbox, reversed, with 'wa'" in position
    assert keys.startswith("q quit  h help")
    assert (
        texts(screen(found, state, 80, 24, Surroundings(hint="keys need a terminal")))[-1]
        == "keys need a terminal"
    )


def test_the_question_before_a_kick_names_user_and_peer() -> None:
    state, found = State(), board(session(1, "wall"))
    for key in ("down", "k"):
        state.press(key, found)
    assert "kick session 000000000001 of wall at 192.0.2.1:1?" in texts(
        screen(found, state, 80, 24, Surroundings())
    )
    state = State(by_user=True)
    for key in ("down", "k"):
        state.press(key, found)
    assert "kick all 1 session of wall?" in texts(screen(found, state, 80, 24, Surroundings()))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0, "0"), (0.04, "0"), (0.5, "0.5"), (9.96, "10"), (7, "7"), (999, "999"), (999.6, "1.0K")),
        *(
            (1234, "1.2K"),
            (56_000, "56K"),
            (999_400, "999K"),
            (999_600, "1.0M"),
            (2.3e9, "2.3G"),
            (5e15, "5000T"),
        ),
    ],
)
def test_numbers_have_at_most_five_characters(number: float, text: str) -> None:
    assert compact(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (535, "8m55s"), (10_920, "3h02m"), (172_800, "2d00h"), (1e8, "1157d")],
)
def test_ages_have_at_most_six_characters(seconds: float, text: str) -> None:
    assert compact_span(seconds) == text


def test_items_are_not_divided() -> None:
    items = [[("", f"item {number}")] for number in range(9)]
    lines = texts(flow(items, 22))
    assert lines == ["item 0  item 1  item 2", "item 3  item 4  item 5", "item 6  item 7  item 8"]
    assert fitting(["one", "two", "three"], 9) == "one  two"
