"""What deploy/wallboard.md has people type works, up to a television that logs in by certificate."""

import json
import re
import shutil
import ssl
import struct
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.deploy import picture
from tests.deploy.pages import TOP, Block, blocks
from tests.support.ports import free_port
from tests.support.requirements import give_up
from tests.support.service import SECRET, USERS, Service

PAGE = "deploy/wallboard.md"
TEXT = (TOP / PAGE).read_text()
_FILES = TOP / "proxy/amiproxy/net/doors/http/page/files"
#: Values that scripts compare: DeviceState of an endpoint as Asterisk writes it, and the state of a link.
_COMPARED = {"Not in use", "In use", "On Hold", "logging in"}
_TELEVISION = "A television that logs in by certificate"


def of(heading: str, info: str) -> list[Block]:
    return [block for block in blocks(PAGE) if block.heading == heading and block.info == info]


def yaml_of(heading: str, name: str) -> dict[str, Any]:
    [block] = of(heading, f"yaml {name}")
    found: dict[str, Any] = yaml.safe_load(block.text)
    return found


def run(text: str, folder: Path) -> None:
    """Type this, with the folder as home and in the place of /etc/ami-proxy."""
    text = text.replace("/etc/ami-proxy", str(folder / "etc")).replace("~/", "$HOME/")
    path = f"{TOP / '.venv/bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
    subprocess.run(
        ["sh", "-e"], input=text, text=True, check=True, cwd=folder, env={"HOME": str(folder), "PATH": path}
    )


def test_every_block_says_what_it_is() -> None:
    assert [f"{block}: {block.info}" for block in blocks(PAGE) if not block.is_marked] == []


def test_the_parameters_of_a_wall_are_those_that_the_page_reads() -> None:
    read = set(re.findall(r'parameters\.get\("(\w+)"\)', (_FILES / "views/values/thresholds.js").read_text()))
    [section] = re.findall(r"^## On a television$(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE)) == read


def test_the_user_is_added_with_the_door(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir(mode=0o700)
    users = tmp_path / "etc/users.yaml"
    users.write_text("users: {}\n")
    users.chmod(0o600)
    [block] = of("Switch it on", "sh")
    run(block.text.replace("--generate", f"--generate --no-reload --users {users}"), tmp_path)
    [added] = yaml.safe_load(users.read_text())["users"].values()
    assert (added["doors"], added["read"]) == (["page"], ["call", "agent"])


def test_the_policy_matches_the_ca_and_the_address() -> None:
    [policy] = of(_TELEVISION, "json wallboard.json")
    [rule] = json.loads(policy.text)["AutoSelectCertificateForUrls"]
    chosen = json.loads(rule)
    [made, *_] = of(_TELEVISION, "sh")
    assert f'--name "{chosen["filter"]["ISSUER"]["CN"]}"' in made.text
    assert any(chosen["pattern"] in block.text for block in blocks(PAGE) if "kiosk" in block.text)


def test_no_other_script_has_words_to_translate() -> None:
    words = re.compile(r"""(["'`])([A-Za-z][a-z]+,?(?: [A-Za-z]+)+[^"'`]*)\1""")
    found = {
        text
        for file in _FILES.rglob("*.js")
        if file.name != "texts.js" and file.parent.name != "texts"
        for line in file.read_text().splitlines()
        # Comments, and faults of the page itself, which only its console shows.
        if not re.match(r" *(?:/?\*|//|throw )|.*new Error\(", line)
        for _, text in words.findall(line)
    }
    assert found - _COMPARED == set()


async def test_a_television_sees_the_queues_by_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "etc/certs").mkdir(parents=True, mode=0o700)
    for block in of(_TELEVISION, "sh"):
        run(block.text, tmp_path)
    users = yaml_of(_TELEVISION, "users.yaml")["users"]
    [listener] = yaml_of(_TELEVISION, "proxy.yaml")["listeners"]
    users["lobby-tv"]["acl"] = ["permit 127.0.0.1"]
    settings = Settings(login_delay=0.0, calls_per_minute=20, call_centre=True)
    async with Simulator([User("proxy", SECRET)], settings) as simulator:
        (tmp_path / "service").mkdir(mode=0o700)
        service = Service(tmp_path / "service", ("127.0.0.1", simulator.port, "proxy", SECRET), USERS)
        port = free_port()
        pair = {"chain": "server.crt", "key": "server.key"}
        ours: dict[str, Any] = {"address": f"127.0.0.1:{port}", "certificates": [pair]}
        for key in ("client_ca", "client_crl"):
            ours[key] = str(tmp_path / "etc" / listener[key])
        ami = {"address": f"127.0.0.1:{service.port}", "certificates": [dict(pair)]}
        service.change(listeners=[ami, {**listener, **ours}])
        service.write_users(users)
        try:
            await service.start_up()
            await service.linked()
            await _look(service, port, tmp_path)
        finally:
            service.kill()


async def _look(service: Service, port: int, folder: Path) -> None:
    trust = ssl.create_default_context(cafile=str(service.cafile))
    url = f"{service.host}:{port}"
    async with httpx.AsyncClient(base_url=f"https://{url}", verify=trust, trust_env=False) as stranger:
        assert (await stranger.get("/page/api/me")).status_code == 401
    trust.load_cert_chain(folder / "lobby-tv.crt", folder / "lobby-tv.key")
    async with httpx.AsyncClient(base_url=f"https://{url}", verify=trust, trust_env=False) as television:
        me = (await television.get("/page/api/me")).json()
        assert me["user"] == "lobby-tv"
    wanted = f"wss://{url}/page/ws?classes=agent&kinds=queues"
    async with connect(wanted, ssl=trust, subprotocols=[Subprotocol("ami.json")], proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
        first = json.loads(await socket.recv())
        assert first["type"] == "snapshot", first


def test_a_browser_can_import_the_certificate(tmp_path: Path) -> None:
    if shutil.which("pk12util") is None:
        give_up("BROWSER", "there is no pk12util: apt-get install libnss3-tools")
    (tmp_path / "etc/certs").mkdir(parents=True, mode=0o700)
    for block in of(_TELEVISION, "sh"):
        run(block.text, tmp_path)
    shutil.copy(tmp_path / "etc/clients-ca/ca.crt", tmp_path / "ca.crt")
    [imports] = of(_TELEVISION, "sh client")
    run(imports.text, tmp_path)
    told = subprocess.run(
        ["certutil", "-L", "-d", f"sql:{tmp_path}/.pki/nssdb"], check=True, capture_output=True, text=True
    )
    assert re.search(r"^lobby-tv +u,u,u", told.stdout, re.MULTILINE)
    assert not (tmp_path / "lobby-tv.p12").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_in_the_readme_is_small_and_of_the_right_size(scheme: str) -> None:
    name = f"deploy/images/wallboard-{scheme}.png"
    assert name in (TOP / "README.md").read_text()
    content = (TOP / name).read_bytes()
    assert len(content) <= picture.MOST_BYTES
    assert struct.unpack(">II", content[16:24]) == (picture.WIDTH, picture.HEIGHT)
