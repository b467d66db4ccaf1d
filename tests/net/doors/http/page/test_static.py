"""The files of the page: which there are, and how they are served."""

import hashlib
from pathlib import Path

import pytest

from amiproxy.net.doors.http.page import routes, static
from tests.net.doors.http.page.conftest import PageHouse
from tests.net.doors.http.settings import with_

BOTH_LOOPS = True
FOLDER = Path(static.__file__).parent / "files"
FILES = sorted(str(one.relative_to(FOLDER)) for one in FOLDER.rglob("*") if one.is_file())
PATHS = ["/", *(f"/page/{name}" for name in FILES if name != static.INDEX)]
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "screen-wake-lock=(self)",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def file_at(path: str) -> Path:
    return FOLDER / (path.removeprefix("/page/") if path != "/" else static.INDEX)


def test_every_file_of_the_page_is_served() -> None:
    assert sorted(static.read_files()) == FILES


async def test_all_files_have_their_bytes_and_their_headers(house: PageHouse) -> None:
    for path in PATHS:
        reply = await house.ask("GET", path)
        file = file_at(path)
        assert (reply.status, reply.body) == (200, file.read_bytes())
        assert reply.get("content-type") == MEDIA[file.suffix]
        assert reply.get("cache-control") == "no-cache"
        assert {name: reply.get(name) for name in HEADERS} == HEADERS


async def test_head_has_the_headers_of_get_and_no_body(house: PageHouse) -> None:
    for path in PATHS:
        async with house.peer() as peer:
            reply = await peer.get(path, method="HEAD")
            assert (reply.status, reply.body) == (200, b"")
            assert reply.get("content-length") == str(file_at(path).stat().st_size)
            assert (await peer.get(path)).status == 200


async def test_a_file_that_the_browser_has_is_not_sent_again(house: PageHouse) -> None:
    async with house.peer() as peer:
        tag = (await peer.get("/")).get("etag")
        assert tag == f'"{hashlib.sha256(file_at("/").read_bytes()).hexdigest()[:32]}"'
        for known in (tag, f"W/{tag}", "*", f'"x", {tag}'):
            await peer.send(f"GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {known}\r\n\r\n".encode())
            head = await peer._until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 304 ")
            assert f"ETag: {tag}".encode() in head
            assert b"Cache-Control: no-cache" in head
            assert b"Content-Security-Policy: default-src 'none'; script-src 'self'" in head
        assert (await peer.get("/", 'If-None-Match: "other"')).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_files_are_only_read(house: PageHouse, method: str) -> None:
    for path in ("/", "/page/x.js"):
        reply = await house.ask(method, path)
        assert reply.status == 405
        assert reply.get("allow") == "GET, HEAD"
        assert {name: reply.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/index.html",
        "/page/absent.js",
        "/page/style",
        "/page/style/",
        "/page//main.js",
        "/page/./main.js",
        "/page/../routes.py",
        "/page/../../../../../../etc/passwd",
        "/page/..%2froutes.py",
        "/page/%2e%2e/routes.py",
        "/page/..\\routes.py",
        "/page/style/../index.html",
        "/page/routes.py",
        "/page/static.py",
        "/page/index.html%00",
        "/page/INDEX.HTML",
        "/page//etc/passwd",
        "/page/api",
        "/page/wsx",
    ],
)
async def test_no_path_leads_to_anything_else(house: PageHouse, path: str) -> None:
    reply = await house.ask("GET", path)
    assert (reply.status, reply.body) == (404, b"there is nothing at this path\n")
    assert {name: reply.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/page", "//", "/index.html", "/main.js", "/pages/main.js"])
async def test_there_is_nothing_beside_the_folder(house: PageHouse, path: str) -> None:
    assert (await house.ask("GET", path)).status == 404


async def test_the_query_chooses_nothing(house: PageHouse) -> None:
    assert (await house.ask("GET", "/?file=../../routes.py")).body == file_at("/").read_bytes()


async def test_files_with_endings_that_are_not_of_the_page_are_not_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(static.resources, "files", lambda _: tmp_path)
    (tmp_path / "files" / "view").mkdir(parents=True)
    for name in ("index.html", "view/a.js", "view/a.js~", ".a.js.swp", "secret.key", "a"):
        (tmp_path / "files" / name).write_text(name)
    assert {name: file.body for name, file in static.read_files().items()} == {
        "index.html": b"index.html",
        "view/a.js": b"view/a.js",
    }


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example"])
async def test_another_host_is_shown_nothing(house: PageHouse, host: str) -> None:
    for path in ("/", "/page/api/me", "/page/ws"):
        async with house.peer() as peer:
            reply = await peer.ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert reply.status == 421


async def test_a_link_from_another_site_leads_to_the_page(house: PageHouse) -> None:
    lines = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert (await house.ask("GET", "/", None, *lines)).status == 200


@with_(alone=True)
async def test_the_page_needs_no_other_door(house: PageHouse) -> None:
    for path in PATHS:
        assert (await house.ask("GET", path)).status == 200
    for path in ("/ws", "/api/v1/me", "/rawman", "/metrics"):
        assert (await house.ask("GET", path)).status == 404


async def test_ajam_beside_the_page_keeps_its_paths(house: PageHouse) -> None:
    assert (await house.ask("GET", "/")).body == file_at("/").read_bytes()
    reply = await house.ask("GET", "/rawman?action=ping")
    assert reply.body.startswith(b"Response: Error")
    assert "script-src" not in (reply.get("content-security-policy") or "")


async def test_requests_for_the_page_are_counted_as_such(house: PageHouse) -> None:
    for path in ("/", "/page/x", "/page/api/me", "/page/ws"):
        await house.ask("GET", path)
    assert {asked for asked, _ in house.pool.requests.answered} == {"page"}


def test_the_headers_are_those_of_all_routes() -> None:
    assert {name.decode().lower() for name, _ in routes.HEADERS} < HEADERS.keys()
