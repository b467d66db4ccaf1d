"""The page in Chromium, at a proxy in front of a real Asterisk 22 with a call centre."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.page.board import Board
from tests.asterisk.page.centre import Calls, Centre
from tests.asterisk.page.native import Native
from tests.asterisk.page.proxy import SECRET, PageProxy
from tests.support.ami_client import AmiClient
from tests.support.browser import Browser, connected, running
from tests.support.requirements import give_up

HERE = Path(__file__).parent

Opener = Callable[..., Awaitable[Board]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all of them, which takes minutes; see ``ByFixtures``."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("long")


@pytest.fixture(scope="session")
def centre() -> Iterator[Centre]:
    try:
        made = Centre()
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    with made:
        yield made


@pytest.fixture(scope="session")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a browser that all tests share."""
    with running(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture(scope="session")
def axe(node_path: Path) -> str:
    """The source of axe-core."""
    return (node_path / "axe-core/axe.min.js").read_text()


@pytest.fixture
async def browser(devtools: str) -> AsyncIterator[Browser]:
    async with connected(devtools) as found:
        yield found


@pytest.fixture
async def acting(centre: Centre) -> AsyncIterator[AmiClient]:
    """A session at Asterisk's own port."""
    asterisk = centre.asterisk
    async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
        await client.login(asterisk.user, asterisk.secret, Events="off")
        yield client


@pytest.fixture
async def calls(acting: AmiClient, centre: Centre) -> AsyncIterator[Calls]:
    """No calls yet."""
    made = Calls(acting)
    await made.end_all()
    yield made
    for desk in centre.desks.values():
        desk.answers = "at once"
    await made.end_all()


@pytest.fixture
def native(acting: AmiClient) -> Native:
    return Native(acting)


@pytest.fixture(scope="session")
def shared(centre: Centre, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProxy]:
    """A proxy for tests that leave it as it is."""
    proxy = PageProxy(tmp_path_factory.mktemp("page"), centre.asterisk)
    proxy.start(linked=True)
    try:
        yield proxy
        proxy.stop()
    finally:
        proxy.kill()
    assert SECRET not in proxy.stderr


@pytest.fixture
def proxy(centre: Centre, tmp_path: Path) -> Iterator[PageProxy]:
    """A proxy of the test's own."""
    proxy = PageProxy(tmp_path, centre.asterisk)
    proxy.start(linked=True)
    try:
        yield proxy
    finally:
        proxy.kill()


@pytest.fixture
async def opened(browser: Browser) -> AsyncIterator[Opener]:
    """Opens the page, and logs in if it is given a user.  None of the pages may have a fault at the end."""
    boards: list[Board] = []

    async def open_page(url: str, user: str = "", view: str = "", width: int = 1280) -> Board:
        board = Board(await browser.page(), url)
        boards.append(board)
        await board.open("" if user else view, width=width)
        if user:
            await board.log_in(user, SECRET)
            await board.hides("#login")
            await board.go(view)
        return board

    yield open_page
    for board in boards:
        await board.run("1")  # reads the events that are still on their way
        assert board.faults() == []
