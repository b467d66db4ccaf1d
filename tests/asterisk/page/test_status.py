"""The operator's status: what `ami-proxy ctl` says, why something was denied, and what may be done there."""

import asyncio
import json
import sys
from typing import Any

import pytest
import yaml

from tests.asterisk.page.access import WIDTHS, findings
from tests.asterisk.page.board import come_true
from tests.asterisk.page.conftest import Opener
from tests.asterisk.page.native import agree
from tests.asterisk.page.proxy import SECRET, PageProxy
from tests.support.ami_client import AmiClient


async def ctl(proxy: PageProxy, *verb: str) -> Any:
    """What the command line says at this moment."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "amiproxy", "ctl", "--socket", str(proxy.control), "--json", *verb),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(said)


def cells(row: dict[str, Any]) -> dict[str, str]:
    return {field: cell["text"] for field, cell in row["cells"].items()}


@pytest.fixture
async def script(proxy: PageProxy) -> Any:
    """A client that may only look, and tries more."""
    async with await proxy.connect() as client:
        await client.login("script", SECRET)
        yield client


async def test_the_status_is_what_the_command_line_says(
    proxy: PageProxy, script: AmiClient, opened: Opener
) -> None:
    board = await opened(proxy.url, "watcher", "#status")

    async def sessions() -> list[str]:
        there = {
            (one["id"], one["user"] or "", one["door"], one["peer"]) for one in await ctl(proxy, "sessions")
        }
        shown = {
            (row["key"], cells(row)["user"], cells(row)["door"], cells(row)["peer"])
            for row in await board.rows("sessions")
        }
        return [f"{shown ^ there}"] if shown != there else []

    await agree(sessions)
    assert {cells(row)["user"] for row in await board.rows("users")} == {"watcher", "script"}
    upstream = await ctl(proxy, "upstream")
    links = [upstream, *upstream["side_links"]]
    words = await board.run(f"import('{proxy.url}page/texts.js').then(({{ texts }}) => texts.status.servers)")
    shown = [cells(row)["state"] for row in await board.rows("links")]
    assert shown == [words["linkStates"][link["state"]] for link in links]
    assert upstream["state"] == "up"
    served = [one for place in await ctl(proxy, "certs") for one in place["served"]]
    days = {cells(row)["days"].split()[0] for row in await board.rows("certificates")}
    assert {str(int(one["days_left"])) for one in served} <= {text.replace(",", "") for text in days}

    async def history() -> list[str]:
        states = words["kindStates"]
        there = {(row["kind"], states[row["state"]]) for row in (await ctl(proxy, "state"))["kinds"]}
        shown = {(cells(row)["kind"], cells(row)["state"]) for row in await board.rows("history")}
        return [f"{shown ^ there}"] if shown != there else []

    await agree(history)
    # A link that is lost, and a session that ends, are noticed.
    await script.close()

    async def gone() -> bool:
        return {cells(row)["user"] for row in await board.rows("users")} == {"watcher"}

    await come_true(gone)


async def test_a_denied_action_opens_why_and_what_would_allow_it(
    proxy: PageProxy, script: AmiClient, opened: Opener
) -> None:
    board = await opened(proxy.url, "watcher", "#status")
    await board.has_rows("sessions")
    answer = await script.action("Redirect", Channel="PJSIP/x", Context="page", Exten="stay", Priority="1")
    assert answer.get("Response") == "Error"

    async def denial() -> list[dict[str, Any]]:
        return [row for row in await board.rows("denials") if cells(row)["action"] == "Redirect"]

    (row,) = await come_true(denial)
    assert cells(row)["user"] == "script"
    await board.picture("status-denied")
    await board.tab_to("[data-do=explain]")
    await board.press("Enter")
    await board.shows("[data-dialog=explain] [data-field=change]")
    await board.picture("status-explain")
    assert "classes" in await board.text("[data-dialog=explain] [data-field=lines]")
    change = yaml.safe_load(await board.text("[data-dialog=explain] [data-field=change]"))
    await board.press("Escape")
    await board.hides("dialog")
    assert await board.run("document.activeElement.dataset.do") == "explain"
    # It is the change that allows it, and not more than that.
    assert list(change["users"]) == ["script"]

    def allow(users: dict[str, Any]) -> None:
        users["script"] |= change["users"]["script"]

    await asyncio.to_thread(proxy.change_users, allow)
    async with await proxy.connect() as client:
        await client.login("script", SECRET)
        answer = await client.action(
            "Redirect", Channel="PJSIP/x", Context="page", Exten="stay", Priority="1"
        )
        assert answer.get("Message") != "Permission denied"
        assert (await client.action("Originate", Channel="Local/1@page")).get(
            "Message"
        ) == "Permission denied"


async def test_who_may_not_operate_has_nothing_to_do_it_with(
    proxy: PageProxy, script: AmiClient, opened: Opener
) -> None:
    board = await opened(proxy.url, "watcher", "#status")
    await board.has_rows("sessions")
    assert not await board.is_shown("[data-do^=ask], select")
    # Nor does the interface below do it.
    for path, body in (
        ("kick", {"target": "user:script", "confirm": "kick"}),
        ("drain", {"confirm": "drain"}),
        ("log-level", {"level": "debug", "confirm": "log-level"}),
    ):
        text = json.dumps(json.dumps(body))
        status = await board.run(f"""
            fetch("page/api/{path}", {{
              method: "POST", headers: {{ "Content-Type": "application/json" }}, body: {text},
            }}).then((answer) => answer.status)
        """)
        assert status == 403, path
    assert script.is_open


async def test_a_board_has_no_status(proxy: PageProxy, opened: Opener) -> None:
    board = await opened(proxy.url, "board", "#status")
    await board.has_rows("queues")
    assert not await board.is_shown("#status, #tabs [href^='#status']")
    assert await board.run("fetch('page/api/sessions').then((answer) => answer.status)") == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_dialog_excludes_anybody(
    proxy: PageProxy, script: AmiClient, opened: Opener, axe: str, scheme: str
) -> None:
    await script.action("Redirect", Channel="PJSIP/x", Context="page", Exten="stay", Priority="1")
    board = await opened(proxy.url, "oper", "#status")
    await board.scheme(scheme)
    found = {}
    for button in ("explain", "ask-kick", "ask-drain"):
        await board.shows(f"[data-do={button}]")
        await board.run(f"document.querySelector('[data-do={button}]').click()")
        await board.shows("dialog")
        for width in WIDTHS:
            await board.size(width)
            found[f"{button} at {width}"] = await findings(board, axe)
            await board.picture(f"{button}-{width}-{scheme}")
        await board.press("Escape")
        await board.hides("dialog")
    assert {where: what for where, what in found.items() if what} == {}


async def test_operating_needs_a_confirmation(proxy: PageProxy, script: AmiClient, opened: Opener) -> None:
    board = await opened(proxy.url, "oper", "#status")
    await board.has_rows("sessions")

    async def row() -> str:
        key = next(row["key"] for row in await board.rows("sessions") if cells(row)["user"] == "script")
        return f"[data-table=sessions] [data-key={json.dumps(key)}] [data-do=ask-kick]"

    await board.tab_to(await row())
    await board.press("Enter")
    await board.shows("[data-dialog=kick]")
    await board.picture("status-kick")
    assert "script" in await board.text("[data-dialog=kick]")
    # What has the focus changes nothing; nor does leaving.
    assert await board.run("document.activeElement.dataset.do") == "close"
    await board.press("Enter")
    await board.hides("dialog")
    assert script.is_open
    await board.press("Enter")
    await board.shows("[data-dialog=kick]")
    await board.press("Escape")
    await board.hides("dialog")
    assert script.is_open
    await board.press("Enter")
    await board.tab_to("[data-dialog=kick] [data-do=kick]")
    await board.press("Enter")
    await script.ended()

    async def level() -> str:
        return str((await ctl(proxy, "status"))["log_level"])

    before = await level()
    other = "warning" if before != "warning" else "error"
    script_of_choice = f"""
        (() => {{
          const choice = document.querySelector("#log-level");
          choice.value = "{other}";
          choice.dispatchEvent(new Event("change"));
        }})()
    """
    await board.hides("dialog") if not await board.is_shown("dialog") else await board.press("Escape")
    await board.run(script_of_choice)
    await board.shows("[data-dialog=log-level]")
    assert await level() == before
    await board.press("Escape")
    await board.hides("dialog")
    assert await level() == before
    assert await board.run("document.querySelector('#log-level').value") == before
    await board.run(script_of_choice)
    await board.tab_to("[data-dialog=log-level] [data-do=log-level]")
    await board.press("Enter")

    async def changed() -> bool:
        return await level() == other

    await come_true(changed)
    await board.press("Escape")
    await board.tab_to("[data-do=ask-drain]")
    await board.press("Enter")
    await board.shows("[data-dialog=drain]")
    await board.picture("status-drain")
    await board.press("Escape")
    assert (await ctl(proxy, "status"))["state"] == "serving"
    await board.press("Enter")
    await board.tab_to("[data-dialog=drain] [data-do=drain]")
    await board.press("Enter")
    process = proxy.process
    assert process is not None

    async def over() -> bool:
        return process.poll() is not None

    await come_true(over)
    assert process.poll() == 0


async def test_it_asks_only_while_somebody_looks(proxy: PageProxy, opened: Opener) -> None:
    board = await opened(proxy.url, "watcher", "#status")
    await board.page.ask("Network.enable")
    await board.has_rows("sessions")

    async def asked() -> int:
        requests = board.page.events("Network.requestWillBeSent")
        await board.run("1")
        return len([one for one in requests if "/page/api/" in one["request"]["url"]])

    first = await asked()

    async def more() -> bool:
        return await asked() > first + 3

    await come_true(more)
    await board.go("#queues")
    await board.has_rows("queues")
    await asyncio.sleep(0.5)
    before = await asked()
    await asyncio.sleep(4)  # longer than it waits between two questions
    assert await asked() <= before


async def test_a_link_that_is_down_is_said(proxy: PageProxy, opened: Opener) -> None:
    board = await opened(proxy.url, "watcher", "#status")
    await board.has_rows("links")
    proxy.kill()
    await board.shows("#status-error")
    assert await board.text("#status-error")
