"""AJAM in Chromium: its form, its digest, and what pages of another site can do with a visitor's browser.

Whether an action has run is judged by the global variable that it sets in Asterisk.
"""

import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.ajam.conftest import proxy_with_ajam
from tests.asterisk.ajam.door import PREFIX, AjamDoor, AjamProxy
from tests.asterisk.door import SECRETS
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.browser import Browser, Page, chromium
from tests.support.cut import Relay

USER = Asterisk.user
SECRET = SECRETS[USER]

#: Fills the form in and sends it, as a person does.
FORM = """
(() => {
  const form = document.forms[0], given = %s;
  for (const [name, value] of Object.entries(given)) form.elements[name].value = value;
  const choice = form.querySelector("select[name=action]");
  const action = %s;
  choice.value = action;
  if (choice.value !== action) form.querySelector("input[name=action]").value = action;
  form.querySelector("[type=submit]").click();
})()
"""
#: Logs in at the JSON interface as well, whose cookie browsers send to /ws and /api/v1.
LOGIN = """
fetch("/api/v1/session", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ username: "%s", secret: "%s" }),
}).then((answer) => answer.status)
"""


#: Events of a browser that finds fault with a page.
COMPLAINTS = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Audits.issueAdded"}
#: Adds what somebody might who found a way to add elements; returns what the policy has refused.
INJECT = """
new Promise((go) => {
  const refused = new Set();
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
    if (refused.add(effectiveDirective).size === 3) go([...refused].sort());
  });
  document.body.insertAdjacentHTML("beforeend", "<img src=/livez onerror='window.ran = true'>");
  const script = document.createElement("script");
  script.text = "window.ran = true";
  document.body.append(script);
})
"""


@pytest.fixture(scope="module")
def open_proxy(web22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AjamProxy]:
    """A proxy whose user has all doors of HTTP."""
    folder = tmp_path_factory.mktemp("browsed")
    with proxy_with_ajam(web22, folder, doors=["ajam", "api", "ws"]) as proxy:
        yield proxy


@pytest.fixture
def mine(web22: Asterisk, open_proxy: AjamProxy) -> AjamDoor:
    """The proxy's door."""
    return AjamDoor(web22, open_proxy)


@pytest.fixture(params=["native", "ours"])
def place(web22: Asterisk, request: pytest.FixtureRequest) -> AjamDoor:
    """Asterisk's own and the proxy's in turn."""
    is_ours = request.param == "ours"
    return AjamDoor(web22, request.getfixturevalue("open_proxy") if is_ours else None)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path) as found:
        yield found


@pytest.fixture
async def acting(web22: Asterisk) -> AsyncIterator[AmiClient]:
    """A session at Asterisk's own port for AMI."""
    async with await AmiClient.connect(web22.host, web22.port) as client:
        await client.login(web22.user, web22.secret, Events="off")
        yield client


async def sent(page: Page, action: str, **fields: str) -> str:
    """The text of the page that is the answer to the form."""
    await page.leave(FORM % (json.dumps(fields), json.dumps(action)), await page.run("location.href"))
    return await shown(page)


async def shown(page: Page) -> str:
    """The text of a page."""
    text: str = await page.run("document.documentElement.textContent")
    return text


async def logged_in(browser: Browser, door: AjamDoor) -> Page:
    """A page of somebody who has logged in with the form."""
    page = await browser.page()
    await page.go(f"{door.url}/manager", bypasses_csp=False)
    assert "Authentication accepted" in await sent(page, "login", username=USER, secret=SECRET)
    return page


async def test_a_person_logs_in_with_the_form_and_runs_actions(place: AjamDoor, browser: Browser) -> None:
    page = await logged_in(browser, place)
    for domain in ("Log", "Runtime", "Audits"):
        await page.ask(f"{domain}.enable")
    assert "System uptime" in await sent(page, "command", command="core show uptime")
    assert "Goodbye" in await sent(page, "logoff")
    assert "Permission denied" in await sent(page, "command", command="core show uptime")
    if place.is_ours:
        said = [event for event in browser.events if event["method"] in COMPLAINTS]
        assert not said


async def test_the_policy_of_the_page_lets_nothing_run_in_it(mine: AjamDoor, browser: Browser) -> None:
    page = await logged_in(browser, mine)
    await page.ask("Log.enable")
    assert await page.run(INJECT) == ["img-src", "script-src-attr", "script-src-elem"]
    assert await page.run("window.ran ?? null") is None
    assert any(event["method"] in COMPLAINTS for event in browser.events)


# -- a digest ---------------------------------------------------------------------------


def answer_dialogs(browser: Browser, user: str, secret: str) -> list[str]:
    """Answer each dialog for credentials the first time; the list has the schemes that were asked for."""
    asked: list[str] = []

    def credentials(params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        asked.append(params["authChallenge"]["scheme"])
        given: dict[str, str] = {"response": "CancelAuth"}
        if len(asked) == 1:
            given = {"response": "ProvideCredentials", "username": user, "password": secret}
        return "Fetch.continueWithAuth", {
            "requestId": params["requestId"],
            "authChallengeResponse": given,
        }

    browser.reactions["Fetch.authRequired"] = credentials
    browser.reactions["Fetch.requestPaused"] = lambda params: (
        "Fetch.continueRequest",
        {"requestId": params["requestId"]},
    )
    return asked


async def test_a_person_logs_in_by_digest_in_a_dialog(place: AjamDoor, browser: Browser) -> None:
    page = await browser.page()
    await page.ask("Fetch.enable", handleAuthRequests=True)
    asked = answer_dialogs(browser, USER, SECRET)
    for _ in range(3):
        await page.go(f"{place.url}/amanager?action=ping")
        assert "Pong" in await shown(page)
    assert asked == ["digest"]


async def test_a_wrong_secret_in_the_dialog_shows_nothing(place: AjamDoor, browser: Browser) -> None:
    page = await browser.page()
    await page.ask("Fetch.enable", handleAuthRequests=True)
    asked = answer_dialogs(browser, USER, "wrong")
    await page.go(f"{place.url}/amanager?action=ping")
    assert "Pong" not in await shown(page)
    assert asked == ["digest", "digest"]


# -- pages of another site --------------------------------------------------------------

LINK, CLICK = "<a href='@url'>Prizes</a>", "document.querySelector('a').click()"
SELF_SENT, SEND = "<form method=post action='@page'>@inputs</form>", "document.forms[0].submit()"
#: Scripts that return what they could read.  ``@url`` is what sets the variable, ``@page`` and ``@form`` are
#: its two halves, ``@inputs`` are the fields of a form, ``@host`` is the victim's host and port.
FETCH = (
    "fetch('%s', {credentials: 'include', %s}).then((it) => it.type === 'opaque' ? '' : it.text(), () => '')"
)
QUIET = {
    "image": """new Promise((go) => {
        const image = new Image();
        image.onload = () => go('image');
        image.onerror = () => go('');
        image.src = '@url';
    })""",
    "fetch": FETCH % ("@url", "mode: 'no-cors'"),
    "fetch to read": FETCH % ("@url", "mode: 'cors'"),
    "fetch by POST": FETCH % ("@page", "mode: 'no-cors', method: 'POST', body: new URLSearchParams('@form')"),
    "script": """new Promise((go) => {
        const script = document.createElement('script');
        script.onload = script.onerror = () => go('');
        script.src = '@url';
        document.body.append(script);
    })""",
    "event source of AJAM": """new Promise((go) => {
        const source = new EventSource('@url', {withCredentials: true});
        source.onmessage = ({data}) => go(data);
        source.onerror = () => { source.close(); go(''); };
    })""",
    "event source": """new Promise((go) => {
        const source = new EventSource('https://@host/api/v1/events', {withCredentials: true});
        source.onopen = () => go('open');
        source.onerror = () => { source.close(); go(''); };
    })""",
    "socket": """new Promise((go) => {
        const socket = new WebSocket('wss://@host/ws');
        socket.onmessage = ({data}) => {
            const {type} = JSON.parse(data);
            if (type === 'login_required')
                socket.send(JSON.stringify({Action: 'Setvar', Variable: '@variable', Value: '1'}));
            else if (type === 'hello') go(data);
            else socket.close();
        };
        socket.onclose = () => go('');
    })""",
}


@dataclass(frozen=True)
class Foreign:
    """A page of another site, and the variable by which its action is known."""

    door: AjamDoor
    variable: str
    pages: dict[str, str]
    port: int

    def written(self, template: str, page: str = "rawman") -> str:
        """A template with its values."""
        form = f"action=setvar&variable={self.variable}&value=1"
        path = f"{self.door.url}/{page}"
        fields = [pair.split("=") for pair in form.split("&")]
        inputs = "".join(f"<input name={name} value={value}>" for name, value in fields)
        values = {
            "@inputs": inputs,
            "@url": f"{path}?{form}",
            "@page": path,
            "@form": form,
            "@variable": self.variable,
        }
        for name, value in {**values, "@host": f"localhost:{self.door.port}"}.items():
            template = template.replace(name, value)
        return template

    async def show(self, page: Page, body: str, name: str = "rawman") -> None:
        """Have the browser go to a foreign page with this body."""
        self.pages["/"] = self.written(body, name)
        # Another site for a browser, although it is the same machine.
        await page.go(f"http://127.0.0.1:{self.port}/")

    async def has_acted(self, acting: AmiClient) -> bool:
        """Whether the action has run; it is forgotten then."""
        answer = await acting.action("Getvar", Variable=self.variable)
        await acting.action("Setvar", Variable=self.variable, Value="")
        return answer.get("Value") == "1"


@pytest.fixture
def foreign(place: AjamDoor) -> Iterator[Foreign]:
    """The site of an attacker."""
    pages: dict[str, str] = {}
    with serving(pages) as port:
        yield Foreign(place, "FOREIGN", pages, port)


@contextmanager
def serving(pages: dict[str, str]) -> Iterator[int]:
    """A small web server with these pages, by path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


async def test_a_foreign_link_and_a_form_act_at_asterisk_only(
    place: AjamDoor, browser: Browser, foreign: Foreign, acting: AmiClient
) -> None:
    for name in ("rawman", "mxml", "manager"):
        page = await logged_in(browser, place)
        await foreign.show(page, LINK, name)
        await page.leave(CLICK, f"{place.url}/{name}")
        assert await foreign.has_acted(acting) is not place.is_ours, name
        page = await logged_in(browser, place)
        await foreign.show(page, SELF_SENT, name)
        await page.leave(SEND, f"{place.url}/{name}")
        assert await foreign.has_acted(acting) is not place.is_ours, name


async def test_a_foreign_link_acts_with_a_digest_at_asterisk_only(
    place: AjamDoor, browser: Browser, foreign: Foreign, acting: AmiClient
) -> None:
    page = await browser.page()
    await page.ask("Fetch.enable", handleAuthRequests=True)
    asked = answer_dialogs(browser, USER, SECRET)
    await page.go(f"{place.url}/amanager?action=ping")
    assert "Pong" in await shown(page)
    await foreign.show(page, LINK, "amanager")
    await page.leave(CLICK, f"{place.url}/amanager")
    assert await foreign.has_acted(acting) is not place.is_ours
    assert asked == ["digest"]


async def test_nothing_else_of_a_foreign_page_acts_or_reads(
    place: AjamDoor, browser: Browser, foreign: Foreign, acting: AmiClient
) -> None:
    page = await logged_in(browser, place)
    if place.is_ours:
        await page.go(f"https://localhost:{place.port}/livez")
        assert await page.run(LOGIN % (USER, SECRET)) == 200
    for name, template in QUIET.items():
        if "@host" in template and not place.is_ours:
            continue  # Asterisk has neither
        await foreign.show(page, "")
        read = await page.run(foreign.written(template))
        acted = await foreign.has_acted(acting)
        assert (read, acted) == ("", False), name
    # The visitor is still logged in, and the same from our own page does act.
    await page.go(f"{place.url}/manager?action=ping")
    assert "Pong" in await shown(page)
    await page.run(foreign.written(FETCH % ("@url", "mode: 'same-origin'")))
    assert await foreign.has_acted(acting)
    if place.is_ours:
        for name in ("event source", "socket"):
            assert await page.run(foreign.written(QUIET[name])) != "", name


async def test_a_page_of_another_port_neither_acts_nor_reads_although_the_browser_sends_the_cookie(
    mine: AjamDoor, browser: Browser, acting: AmiClient
) -> None:
    # Cookies do not know ports, and SameSite does not either.
    other_port = Foreign(mine, "OTHER_PORT", {}, 0)
    page = await logged_in(browser, mine)
    async with Relay(mine.port) as other:
        elsewhere = f"https://localhost:{other.port}/livez"
        await page.go(elsewhere)
        assert await page.run(LOGIN % (USER, SECRET)) == 200
        for name, template in QUIET.items():
            read = await page.run(other_port.written(template))
            assert (read, await other_port.has_acted(acting)) == ("", False), name
        for body, script in ((LINK, CLICK), (SELF_SENT, SEND)):
            await page.go(elsewhere)
            written = json.dumps(other_port.written(body))
            await page.run(f"void (document.body.innerHTML = {written})")
            await page.leave(script, f"{mine.url}/rawman")
            assert not await other_port.has_acted(acting)
        # The other port does not matter to the browser, which has the cookie for this host.
        await page.go(f"https://localhost:{other.port}{PREFIX}/rawman?action=ping")
        assert "Pong" in await shown(page)
